"""Taylor series of the solution itself, for every tolerance down to rounding."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._advance_drivers import solve_lanes
from chaosbench.integrators._memory import lane_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._threads import run_request
from chaosbench.integrators.base import InitialState, Integrator, Solution
from chaosbench.kernels.assemble import rolled_series

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

LANES = 8
_TIGHTEST = 1e-16
_MOST = 24
_ROUNDS = 256.0  # steps between two looks at whether the run was interrupted


def order_of(tolerance: float) -> int:
    """Return the order for a tolerance, 15 at 1e-9 and 23 at 1e-16.

    Three more than Jorba and Zou's optimum 1 - ln(tolerance) / 2: it counts the N^2 operations of a step alone, but a good part of its time does not
    grow with the order. The cost is flat here: one order more or less changes it by 2 %.
    """
    return min(max(math.ceil(4.0 - 0.5 * math.log(tolerance) - 1e-9), 5), _MOST)


class Taylor(Integrator):
    """Steps of the order that the tolerance asks for, 15 at 1e-9 and 23 at 1e-16, eight trajectories at a time or eight cells of one.

    Method: the coefficients of the solution follow from automatic differentiation of the equations. The step is the one at which the last two
    terms come down to a twentieth of atol + rtol |x| in every component; nothing is rejected for accuracy. The polynomial is compared with the
    equations at its end, and bounds on what decides their branches keep it from passing a kink twice: the step is halved until it agrees to four
    tolerances. Outputs are values of the polynomial; they cost and change no steps. `order` is the order at the tightest tolerance.

    Error: the tolerance bounds the last term of each step, not the error of the trajectory; a chaotic flow amplifies it at the rate of its largest
    exponent. A step across a jump of the equations is off by four tolerances at most. Stiff systems need small steps, as with any explicit method.

    Size: systems with cells compile in a tenth of a second whatever their number; 1e5 cells take 70 MB a thread. A sum over pairs that cannot
    be taken apart keeps the coefficients of every pair: 35 MB for 300 cells. Without cells, a system of hundreds of operations is integrated one
    trajectory at a time; what takes long is compilation, which grows with its square: 2 s for 100 variables of ten operations each, 6 s for 200.
    """

    kinds = ("flows",)
    order = 23
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
        kernels = system.taylor_kernels(order, 1 if request.lanes == 1 or rolled_series(system.tape, order) else LANES)
        factor = float(f"{tolerance ** (-1.0 / (order * (order - 1))):.2g}")  # few digits, so that no machine's pow decides a bit
        costs, nothing = np.array([0, order + 1, 1, 0]), np.empty((request.lanes, 0))

        def task(first: int, beyond: int, stop: np.ndarray, max_steps: int) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_lanes(
                kernels.advance,
                kernels.width,
                costs,
                np.array([max(request.rtol, _TIGHTEST), request.atol, factor, max_steps, _ROUNDS, 0.0]),
                request.states,
                request.parameters,
                request.times,
                nothing,
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
        return request.solution(times)
