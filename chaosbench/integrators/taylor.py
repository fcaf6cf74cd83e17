"""Taylor series of the solution itself, for every tolerance down to rounding."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._advance_drivers import solve_lanes
from chaosbench.integrators._memory import lane_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

LANES = 8
_TIGHTEST = 1e-16
_MOST = 24
_ROUNDS = 256.0  # steps between two looks at whether the run was interrupted


def order_of(tolerance: float) -> int:
    """Return the order at which a step of one e^2-th of the radius of convergence has a last term of the tolerance (Jorba and Zou, eq. 3-6)."""
    return min(max(math.ceil(1.0 - 0.5 * math.log(tolerance) - 1e-9), 4), _MOST)


class Taylor(Integrator):
    """Steps of the order that the tolerance asks for, 12 at 1e-9 and 20 at 1e-16, eight trajectories at a time.

    Method: the coefficients of the solution follow from automatic differentiation of the equations. The step is the one at which the last two terms
    come down to atol + rtol |x| in every component; nothing is rejected for accuracy. The polynomial is compared with the equations at its end,
    which catches kinks and jumps that no coefficient can see: the step is halved until they agree to ten times the tolerance. Outputs are values of
    the polynomial; they cost and change no steps. `order` is the order at the tightest tolerance.

    Error: the tolerance bounds the last term of each step, not the error of the trajectory; a chaotic flow amplifies it at the rate of its largest
    exponent. A step across a jump of the equations ends within ten tolerances of it. Stiff systems need small steps, as with any explicit method.
    """

    kinds = ("flows",)
    order = 20
    adaptive = True
    needs_equations = True
    source = (
        "A. Jorba and M. Zou, A software package for the numerical integration of ODEs by means of high-order Taylor methods, "
        "Experimental Mathematics 14, 99-117 (2005), doi:10.1080/10586458.2005.10128904"
    )

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
        """Solve all trajectories at `times`; see `Integrator.solve`. An rtol below 1e-16 is taken as 1e-16."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        tolerance = max(request.rtol, min(request.atol, 1e-2), _TIGHTEST)
        order = order_of(tolerance)
        kernels = system.taylor_kernels(order, 1 if request.lanes == 1 else LANES)
        factor = float(f"{tolerance ** (-1.0 / (order * (order - 1))):.2g}")  # few digits, so that no machine's pow decides a bit
        settings = np.array([max(request.rtol, _TIGHTEST), request.atol, factor, request.max_steps, _ROUNDS, 0.0])

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_lanes(
                kernels.advance,
                kernels.width,
                order + 1,
                settings,
                request.states,
                request.parameters,
                request.times,
                lane_memory(kernels),
                request.out,
                request.final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress, grain=kernels.width * kernels.groups)
        return request.solution(times)
