"""How long a trajectory can be believed: its trust horizon, from a second integration.

The statement: up to its horizon every stored sample is within 1 % of each component's standard deviation of the true solution that starts in the
trajectory's initial state. It is made in one of four ways, and the dataset says which.

- "reference": the second integration carries 30 digits (`Integrator.reference`), so that the difference is the error itself. The horizon ends when it
  passes half of the 1 %, which leaves room for another choice of norm or of the standard deviation. Flows and maps.
- "second method": the other integrator of highest order at a tenth of the tolerances, for what no reference method takes (delays, systems too large
  for one). Both are wrong by amounts that grow alike, so their difference may be small by chance. If the errors are a1 v(t) and a2 v(t) with
  independent normal a1, a2, then P(|a1 - a2| < c |a1|) is at most about c / pi, the worst case being equal deviations: a2 / a1 is a Cauchy variable,
  whose density at 1 is at most 1 / (2 pi). The horizon ends at a tenth of the 1 %: c = 1 / 10, too long in 3.2 % of the cases at most.
- "finer steps": for a method of order p with equal steps, where the kind has no other (fields), again by it with half of them. The difference is
  1 - 2^-p of the error, 94 % at order 4. Ends at half of the 1 %.
- "second run": for a reference method itself, again by it, at another tolerance and order and from a start moved by 2^-98 of its size, far more than
  its arithmetic rounds. Ends at a tenth of the 1 %.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.errors import DatasetError, KernelError
from chaosbench.integrators.base import ExtendedState, InitialState, Integrator

if TYPE_CHECKING:
    from chaosbench.requests import Request

THRESHOLD = 0.01  # of the standard deviation
_SHARE = {"reference": 0.5, "second method": 0.1, "finer steps": 0.5, "second run": 0.1}  # of the threshold at which the horizon ends
_REFERENCE = 1e-22  # tolerance: a millionth of the best that doubles can do
_MOVED = 2.0**-98
_LAST_PLACES = 8.0 * 2.0**-52  # of the largest value: a difference that stored doubles have anyway
_MOST_STEPS = 1_000_000  # of a part of the second integration: what needs more is stiff or sampled hardly ever, and is believed no further
_SHORTEST, _PARTS = 64, 16  # samples of a part of the second integration at least, and parts of all of them


@dataclass(frozen=True)
class Certificate:
    """Trust horizons (B,) in the system's time unit, from the first sample on; the integrator that was used beside the first one, and how."""

    horizon: np.ndarray
    integrator: str
    rule: str

    def describe(self) -> dict[str, object]:
        """Return what a dataset says about it."""
        return {"integrator": self.integrator, "rule": self.rule, "threshold": THRESHOLD, "ends_at": THRESHOLD * _SHARE[self.rule]}


def certify(
    request: "Request", initial: InitialState, times: np.ndarray, states: np.ndarray, threads: int | None = None, *, rule: str | None = None
) -> Certificate:
    """Return how long `states` (B, T, D), the request's solution at `times` (T,) from `initial`, can be believed.

    Angles must not be wrapped yet. The second integration goes on in parts and leaves out whom it has lost, so that its cost is that of the horizon.
    A trajectory that ends early is believed up to there at most, and so is one whose second integration ends early. rule: one of "reference", "second
    method", "finer steps" and "second run"; None takes the first that the system and the integrator allow.

    Raises DatasetError when no integrator allows the rule.
    """
    kind, own = request.system.definition.kind, request.integrator
    comparison = _Comparison(request, initial, times, states, threads)
    if own.reference and rule in (None, "second run"):
        return Certificate(comparison.run(own, _moved(initial), _other(request.rtol, own), "second run"), request.integrator_name, "second run")
    others = [(name, load("integrators", name)) for name in names("integrators") if name != request.integrator_name]
    able = sorted(((name, method) for name, method in others if kind in method.kinds), key=lambda entry: (-entry[1].order, entry[0]))
    for name, method in able if rule in (None, "reference") else ():
        if method.reference:
            try:
                tolerances = (_REFERENCE, min(1e-10 * request.atol, 1e-2 * _REFERENCE))
                return Certificate(comparison.run(method(), initial, tolerances, "reference"), name, "reference")
            except KernelError:  # too large for it
                continue
    finer = None if able or rule not in (None, "finer steps") else own.finer(request.system, initial.states, request.rows)
    if finer is not None:
        return Certificate(comparison.run(finer, initial, (request.rtol, request.atol), "finer steps"), request.integrator_name, "finer steps")
    second = [(name, method) for name, method in able if not method.reference and method.adaptive]
    second.sort(key=lambda entry: entry[1].implicit != own.implicit)
    if not second or rule not in (None, "second method"):
        raise DatasetError(
            f"{request.system.definition.name}: no integrator allows the rule {rule or 'second method'!r} for {kind} by {request.integrator_name}; "
            f"rules are {', '.join(_SHARE)}; leave it out"
        )
    name, method = second[0]
    return Certificate(comparison.run(method(), initial, (request.rtol / 10, request.atol / 10), "second method"), name, "second method")


