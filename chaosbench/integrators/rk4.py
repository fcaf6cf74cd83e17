"""The classical Runge-Kutta method of order 4 with fixed steps, for comparison."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._equal_steps import checked_step, longest_steps
from chaosbench.integrators._fixed_drivers import solve_fixed
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_FRACTION = 0.01


class Rk4(Integrator):
    """Four right-hand sides a step, no error control; rtol and atol are ignored.

    Parameters
    ----------
    step: the longest step, in the system's unit of time. Each sampling interval is divided into equal steps no longer than that, so every output
        is a state of the method itself. None: a hundredth of 1 / |J|, the shortest time scale at the trajectory's own initial state, rounded down to
        a power of two; |J| is the root of the largest column sum times the largest row sum of the Jacobian's absolute values.

    Error: global error of order step^4; with the default about 1e-10 a time scale |J|, where the time scale does not change along the trajectory.
    A run in pieces repeats the whole run only if `step` is given and the pieces end at sampling times.
    """

    kinds = ("flows",)
    order = 4
    adaptive = False
    source = (
        "W. Kutta, Beitrag zur naeherungsweisen Integration totaler Differentialgleichungen, "
        "Zeitschrift fuer Mathematik und Physik 46, 435-453 (1901)"
    )

    def __init__(self, step: float | None = None) -> None:
        self.step = checked_step(step)

    @property
    def options(self) -> dict[str, float]:
        """The step, if given."""
        return {} if self.step is None else {"step": float(self.step)}

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
        kernels = system.kernels()
        address, _ = kernel_arrays(kernels)
        longest = longest_steps(request, self.step, _FRACTION)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_fixed(
                address,
                longest,
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
