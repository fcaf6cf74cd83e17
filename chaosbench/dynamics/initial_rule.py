"""Reading [initial]: exactly one of centre, box, points or history, and optionally the level sets to project onto."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chaosbench.dynamics.fields import check_keys, number_of, numbers_of, table_of
from chaosbench.dynamics.parts import InitialRule, StateVariable
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Scope, Use, check
from chaosbench.expressions.tree import Expression, Name

WAYS = ("centre", "box", "points", "history")


def read_initial(
    data: Mapping[str, Any], state: Sequence[StateVariable], scope: Scope, *, kind: str, integrals: Sequence[str], where: str
) -> InitialRule:
    """Return the rule in the table `data`.

    Parameters: `state` are the author's variables (without an appended phase); `integrals` the names that `on` may use; `where` is "file: initial".
    """
    check_keys(data, {*WAYS, "spread", "on"}, where)
    given = [way for way in WAYS if way in data]
    if len(given) != 1:
        raise DefinitionError(f"{where}: gives {' and '.join(given) or 'none'} of {', '.join(WAYS)}; exactly one says how states are drawn; keep one")
    way = given[0]
    if (way == "history") != (kind == "delays"):
        raise DefinitionError(f"{where}: {way} is given for kind {kind!r}; delays start from a history, other kinds from a state; change [initial]")
    if "spread" in data and way in ("box", "points"):
        raise DefinitionError(f"{where}.spread: has no meaning with {way}; it belongs to centre or history; remove it")
    on = _on(table_of(data, "on", where), scope, integrals, f"{where}.on")
    if way == "box":
        return InitialRule(box=_box(data["box"], state, f"{where}.box"), on=on)
    if way == "points":
        return InitialRule(points=_points(data["points"], f"{where}.points"), on=on)
    spread = _spread(data.get("spread", 0.0), state, f"{where}.spread")
    if way == "centre":
        centre = numbers_of(data["centre"], f"{where}.centre")
        _check_length(len(centre), state, f"{where}.centre")
        return InitialRule(centre=centre, spread=spread, on=on)
    return InitialRule(history=_history(table_of(data, "history", where), state, scope, f"{where}.history"), spread=spread, on=on)


def with_phase(rule: InitialRule, n_variables: int, n_slots: int) -> InitialRule:
    """Return the rule of a forced system: the phase starts at 0, exactly, unless the author listed it.

    `n_variables` and `n_slots` count the author's state entries and flat slots, without the phase.
    """
    spread = rule.spread
    if isinstance(spread, float):
        spread = (*(spread,) * n_variables, 0.0)
    elif len(spread) == n_variables:
        spread = (*spread, 0.0)
    if rule.centre is not None:
        return replace(rule, spread=spread, centre=(*rule.centre, 0.0) if len(rule.centre) == n_variables else rule.centre)
    if rule.box is not None:
        return replace(rule, box=(*rule.box, (0.0, 0.0)) if len(rule.box) == n_variables else rule.box)
    if rule.points is not None:
        return replace(rule, points=tuple((*point, 0.0) if len(point) == n_slots else point for point in rule.points))
    return replace(rule, spread=spread, history={**(rule.history or {}), "phase": Name("t")})


def _check_length(count: int, state: Sequence[StateVariable], where: str) -> None:
    names = ", ".join(entry.name for entry in state)
    forced = state[-1].name == "phase"
    if count != len(state) and not (forced and count == len(state) - 1):
        rule = "one entry for each state variable, in order (one entry serves all cells)"
        raise DefinitionError(f"{where}: {count} entries for the variables {names}; rule: {rule}; correct the list")


def _spread(value: Any, state: Sequence[StateVariable], where: str) -> float | tuple[float, ...]:
    single = not isinstance(value, list | tuple)
    numbers = (number_of(value, where),) if single else numbers_of(value, where)
    if not single:
        _check_length(len(numbers), state, where)
    if min(numbers, default=0.0) < 0:
        raise DefinitionError(f"{where}: {min(numbers)} is negative; a spread is a standard deviation >= 0; correct it")
    return numbers[0] if single else numbers


def _box(value: Any, state: Sequence[StateVariable], where: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple):
        raise DefinitionError(f"{where}: {value!r} is not a list; write box = [[low, high], ...]")
    _check_length(len(value), state, where)
    sides = []
    for place, side in enumerate(value):
        low, high = numbers_of(side, f"{where}[{place}]", length=2)
        if low > high:
            raise DefinitionError(f"{where}[{place}]: [{low}, {high}] is empty; a side is [low, high] with low <= high; swap them")
        sides.append((low, high))
    return tuple(sides)


def _points(value: Any, where: str) -> tuple[tuple[float, ...], ...]:
    if not isinstance(value, list | tuple) or not value:
        raise DefinitionError(f"{where}: {value!r} is not a list of states; write points = [[x, y, ...], ...]")
    return tuple(numbers_of(point, f"{where}[{place}]") for place, point in enumerate(value))


def _history(table: Mapping[str, Any], state: Sequence[StateVariable], scope: Scope, where: str) -> dict[str, Expression]:
    keys = {f"{entry.name}[i]" if entry.indexed else entry.name: entry for entry in state if entry.name != "phase"}
    check_keys(table, keys, where, required=keys)
    return {
        entry.name: _checked(table[key], scope, f"{where}.{key}", Use(state=False, time=True, index=entry.indexed)) for key, entry in keys.items()
    }


def _on(table: Mapping[str, Any], scope: Scope, integrals: Sequence[str], where: str) -> dict[str, Expression] | None:
    check_keys(table, integrals, where)
    levels = {name: _checked(str(level), scope, f"{where}.{name}", Use(state=False)) for name, level in table.items()}
    return levels or None


def _checked(text: Any, scope: Scope, where: str, use: Use) -> Expression:
    tree = parse(text, where=where)
    check(tree, scope, where, use)
    return tree