@dataclass(frozen=True)
class _Comparison:
    request: "Request"
    initial: InitialState
    times: np.ndarray
    states: np.ndarray
    threads: int | None

    def run(self, method: Integrator, start: InitialState, tolerances: tuple[float, float], rule: str) -> np.ndarray:
        """Return the horizons (B,) by a second integration."""
        allowed = self._allowed(THRESHOLD * _SHARE[rule])
        last = np.full(len(self.states), len(self.times) - 1)  # the last sample that is believed
        alive, here = np.arange(len(self.states)), 0
        while alive.size and here < len(self.times) - 1:
            beyond = len(self.times) - 1
            if self.initial.history is None:  # the end of a delay run holds more than can be divided
                beyond = min(here + max(_SHORTEST, len(self.times) // _PARTS), beyond)
            solution = method.solve(
                self.request.system,
                start,
                self.times[here : beyond + 1],
                parameters=self.request.rows[alive],
                rtol=tolerances[0],
                atol=tolerances[1],
                max_steps=_MOST_STEPS,
                threads=self.threads,
            )
            apart = ~(np.abs(self.states[alive, here : beyond + 1] - solution.states) <= allowed[alive, None]).all(axis=2)
            lost = apart.any(axis=1)
            last[alive[lost]] = here + np.maximum(np.argmax(apart[lost], axis=1) - 1, 0)
            start, alive, here = _selected(solution.final, ~lost), alive[~lost], beyond
        return np.asarray(self.times[last] - self.times[0])

    def _allowed(self, share: float) -> np.ndarray:
        """Return the differences (B, D) that are allowed; an angle, here unwrapped, counts as spread over its period at most."""
        deviation = np.nanstd(self.states, axis=1)
        deviation = np.fmin(deviation, self.request.system.periods / np.sqrt(12.0))
        return np.asarray(np.maximum(share * deviation, _LAST_PLACES * np.nanmax(np.abs(self.states), axis=1)))


def _other(rtol: float, method: Integrator) -> tuple[float, float]:
    """Return other tolerances, and with them another order: a tenth, or ten times where a tenth is far below what is usual for the method."""
    other = rtol / 10 if rtol >= method.tolerances[0] else 10 * rtol
    return other, other * method.tolerances[1] / method.tolerances[0]


def _moved(initial: InitialState) -> InitialState:
    return ExtendedState(initial.states, low=_MOVED * initial.states)


def _selected(state: InitialState, kept: np.ndarray) -> InitialState:
    """Return some of the trajectories with all their digits."""
    if isinstance(state, ExtendedState) and state.low is not None:
        return ExtendedState(np.ascontiguousarray(state.states[kept]), low=np.ascontiguousarray(state.low[kept]))
    return InitialState(np.ascontiguousarray(state.states[kept]))
