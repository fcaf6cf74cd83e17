"""Taylor series and iterations in double-double arithmetic: about 30 digits, the reference for everything else."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators._extended_drivers import solve_extended
from chaosbench.integrators._extended_maps import iterate_extended
from chaosbench.integrators._request import Request, checked, floats
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import ExtendedState, InitialState, Integrator, Solution
from chaosbench.kernels.double_double import parts
from chaosbench.kernels.double_double_build import ExtendedCode, build_extended

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

LANES = 8
_TIGHTEST = 1e-30
_FEWEST, _MOST = 8, 36


class Extended(Integrator):
    """Taylor steps of order 34 at the tolerance 1e-28, states carried as pairs of doubles; maps are iterated in the same arithmetic.

    Method: coefficients by automatic differentiation; the step is the one at which the last two terms come down to atol + rtol times the largest
    component, halved while the polynomial leaves the equations (kinks, jumps). The order follows from the tolerance. Parameters and constants are
    taken as the doubles they are, so that the equations are exactly those that every other integrator solves. A run goes on from `Solution.final`
    with all digits.

    Error: the tolerance, 1e-30 or more, bounds the last term of a step; arithmetic adds about 1e-31 a step. Outputs are rounded to doubles.
    """

    kinds = ("flows", "maps")
    order = 34
    adaptive = True
    reference = True
    tolerances = (1e-28, 1e-30)
    needs_equations = True
    source = (
        "A. Jorba and M. Zou, Experimental Mathematics 14, 99-117 (2005), doi:10.1080/10586458.2005.10128904 (step and order); "
        "M. Joldes, J.-M. Muller, V. Popescu, ACM Transactions on Mathematical Software 44, 15res (2017), doi:10.1145/3121432 (arithmetic)"
    )

    def solve(
        self,
        system: "CompiledSystem",
        initial: InitialState,
        times: np.ndarray,
        *,
        parameters: np.ndarray | None = None,
        seed: int | None = None,
        rtol: float = 1e-28,
        atol: float = 1e-30,
        max_steps: int = 10_000_000,
        threads: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`. rtol must be at least 1e-30; maps ignore the tolerances."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        if system.definition.kind == "maps":
            return self._iterate(request, initial, times, progress)
        if rtol < _TIGHTEST:
            raise IntegrationError(f"rtol is {rtol}; pairs of doubles carry 31 digits, so it must be at least {_TIGHTEST}; 1e-28 is usual")
        return self._run(request, initial, times, progress)

    def _run(
        self,
        request: Request,
        initial: InitialState,
        times: np.ndarray,
        progress: Callable[[int, int], None] | None = None,
        *,
        fixed: float = 0.0,
        order: int | None = None,
    ) -> Solution:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error, `order` forces the order (how it is measured)."""
        degree = order or order_of(request.rtol)
        safety = round(0.7 / math.log(2.0) / (degree - 1), 4)
        tolerances = np.array([request.rtol, request.atol, safety])
        code = _code(request)
        states, final = _pairs(request, initial), np.empty((request.lanes, 2, request.system.dimension))
        sizes = np.array([code.width, code.size, degree, code.start, code.block], dtype=np.int64)
        address = np.array([code.value, code.jet, code.step], dtype=np.int64)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_extended(
                address,
                sizes,
                tolerances,
                fixed,
                request.max_steps,
                states,
                request.parameters,
                request.times,
                _memory(code, degree, request.parameters.shape[1]),
                request.out,
                final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress, grain=code.width)
        return request.solution(times, _state(final))

    def _iterate(self, request: Request, initial: InitialState, times: np.ndarray, progress: Callable[[int, int], None] | None) -> Solution:
        broken = request.times[(request.times != np.floor(request.times)) | (np.abs(request.times) > 2.0**53)]
        if broken.size:
            raise IntegrationError(f"times contains {broken[0]}; for a map they count iterations and must be whole numbers, as np.arange(T)")
        code = _code(request)
        states, final = _pairs(request, initial), np.empty((request.lanes, 2, request.system.dimension))
        sizes = np.array([code.width, code.size, 0, code.start, code.block], dtype=np.int64)
        address = np.array([code.value, code.jet, code.step], dtype=np.int64)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Iterate one block of trajectories with working memory of its own."""
            iterate_extended(
                address,
                sizes,
                request.max_steps,
                states,
                request.parameters,
                request.times,
                _memory(code, 0, request.parameters.shape[1]),
                request.out,
                final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress, grain=code.width)
        return request.solution(times, _state(final))


def order_of(tolerance: float) -> int:
    """Return the order at which a step of one e^2-th of the radius of convergence has a last term of the tolerance (Jorba and Zou, eq. 3-6)."""
    return min(max(math.ceil(1.0 - 0.5 * math.log(tolerance) - 1e-9), _FEWEST), _MOST)


def reference_solution(system: "CompiledSystem", state: np.ndarray, times: np.ndarray, tolerance: float = 1e-25) -> np.ndarray:
    """Return the true states (T, D) at `times` (T,) through `state` (D,), or (B, T, D) through states (B, D), rounded to doubles.

    The error is what the dynamics makes of `tolerance` a step: at 1e-25 below the last bit of a double for ln(1e9) = 20 Lyapunov times.

    Raises IntegrationError when a trajectory ends early, and for systems that `Extended` does not take.
    """
    states = np.atleast_2d(np.asarray(state, dtype=np.float64))
    solution = Extended().solve(system, InitialState(states), times, rtol=tolerance, atol=1e-2 * tolerance)
    if solution.status.any():
        ended = int(solution.status[np.flatnonzero(solution.status)[0]])
        raise IntegrationError(f"{system.definition.name}: the reference solution ended early with status {ended}; shorten the times")
    return solution.states if np.ndim(state) > 1 else solution.states[0]


def _code(request: Request) -> ExtendedCode:
    system = request.system
    return build_extended(system.tape, structure=system.definition.structure, width=1 if request.lanes == 1 else LANES)


def _memory(code: ExtendedCode, order: int, n_parameters: int) -> tuple[np.ndarray, ...]:
    """Return the drivers' `buffers`: u, p, a, past, work, result."""
    width = code.width
    lengths = (2 * code.size * width, n_parameters * width, 1 + 3 * width)
    u, p, a = (np.zeros(max(length, 1)) for length in lengths)
    return u, p, a, _inverses(order), np.zeros(code.work_size(order)), np.zeros(code.out_size)


@lru_cache(maxsize=64)
def _inverses(order: int) -> np.ndarray:
    """Return the pairs 1 / n for n = 0 .. order + 1, 0 in place of 1 / 0; only read."""
    return np.array([(0.0, 0.0), *(parts(Fraction(1, n)) for n in range(1, order + 2))]).ravel()


def _pairs(request: Request, initial: InitialState) -> np.ndarray:
    """Return the initial states as (B, 2, D)."""
    low = initial.low if isinstance(initial, ExtendedState) else None
    if low is None:
        return np.stack([request.states, np.zeros_like(request.states)], axis=1)
    low = floats(low, "initial.low", request.states.shape)
    if not (np.abs(low) <= np.abs(np.spacing(request.states))).all():
        raise IntegrationError("initial.low has an entry above the last place of its state; it is what rounding the state to a double left over")
    return np.stack([request.states, low], axis=1)


def _state(final: np.ndarray) -> ExtendedState:
    return ExtendedState(np.ascontiguousarray(final[:, 0]), low=np.ascontiguousarray(final[:, 1]))
