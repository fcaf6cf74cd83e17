"""A call of `solve`, checked once at the border: the rules about arguments stand here, the drivers check nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.arrays import finite_array
from chaosbench.errors import IntegrationError
from chaosbench.integrators._choice import supporting
from chaosbench.integrators._events import Events
from chaosbench.integrators._stiffness import stiff_at
from chaosbench.integrators._threads import all_cores
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


@dataclass(frozen=True)
class Request:
    """Checked arguments and the arrays to fill: C-contiguous and writeable, so that one compiled driver fits every call.

    states (B, D), times (1 or B, T), parameters (1 or B, P), out (B, T, D), final (B, D), status (B,), counts (B, 2): evaluations and
    rejected steps. explicit: the method is one whose failures stiffness may explain.
    """

    system: "CompiledSystem"
    states: np.ndarray
    times: np.ndarray
    parameters: np.ndarray
    rtol: float
    atol: float
    max_steps: int
    threads: int
    out: np.ndarray
    final: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    explicit: bool

    @property
    def lanes(self) -> int:
        """The number of trajectories B."""
        return len(self.states)

    def solution(self, times: np.ndarray, final: InitialState | None = None, events: Events | None = None) -> Solution:
        """Return the filled arrays as a Solution at the caller's `times`; an explicit method that gave up on a stiff flow is told so."""
        reached = final or InitialState(self.final)
        if self.explicit:
            gave_up = (self.status == Status.TOO_MANY_STEPS) | (self.status == Status.STEP_UNDERFLOW)
            for lane in np.flatnonzero(gave_up).tolist():
                row = self.parameters[min(lane, len(self.parameters) - 1)]
                if stiff_at(self.system, reached.states[lane], row, self.rtol, self.atol):
                    self.status[lane] = Status.STIFF
        evaluations, rejected = self.counts.T.copy()
        return Solution(np.asarray(times, dtype=np.float64), self.out, self.status, evaluations, rejected, reached, events)


def checked(
    method: Integrator,
    system: "CompiledSystem",
    initial: InitialState,
    times: np.ndarray,
    parameters: np.ndarray | None,
    tolerances: tuple[float, float],
    max_steps: int,
    threads: int | None,
    out: np.ndarray | None,
) -> Request:
    """Return the arguments of `solve` as a Request, or raise IntegrationError with the value, the rule and the fix."""
    definition = system.definition
    if definition.kind not in method.kinds:
        able = ", ".join(supporting(definition.kind)) or "none yet"
        raise IntegrationError(
            f"{definition.name}: {type(method).__name__} solves {' and '.join(method.kinds)}, not {definition.kind}; integrators that do: {able}"
        )
    states = floats(initial.states, "initial.states", (None, system.dimension))
    if len(states) == 0:
        raise IntegrationError(f"initial.states has shape {states.shape}: no trajectory; pass at least one state")
    if initial.history is not None and definition.kind != "delays":
        raise IntegrationError(f"{definition.name}: initial.history is given, but only delay systems have a history; leave it None")
    if initial.noise is not None and definition.noise is None:
        raise IntegrationError(f"{definition.name}: initial.noise is given, but only stochastic systems have noise; leave it None")
    clock = _times(times, len(states))
    if parameters is None:
        values = floats(system.parameter_values[None], "the definition's parameters", (1, system.n_parameters))
    else:
        values = floats(parameters, "parameters", (len(states), system.n_parameters))
    _check_options(*tolerances, max_steps, threads)
    return Request(
        system=system,
        states=states,
        times=clock,
        parameters=values,
        rtol=float(tolerances[0]),
        atol=float(tolerances[1]),
        max_steps=int(max_steps),
        threads=threads or all_cores(),
        out=_buffer(out, (len(states), clock.shape[1], system.dimension)),
        final=np.empty_like(states),
        status=np.zeros(len(states), dtype=np.int8),
        counts=np.zeros((len(states), 2), dtype=np.int64),
        explicit=definition.kind == "flows" and not method.implicit,
    )


def floats(value: np.ndarray, name: str, shape: Sequence[int | None]) -> np.ndarray:
    """Return `value` as a finite, contiguous, aligned and writeable float64 array; a read-only one is copied."""
    return np.require(finite_array(value, name, shape, IntegrationError), requirements=("C", "A", "W", "E"))


def _times(times: np.ndarray, lanes: int) -> np.ndarray:
    clock = np.atleast_2d(floats(times, "times", (None,) if np.ndim(times) < 2 else (lanes, None)))
    if clock.shape[1] == 0:
        raise IntegrationError("times is empty; its first entry is the time of the initial state")
    steps = np.diff(clock, axis=1)
    if (steps <= 0.0).any():
        row, place = np.argwhere(steps <= 0.0)[0]
        before, after = clock[row, place : place + 2]
        raise IntegrationError(f"times[..., {place + 1}] is {after}, after {before}; times must increase strictly")
    return clock


def _check_options(rtol: float, atol: float, max_steps: int, threads: int | None) -> None:
    if not (np.isfinite(rtol) and rtol >= 0.0):
        raise IntegrationError(f"rtol is {rtol}; it must be finite and at least 0, 1e-9 is usual")
    if not (np.isfinite(atol) and atol > 0.0):
        raise IntegrationError(f"atol is {atol}; it must be finite and positive, or no component could pass through 0; 1e-12 is usual")
    if max_steps < 1:
        raise IntegrationError(f"max_steps is {max_steps}; it must be at least 1")
    if threads is not None and threads < 1:
        raise IntegrationError(f"threads is {threads}; it must be at least 1, or None for all cores")


def _buffer(out: np.ndarray | None, shape: tuple[int, int, int]) -> np.ndarray:
    if out is None:
        return np.empty(shape)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.float64:
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise IntegrationError(f"out is {found}; it must be a float64 array of shape {shape} (trajectory, time, component)")
    if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
        raise IntegrationError("out must be C-contiguous, aligned and writeable; pass np.empty((B, T, D)) and view it as you like afterwards")
    return np.asarray(out)
