"""The body that Rosenbrock methods share: a method is its coefficients and its source."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._rodas5p_tableau import Rosenbrock
from chaosbench.integrators._rosenbrock_drivers import solve_stiff
from chaosbench.integrators._rosenbrock_memory import method_arrays, stiff_memory
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class RosenbrockMethod(Integrator):
    """A linearly implicit pair with the analytic Jacobian, proportional-integral step control and continuous output.

    Method: at each state the Jacobian from the tangent kernel, one LU factorisation with partial pivoting a step, no iteration and therefore no
    failure to converge. Error norm, step control, outputs and clock are those of the explicit methods. The Jacobian must exist: next to a
    state where it is infinite the step underflows. The work of a step grows like D^3 for a full Jacobian of D components, like D for a chain or
    ring of cells.

    Error: as for the explicit methods. `evaluations` counts a Jacobian as one right-hand side and one more for each tangent (see `_jacobian`).
    """

    kinds = ("flows",)
    adaptive = True
    implicit = True
    needs_equations = True
    coefficients: ClassVar[Rosenbrock]

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
        return self._run(request, times, progress)

    def _run(self, request: Request, times: np.ndarray, progress: Callable[[int, int], None] | None = None, fixed: float = 0.0) -> Solution:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error (how the orders are measured)."""
        system, coefficients = request.system, self.coefficients
        address, sizes, method = method_arrays(system, coefficients)
        settings = np.array([request.rtol, request.atol, fixed])
        trace = np.empty((0, 2 + system.dimension))

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_stiff(
                address,
                sizes,
                settings,
                request.max_steps,
                method,
                request.states,
                request.parameters,
                request.times,
                *stiff_memory(system, coefficients),
                request.out,
                request.final,
                request.status,
                request.counts,
                trace,
                stop,
                first,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times)
