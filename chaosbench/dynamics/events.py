"""What happens between two pieces of a hybrid system: records of [[event]], and their part in identity and form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaosbench.dynamics.parts import StateVariable
from chaosbench.errors import DefinitionError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.tree import ONE, ZERO, Binary, Call, Expression, Name, to_data

DIRECTIONS = ("rising", "falling", "both")


@dataclass(frozen=True)
class Rest:
    """The rule against infinitely many impacts: where |d guard/dt| before the event is below `below`, `reset` is used in the place of the event's."""

    below: Expression
    reset: Mapping[str, Expression]


@dataclass(frozen=True)
class Event:
    """One kind of event of a hybrid system.

    guard: the event happens where this expression of the state passes through 0 in `direction`. reset: new values by variable, from the state before
    the event; what is not named stays. when: the event is armed only where this is positive, None for always. rest: see `Rest`.
    """

    name: str
    guard: Expression
    direction: Literal["rising", "falling", "both"]
    reset: Mapping[str, Expression]
    when: Expression | None = None
    rest: Rest | None = None


def check_event_values(events: Sequence[Event], longest_step: Expression | None, scalars: Mapping[str, float], label: str) -> None:
    """Raise DefinitionError where a speed of rest is negative or the longest step not positive at these parameter values."""
    for event in events:
        if event.rest is not None and (below := constant_value(event.rest.below, scalars, where=f"{label}: {event.name}.rest.below")) < 0.0:
            raise DefinitionError(f"{label}: rest.below of {event.name} is {below}; a speed is not negative; correct the parameters")
    if longest_step is not None and (step := constant_value(longest_step, scalars, where=f"{label}: longest_step")) <= 0.0:
        raise DefinitionError(f"{label}: longest_step is {step}; a step is positive; correct the parameters")


def trees_of(events: Sequence[Event], longest_step: Expression | None) -> list[Expression]:
    """Return every expression of the events."""
    trees = [] if longest_step is None else [longest_step]
    for event in events:
        trees += [event.guard, *event.reset.values(), *([] if event.when is None else [event.when])]
        trees += [] if event.rest is None else [event.rest.below, *event.rest.reset.values()]
    return trees


def events_to_data(events: Sequence[Event], state: Sequence[StateVariable], longest_step: Expression | None) -> dict[str, Any]:
    """Return what events add to an identity: nothing for a system without any."""
    if not events:
        return {}
    return {
        "discrete": [entry.name for entry in state if entry.discrete],
        "longest_step": None if longest_step is None else to_data(longest_step),
        "events": [_event_data(event) for event in events],
    }


def _event_data(event: Event) -> list[Any]:
    rest = None if event.rest is None else [to_data(event.rest.below), _reset_data(event.rest.reset)]
    when = None if event.when is None else to_data(event.when)
    return [to_data(event.guard), event.direction, _reset_data(event.reset), when, rest]


def _reset_data(reset: Mapping[str, Expression]) -> list[Any]:
    return [[name, to_data(tree)] for name, tree in sorted(reset.items())]


def event_formulas(events: Sequence[Event]) -> dict[str, Expression]:
    """Return one formula an event, for the form: equal formulas mean equal events, whatever variables and parameters are called.

    The parts are joined by atan2, which the expansion leaves alone, so that a guard is never mixed up with a reset. The key holds the place and the
    direction; it cannot be the name of a variable.
    """
    found: dict[str, Expression] = {}
    for place, event in enumerate(events):
        tree = _pair(event.guard, event.when or ZERO)
        tree = _pair(tree, _joined(event.reset))
        tree = _pair(tree, ZERO if event.rest is None else _pair(event.rest.below, Binary("add", ONE, _joined(event.rest.reset))))
        found[f"event {place} {event.direction}{'' if event.when is None else ' when'}"] = tree
    return found


def _joined(reset: Mapping[str, Expression]) -> Expression:
    total: Expression = ZERO
    for name, tree in sorted(reset.items()):
        total = Binary("add", total, _pair(Name(name), tree))
    return total


def _pair(first: Expression, second: Expression) -> Expression:
    return Call("atan2", (first, second))
