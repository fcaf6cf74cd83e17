"""The body that all explicit Runge-Kutta methods share: a method is a tableau, its order and its source."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.integrators._advance_drivers import solve_lanes
from chaosbench.integrators._delays import solve_delays
from chaosbench.integrators._drivers import begin_flows, solve_flows
from chaosbench.integrators._memory import kernel_arrays, lane_memory, starting_memory, working_memory
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._short_runs import run_request
from chaosbench.integrators.base import InitialState, Integrator, Solution
from chaosbench.kernels.rk_lanes import KEPT
from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem
    from chaosbench.kernels.build import PairKernels

Progress = Callable[[int, int], None]
LANES = 8
_ROUNDS = 256.0  # steps between two looks at whether the run was interrupted


class RungeKutta(Integrator):
    """An embedded explicit pair with proportional-integral step control and continuous output, eight trajectories of a flow at a time.

    Method: local extrapolation, first same as last. A step is accepted if the root mean square over the components of error / (atol + rtol
    max(|x|, |x_new|)) is at most 1. No step is shortened for an output: outputs are taken from the continuous extension, the last one
    is the state reached, and the last steps are cut so that the final time is hit exactly and never passed. A non-finite trial state
    counts as a rejection. Delays by the method of steps.

    Error: the tolerance bounds the error of each step, not of the trajectory; a chaotic flow amplifies it at the rate of its largest exponent.
    """

    kinds = ("flows", "delays")
    adaptive = True
    tableau: ClassVar[Tableau]

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
        progress: Progress | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        several = request.lanes > 1 and request.times.shape[1] > 1 and system.definition.kind == "flows"
        kernels = system.pair_kernels(self.tableau, LANES) if several else None
        if kernels is None:
            return self._run(request, initial, times, progress)
        self._run_lanes(request, kernels, progress)
        return request.solution(times)

    def _run(self, request: Request, initial: InitialState, times: np.ndarray, progress: Progress | None = None, fixed: float = 0.0) -> Solution:
        """Run a checked request one by one; fixed > 0 takes steps of that size whatever the error (how the orders are measured)."""
        if request.system.definition.kind == "delays":
            return request.solution(times, solve_delays(self.tableau, request, initial, fixed, progress))
        kernels = request.system.kernels(self.tableau)
        address, sizes = kernel_arrays(kernels, self.tableau)
        settings = np.array([request.rtol, request.atol, fixed])

        def task(first: int, beyond: int, stop: np.ndarray, max_steps: int) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_flows(
                address,
                sizes,
                settings,
                max_steps,
                request.states,
                request.parameters,
                request.times,
                working_memory(kernels),
                request.out,
                request.final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_request(task, request, progress)
        return request.solution(times)

    def _run_lanes(self, request: Request, kernels: "PairKernels", progress: Progress | None = None) -> None:
        """Run a checked request with the trajectories in lanes; each gets the bits that it has alone."""
        tableau, dimension = self.tableau, request.states.shape[1]
        address = np.array([kernels.value, 0, 0], dtype=np.int64)
        sizes = np.array([dimension, tableau.stages, tableau.degree, len(tableau.dense_c), tableau.error_order], dtype=np.int64)
        costs = np.array([2, tableau.stages - 1, 0, len(tableau.dense_c)], dtype=np.int64)
        kept = np.zeros((request.lanes, len(KEPT) + dimension))

        def task(first: int, beyond: int, stop: np.ndarray, max_steps: int) -> None:
            """Solve one block of trajectories with working memory of its own."""
            settings = np.array([request.rtol, request.atol, 0.0, max_steps, _ROUNDS, 0.0])
            arrays = (request.states, request.parameters, request.times)
            begin_flows(address, sizes, settings, *arrays, starting_memory(dimension), kept, first, beyond)
            solve_lanes(
                kernels.advance,
                kernels.width,
                costs,
                settings,
                *arrays,
                kept,
                lane_memory(kernels),
                request.out,
                request.final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_request(task, request, progress, grain=kernels.width)
