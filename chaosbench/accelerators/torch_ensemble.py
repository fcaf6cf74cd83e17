"""All trajectories of an ensemble at once, as batched torch operations on a GPU or a processor."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from chaosbench.accelerators.batched import batched_function
from chaosbench.accelerators.requests import checked_counts, tableau_of
from chaosbench.accelerators.torch_adaptive import Results, Settings, solve_adaptive
from chaosbench.accelerators.torch_fixed import solve_fixed, solve_map
from chaosbench.accelerators.torch_place import place_of, quiet
from chaosbench.accelerators.torch_steps import Pair, Rates
from chaosbench.errors import IntegrationError
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_LARGEST_BUFFER = 2**30  # bytes of samples on the device at a time


class TorchEnsemble(Integrator):
    """An explicit Runge-Kutta pair over a whole batch; maps are iterated.

    Parameters
    ----------
    method: an explicit Runge-Kutta integrator of the catalogue, class or instance, whose tableau is used.
    device: "cuda", "cuda:1", ... or "cpu". dtype: of the states, "float64" or "float32".
    steps: None for error control, every trajectory with a step of its own; or the number of equal steps from each sample time to the next.
    lanes: trajectories on the device at a time; fewer if their samples would take more than 1 GiB.
    acceleration: for equal steps, "graph" records the launches of one step in a CUDA graph, "compile" fuses its operations with torch.compile.

    Method: as `RungeKutta` with the same control and continuous extension, so the same results to the tolerance. A trajectory's bits do not depend on
    its company, except under "compile" and for torch modules with matrix products. Equal steps: the state after each sample interval is the output.
    Error: adaptive, that of the method at the tolerance; equal steps, order `order` in the step.
    """

    kinds = ("flows", "maps")
    order: int  # type: ignore[misc]  # that of the method
    adaptive: bool  # type: ignore[misc]
    source: ClassVar[str] = "the source of the method it is given"

    def __init__(
        self,
        method: type[Integrator] | Integrator,
        *,
        device: str = "cuda",
        dtype: Literal["float64", "float32"] = "float64",
        steps: int | None = None,
        lanes: int = 2**17,
        acceleration: Literal["none", "graph", "compile"] = "none",
    ) -> None:
        self.tableau, self.order = tableau_of(method)
        self.place = place_of(device, dtype)
        self.steps, self.lanes = checked_counts(steps, lanes)
        self.adaptive = steps is None
        self.acceleration = acceleration
        if acceleration not in ("none", "graph", "compile"):
            raise IntegrationError(f"acceleration is {acceleration!r}; rule: 'none', 'graph' or 'compile'; pass one of them")
        if acceleration != "none" and steps is None:
            raise IntegrationError(f"acceleration is {acceleration!r} without steps; rule: it needs equal steps; pass steps, or acceleration='none'")
        if acceleration == "graph" and self.place.device.type != "cuda":
            raise IntegrationError(f"acceleration is 'graph' on {device!r}; rule: a CUDA graph needs a GPU; pass device='cuda', or 'compile'")

    @property
    def options(self) -> dict[str, float]:
        """The order of the method, equal steps if any, and the bits of a state."""
        steps = {} if self.steps is None else {"steps": float(self.steps)}
        return {"order": float(self.order), **steps, "bits": float(self.place.bits)}

    def solve(
        self,
        system: "CompiledSystem",
        initial: InitialState,
        times: np.ndarray,
        *,
        parameters: np.ndarray | None = None,
        seed: int | None = None,
        rtol: float = 1e-9,
        atol: float = 1e-12,
        max_steps: int = 10_000_000,
        threads: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`. `threads` are torch's own, on a processor only."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        self.place.check_tolerance(rtol)
        self._run(request, threads, progress)
        return request.solution(times)

    def _run(self, request: Request, threads: int | None, progress: Callable[[int, int], None] | None = None, fixed: float = 0.0) -> None:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error (how the orders are measured)."""
        rates = self.place.rates(batched_function(request.system), request.system)
        samples, dimension = request.out.shape[1:]
        width = max(1, min(self.lanes, _LARGEST_BUFFER // (8 * samples * dimension)))
        with quiet(threads, self.place.device):
            for first in range(0, request.lanes, width):
                beyond = min(first + width, request.lanes)
                self._solve_chunk(rates, request, slice(first, beyond), fixed)
                if progress is not None:
                    progress(beyond, request.lanes)

    def _solve_chunk(self, rates: Rates, request: Request, chunk: slice, fixed: float) -> None:
        place = self.place
        states = place.array(request.states[chunk].T)
        parameters = place.array((request.parameters if len(request.parameters) == 1 else request.parameters[chunk]).T)
        times = request.times if len(request.times) == 1 else request.times[chunk]
        results = Results.on(place, states, times.shape[1])
        if request.system.definition.kind == "maps":
            solve_map(rates, states, parameters, times, request.max_steps, results)
        elif self.steps is not None:
            clock = place.clock(times)
            solve_fixed(Pair(self.tableau, rates), states, parameters, clock, self.steps, request.max_steps, results, self.acceleration)
        else:
            settings = Settings(request.rtol, request.atol, request.max_steps, fixed)
            solve_adaptive(Pair(self.tableau, rates), states, parameters, place.clock(times), settings, results)
        results.copy_to(request, chunk)
