"""Reading [[event]] and `longest_step` of a hybrid system."""

import re
from collections.abc import Mapping
from typing import Any

from chaosbench.dynamics.equations import Equations, read_quantity
from chaosbench.dynamics.events import DIRECTIONS, Event, Rest
from chaosbench.dynamics.fields import check_keys, entries_of, table_of, text_of
from chaosbench.dynamics.symbols import PHASE, Symbols
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Use, check
from chaosbench.expressions.tree import Expression, names_in

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def read_events(data: Mapping[str, Any], read: Equations, symbols: Symbols, *, kind: str, label: str) -> tuple[Event, ...]:
    """Return the events of a hybrid system, none of any other kind.

    Raises DefinitionError for events outside `hybrid`, a hybrid system without any, or with cells, symmetries or a time that nothing uses.
    """
    entries = entries_of(data, "event", f"{label}: ")
    if kind != "hybrid":
        if entries:
            raise DefinitionError(f"{label}: event: stands in a file of kind {kind!r}; events belong to systems/hybrid; move the file or remove it")
        return ()
    if not entries:
        raise DefinitionError(f"{label}: event: is missing; a system of kind 'hybrid' has at least one; add [[event]], or move the file to flows")
    for key in ("size", "symmetries"):
        if data.get(key):
            raise DefinitionError(f"{label}: {key}: is not taken in hybrid systems; their events name single variables; write the variables out")
    events = tuple(_event(entry, read, symbols, where) for entry, where in entries)
    names = [event.name for event in events]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DefinitionError(f"{label}: event[{place}].name: {name!r} is used twice; every event has a name of its own; rename one")
    if symbols.forced and not any(PHASE in names_in(tree) for tree in [*read.equations.values(), *(event.guard for event in events)]):
        raise DefinitionError(f"{label}: forcing_period: no equation or guard uses t; it belongs to forced systems; remove it, or use t")
    return events


def _event(entry: Mapping[str, Any], read: Equations, symbols: Symbols, where: str) -> Event:
    check_keys(entry, {"name", "guard", "direction", "reset", "when", "rest"}, where, required=("name", "guard", "direction"))
    name, direction = text_of(entry, "name", where), text_of(entry, "direction", where)
    if not _NAME.fullmatch(name):
        raise DefinitionError(f"{where}.name: {name!r} is not a name; rule: lower-case letters, digits and _, a letter first; rename it")
    if direction not in DIRECTIONS:
        raise DefinitionError(f"{where}.direction: {direction!r} is unknown; directions are {', '.join(DIRECTIONS)}{nearest(direction, DIRECTIONS)}")
    guard = read_quantity(text_of(entry, "guard", where), read, f"{where}.guard")
    moving = {variable.name for variable in read.state if not variable.discrete}
    if not moving & names_in(guard):
        raise DefinitionError(
            f"{where}.guard: depends on no variable that moves; it never passes through 0; use one of {', '.join(sorted(moving))}, or t if forced"
        )
    when = read_quantity(text_of(entry, "when", where), read, f"{where}.when") if "when" in entry else None
    reset = _reset(table_of(entry, "reset", where), read, symbols, f"{where}.reset")
    return Event(name, guard, _direction(direction), reset, when, _rest(table_of(entry, "rest", where), read, symbols, f"{where}.rest"))


def _direction(text: str) -> Any:
    return text


def _rest(table: Mapping[str, Any], read: Equations, symbols: Symbols, where: str) -> Rest | None:
    if not table:
        return None
    check_keys(table, {"below", "reset"}, where, required=("below", "reset"))
    reset = _reset(table_of(table, "reset", where), read, symbols, f"{where}.reset")
    return Rest(_constant(table["below"], read, f"{where}.below"), reset)


def _reset(table: Mapping[str, Any], read: Equations, symbols: Symbols, where: str) -> dict[str, Expression]:
    known = [entry.name for entry in symbols.state]
    for name in table:
        if name not in known:
            reason = "the phase runs on by itself" if name == PHASE and symbols.forced else f"variables are {', '.join(known)}"
            raise DefinitionError(f"{where}.{name}: is no variable that can be reset; {reason}{nearest(name, known) or '; remove it'}")
    return {name: read_quantity(str(text), read, f"{where}.{name}") for name, text in table.items()}


def read_longest_step(data: Mapping[str, Any], read: Equations, *, kind: str, label: str) -> Expression | None:
    """Return the bound of the integrator's steps, an expression of parameters; None if the file gives none."""
    if "longest_step" not in data:
        return None
    if kind != "hybrid":
        raise DefinitionError(f"{label}: longest_step: stands in a file of kind {kind!r}; it keeps events of hybrid systems in sight; remove it")
    return _constant(data["longest_step"], read, f"{label}: longest_step")


def _constant(text: Any, read: Equations, where: str) -> Expression:
    tree = parse(str(text), where=where)
    check(tree, read.scope, where, Use(state=False))
    return tree
