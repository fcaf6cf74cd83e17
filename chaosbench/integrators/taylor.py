"""Taylor series of the solution itself, for every tolerance down to rounding."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators._advance_drivers import solve_lanes
from chaosbench.integrators._choice import start_of
from chaosbench.integrators._memory import lane_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._short_runs import run_request
from chaosbench.integrators.base import InitialState, Integrator, Solution
from chaosbench.kernels.assemble import rolled_series
from chaosbench.kernels.radius import SHARE

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


def landing_order(system: "CompiledSystem", interval: float, rtol: float, atol: float) -> int:
    """Return the order at which steps of a sampling interval keep the tolerance over most of the attractor.

    Method: 256 steps of usual order on an orbit from the definition's initial rule show the mean radius of convergence; half of it is reckoned
    with. Where the radius is smaller still, a step shorter than the interval is taken. The order depends on system, interval and tolerances alone.
    """
    tolerance = _tolerance(rtol, atol)
    usual = order_of(tolerance)
    start, times = InitialState(start_of(system)[None]), interval * np.arange(4096)
    probe = Taylor().solve(system, start, times, rtol=rtol, atol=atol, max_steps=256, threads=1)
    steps = (probe.evaluations[0] - probe.rejected[0]) / (usual + 1)
    length = interval * (np.isfinite(probe.states[0, :, 0]).sum() - 1) / max(steps, 1.0)
    small = math.log(SHARE * tolerance)
    ratio = interval * math.exp(small / usual) / (0.5 * length) if length > 0.0 else 1.0
    return usual if ratio >= 1.0 else min(max(math.ceil(small / math.log(ratio)), 4), usual)


def _tolerance(rtol: float, atol: float) -> float:
    return max(rtol, min(atol, 1e-2), _TIGHTEST)


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

    Parameters
    ----------
    on_samples: end every step on a sample, with the order that the sampling interval allows (see `landing_order`), instead of stepping past
        samples and evaluating the polynomial there. Errors are then far below the tolerance, at about the same cost for the same error, and the
        trajectory depends on its sampling. Not for systems with cells.
    """

    kinds = ("flows",)
    order = 23
    adaptive = True
    needs_equations = True
    source = (
        "A. Jorba and M. Zou, A software package for the numerical integration of ODEs by means of high-order Taylor methods, "
        "Experimental Mathematics 14, 99-117 (2005), doi:10.1080/10586458.2005.10128904"
    )

    def __init__(self, *, on_samples: bool = False) -> None:
        self.on_samples = on_samples

    @property
    def options(self) -> dict[str, float]:
        """Whether steps end on the samples."""
        return {"on_samples": 1.0} if self.on_samples else {}

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
        tolerance = _tolerance(request.rtol, request.atol)
        order = order_of(tolerance)
        rolled = rolled_series(system.tape, order)
        if self.on_samples and rolled:
            raise IntegrationError(
                f"{system.definition.name}: on_samples is for systems without cells and of less than some hundred operations; leave it out"
            )
        if self.on_samples and request.times.shape[1] > 1:
            order = landing_order(system, float(np.median(np.diff(request.times[0]))), request.rtol, request.atol)
        kernels = system.taylor_kernels(order, 1 if request.lanes == 1 or rolled else LANES, landing=self.on_samples)
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
