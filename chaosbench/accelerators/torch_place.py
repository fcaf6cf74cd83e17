"""Where and in which precision a batch runs, checked once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from chaosbench.accelerators.torch_steps import Rates
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.foreign import BatchedSystem
from chaosbench.errors import IntegrationError
from chaosbench.expressions.torch import RightHandSide

_TIGHTEST_SINGLE = 1e-6


@dataclass(frozen=True)
class Place:
    """A device and the dtype of the states on it; times and steps are float64 always."""

    device: torch.device
    dtype: torch.dtype

    @property
    def bits(self) -> int:
        """The bits of a number of a state."""
        return 64 if self.dtype == torch.float64 else 32

    def array(self, values: np.ndarray) -> torch.Tensor:
        """Return states or parameters on the device, contiguous."""
        return torch.tensor(np.ascontiguousarray(values), dtype=self.dtype, device=self.device)

    def clock(self, times: np.ndarray) -> torch.Tensor:
        """Return times on the device."""
        return torch.tensor(times, dtype=torch.float64, device=self.device)

    def rates(self, function: RightHandSide, system: CompiledSystem) -> Rates:
        """Return the batched function of a system for states stored (D, B), checked on its first call."""
        dimension, name = system.dimension, system.definition.name
        if isinstance(system, BatchedSystem) and isinstance(system.function, torch.nn.Module):
            self._check_module(system.function, name)
        if not isinstance(system, BatchedSystem):
            return lambda states, parameters: function(states.T, parameters.T).T
        checked = False

        def rates(states: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
            nonlocal checked
            found = function(states.T, parameters.T.expand(states.shape[1], parameters.shape[0]))
            if not checked:
                _check_result(found, states, dimension, name)
                checked = True
            return found.T

        return rates

    def check_tolerance(self, rtol: float) -> None:
        """Refuse a tolerance that the dtype cannot resolve."""
        if self.dtype == torch.float32 and rtol < _TIGHTEST_SINGLE:
            raise IntegrationError(f"rtol is {rtol} in float32; rule: at least {_TIGHTEST_SINGLE}, its rounding is 6e-8; loosen it or use float64")

    def _check_module(self, module: torch.nn.Module, name: str) -> None:
        for label, weight in module.named_parameters():
            if weight.is_floating_point() and (weight.dtype != self.dtype or weight.device.type != self.device.type):
                found, wanted = f"{weight.dtype} on {weight.device}", f"{self.dtype} on {self.device}"
                raise IntegrationError(f"{name}: weight {label} is {found}; rule: that of the ensemble, {wanted}; call module.to({wanted!r})")


def place_of(device: str, dtype: str) -> Place:
    """Return the checked place; dtype "float64" or "float32"."""
    if dtype not in ("float64", "float32"):
        raise IntegrationError(f"dtype is {dtype!r}; rule: 'float64', or 'float32' for a rough look; pass one of them")
    chosen = torch.device(device)
    if chosen.type not in ("cuda", "cpu"):
        raise IntegrationError(f"device is {device!r}; rule: 'cuda' or 'cpu', the others have no float64; pass one of them")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise IntegrationError(
            f"device is {device!r}, but torch {torch.__version__} sees no GPU; install a CUDA build of torch, or pass device='cpu'"
        )
    return Place(chosen, torch.float64 if dtype == "float64" else torch.float32)


@contextmanager
def quiet(threads: int | None, device: torch.device) -> Iterator[None]:
    """Run without gradients and, on a processor, with the given number of threads."""
    before = torch.get_num_threads()
    try:
        if threads is not None and device.type == "cpu":
            torch.set_num_threads(threads)
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def _check_result(found: torch.Tensor, states: torch.Tensor, dimension: int, name: str) -> None:
    wanted = (states.shape[1], dimension)
    if not isinstance(found, torch.Tensor) or found.shape != wanted:
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise IntegrationError(f"{name}: the function returned {shape}; rule: a tensor {wanted}, one row for each state; correct it")
    if found.dtype != states.dtype or found.device != states.device:
        given, rule = f"{found.dtype} on {found.device}", f"{states.dtype} on {states.device}"
        raise IntegrationError(f"{name}: the function returned {given}; rule: the states' {rule}; convert it")
