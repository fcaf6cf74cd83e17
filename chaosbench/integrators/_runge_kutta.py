"""The body that all explicit Runge-Kutta methods share: a method is a tableau, its order and its source."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.integrators._delays import solve_delays
from chaosbench.integrators._drivers import solve_flows
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution
from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class RungeKutta(Integrator):
    """An embedded explicit pair with proportional-integral step control and continuous output.

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
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        return self._run(request, initial, times, progress)

    def _run(
        self, request: Request, initial: InitialState, times: np.ndarray, progress: Callable[[int, int], None] | None = None, fixed: float = 0.0
    ) -> Solution:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error (how the orders are measured)."""
        if request.system.definition.kind == "delays":
            return request.solution(times, solve_delays(self.tableau, request, initial, fixed, progress))
        kernels = request.system.kernels(self.tableau)
        address, sizes = kernel_arrays(kernels, self.tableau)
        settings = np.array([request.rtol, request.atol, fixed])

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_flows(
                address,
                sizes,
                settings,
                request.max_steps,
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

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times)
