"""The objective that every torch forecaster is selected by: valid prediction time on held-out initial conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from chaosbench.forecasters._plrnn_sums import pairwise_sum
from chaosbench.forecasters._torch_loop import TorchLoop

_THRESHOLD = 0.4  # root mean square error over components, in standard deviations
_WINDOWS = 32
_CONTEXT = 64
_HORIZON = 512
_CHUNK = 32  # leads between two looks at whether any window is still valid


@dataclass(frozen=True)
class Windows:
    """Held-out windows: context (W, C, D) and what follows, truth (W, H, D)."""

    context: Tensor
    truth: Tensor


def cut_windows(checks: Sequence[np.ndarray], device: torch.device, reads: int = 1) -> Windows | None:
    """Return about 32 evenly spaced windows of the held-out series, or None when there are none as long as the `reads` samples a model needs.

    All windows have one shape, set by the shortest series: a context of 64 samples or a quarter of the series, and a horizon of 512 samples or
    half of the rest.
    """
    checks = [series for series in checks if len(series) > reads]
    if not checks:
        return None
    shortest = min(len(series) for series in checks)
    context = max(reads, min(_CONTEXT, shortest // 4))
    horizon = min(_HORIZON, (shortest - context + 1) // 2)
    each = -(-_WINDOWS // len(checks))
    cut = []
    for series in checks:
        last = len(series) - context - horizon
        starts = np.unique(np.linspace(0, last, min(each, last + 1)).astype(int))
        cut += [series[start : start + context + horizon] for start in starts]
    both = torch.as_tensor(np.stack(cut), dtype=torch.float64, device=device)
    return Windows(both[:, :context], both[:, context:])


class Free(Protocol):
    """Stacked networks that run on their own output: contexts (R, W, C, D), states (R, W, S), observations (R, W, D)."""

    def start(self, context: Tensor) -> Tensor:
        """Return the states after reading `context`."""

    def step(self, state: Tensor) -> Tensor:
        """Return the next states."""

    def observe(self, state: Tensor) -> Tensor:
        """Return the observations of `state`."""


class Alone:
    """The closed loop of one network as a stack of one."""

    def __init__(self, loop: TorchLoop) -> None:
        self._loop = loop

    def start(self, context: Tensor) -> Tensor:
        """Return the states (1, W, S) after reading `context` (1, W, C, D)."""
        return self._loop.start(context[0])[None]

    def step(self, state: Tensor) -> Tensor:
        """Return the next states (1, W, S)."""
        return self._loop.step(state[0])[None]

    def observe(self, state: Tensor) -> Tensor:
        """Return the observations (1, W, D)."""
        return self._loop.observe(state[0])[None]


def valid_windows(free: Free, windows: Sequence[Windows]) -> Tensor:
    """Return (R, W) the number of leads of each window before its error first exceeds 0.4 standard deviations.

    A non-finite error exceeds it. Windows of all runs have one shape. Stops as soon as every window has been left, so that poor models cost little.
    """
    state = free.start(torch.stack([window.context for window in windows]))
    truth = torch.stack([window.truth for window in windows])  # (R, W, H, D)
    alive = torch.ones(truth.shape[:2], dtype=torch.bool, device=truth.device)
    total = torch.zeros(truth.shape[:2], dtype=torch.int64, device=truth.device)
    for first in range(0, truth.shape[2], _CHUNK):
        wanted = truth[:, :, first : first + _CHUNK]
        seen = torch.empty_like(wanted)
        for lead in range(wanted.shape[2]):
            state = free.step(state)
            seen[:, :, lead] = free.observe(state)
        good = (pairwise_sum((seen - wanted).square()) / wanted.shape[-1]).sqrt() <= _THRESHOLD
        run = torch.cumprod(good.to(torch.int64), 2) * alive[..., None]
        total += run.sum(2)
        alive = run[..., -1].bool()
        if not bool(alive.any()):
            break
    return total


@torch.inference_mode()
def valid_steps(loop: TorchLoop, windows: Windows) -> float:
    """Return the mean over windows of the number of leads before the error first exceeds 0.4 standard deviations."""
    return float(valid_windows(Alone(loop), [windows]).double().mean())
