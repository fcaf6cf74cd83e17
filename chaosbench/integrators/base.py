"""The contract of an integrator.

1. `solve` returns states at exactly the requested times; column 0 of the states belongs to times[..., 0], and times[..., 0] is where
   `initial` stands (an output there is the initial state itself).
2. Misuse raises IntegrationError. Numerical failure never raises: the trajectory's status says what happened, its states are NaN
   from the failure on, and the other trajectories are untouched.
3. Results depend on the arguments alone: not on the number of threads, nor on which trajectories are solved together.
4. `Solution.final` continues the run: solving on from it is the same trajectory to the integrator's tolerance.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.integrators._events import Events

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class Status(IntEnum):
    """How one trajectory ended. OK is 0 so that `status.any()` asks whether anything failed."""

    OK = 0
    BLOW_UP = 1
    STEP_UNDERFLOW = 2
    TOO_MANY_STEPS = 3
    INTERRUPTED = 4
    STIFF = 5
    ZENO = 6
    NO_NUMBER = 7

    @property
    def sentence(self) -> str:
        """What happened, for a reader."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.OK: "reached the last requested time",
    Status.BLOW_UP: (
        "a state became non-finite or exceeded 1e12 in absolute value: the trajectory escapes, the step is too coarse, or the reset of an event gave "
        "no number"
    ),
    Status.STEP_UNDERFLOW: "the step fell below 16 units in the last place of t: a singularity, a discontinuity, or a stiff problem",
    Status.TOO_MANY_STEPS: "max_steps steps were taken before the last requested time: raise max_steps or loosen the tolerance",
    Status.INTERRUPTED: "the run was interrupted before this trajectory finished",
    Status.STIFF: (
        "the explicit method gave up because the system is stiff here: stability, not accuracy, limits its steps; "
        "take an implicit integrator, see `chaosbench list integrators`"
    ),
    Status.ZENO: (
        "events follow each other while hardly any time passes: either infinitely many impacts end in rest, then give the event a `rest` rule; "
        "or events undo each other, as those of a relay without hysteresis, then set their guards apart"
    ),
    Status.NO_NUMBER: (
        "the guard of an armed event, or a `when`, is not a number here (root or logarithm of a negative number, 0/0): such an event cannot be seen; "
        "write it so that it is a number wherever orbits go, as sqrt(max(x, 0)), or arm it by a `when` only where it is one"
    ),
}


@dataclass(frozen=True)
class InitialState:
    """Where a run starts.

    states: (B, D) float64. history: (B, L, D) for delay systems, the state at `time - lags[l]`, or None. lags: (L,) uniform grid from
    the largest lag down to 0, or None. history[:, -1] equals states. noise: (B, 2) uint64 for stochastic systems, the number of the stream of random
    numbers and the count of finest steps of it that are used up; None means streams 0 ... B - 1 from their beginning.
    """

    states: np.ndarray
    history: np.ndarray | None = None
    lags: np.ndarray | None = None
    noise: np.ndarray | None = None


@dataclass(frozen=True)
class ExtendedState(InitialState):
    """States of about 30 digits: the unevaluated sum states + low, low (B, D) at most half a unit in the last place of states."""

    low: np.ndarray | None = None


@dataclass(frozen=True)
class FieldState(InitialState):
    """States of fields with their spectra (B, F, *K) complex128 as numpy.fft.rfftn (real fields) or fftn gives them: a run goes on from these."""

    spectra: np.ndarray | None = None


@dataclass(frozen=True)
class Solution:
    """What an integrator returns.

    times: (T,) or (B, T). states: (B, T, D), NaN from a failure on. status: (B,) int8 of Status. evaluations, rejected: (B,) int64
    counts of right-hand-side evaluations and rejected steps (a clock-free measure of work). final: the last state reached. events: those of a
    hybrid system.
    """

    times: np.ndarray
    states: np.ndarray
    status: np.ndarray
    evaluations: np.ndarray
    rejected: np.ndarray
    final: InitialState
    events: Events | None = None


class Integrator(ABC):
    """One method. Class attributes describe it; instances hold at most its options, none of which is required.

    order: of convergence in the step (of stochastic methods the strong order for the noise they are made for). adaptive: the step follows rtol and
    atol. implicit: made for stiff systems, where the stability of explicit methods and not their accuracy would set the step. needs_equations: values
    of the right-hand side are not enough, so that a system given as a function is refused. reference: more exact and slower than usual work needs,
    for checking other methods; never chosen unasked.
    tolerances: rtol and atol where a caller has no wish. conserves: names of what is kept exactly. source: who found it.
    """

    kinds: ClassVar[tuple[str, ...]]
    order: ClassVar[float]
    adaptive: ClassVar[bool]
    implicit: ClassVar[bool] = False
    needs_equations: ClassVar[bool] = False
    reference: ClassVar[bool] = False
    tolerances: ClassVar[tuple[float, float]] = (1e-9, 1e-12)
    conserves: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str]

    @property
    def options(self) -> dict[str, float]:
        """What this instance was made with beyond the default, by name; part of every recipe."""
        return {}

    @classmethod
    def unsupported(cls, system: "CompiledSystem") -> str | None:
        """Return why this method cannot solve `system`, though it is of a kind it solves; None if it can."""
        return None

    def finer(self, system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray) -> "Integrator | None":
        """Return this method with steps half as long as those from `states` (B, D) with `parameters` (B, P); None if its steps follow tolerances."""
        return None

    @abstractmethod
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
        """Solve all B trajectories at `times` and return a Solution.

        Parameters
        ----------
        times: (T,) shared or (B, T), strictly increasing. For maps whole numbers (iteration counts).
        parameters: (B, P) flat parameter vectors, one a trajectory; default the definition's.
        seed: used by stochastic methods only; others ignore it.
        rtol, atol: error per step, mixed relative and absolute; fixed-step methods and maps ignore them.
        max_steps: attempted steps per trajectory before TOO_MANY_STEPS.
        threads: worker threads, default $CHAOSBENCH_THREADS or all cores. out: (B, T, D) buffer to fill and return as `states`.
        progress: called with (trajectories done, B).
        """
