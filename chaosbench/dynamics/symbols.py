"""Reading [size], [state] and [parameters]: the names that the equations may use."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaosbench.dynamics.fields import check_keys, flag_of, number_of, numbers_of, table_of, text_of, whole_of
from chaosbench.dynamics.parts import Parameter, StateVariable
from chaosbench.dynamics.vectors import RECIPES, check_recipe, make_vector
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.tree import FUNCTIONS

PHASE = "phase"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Symbols:
    """The named things of one file, before its equations are read."""

    size: tuple[str, int] | None
    boundary: Literal["periodic", "zero"]
    state: tuple[StateVariable, ...]
    parameters: tuple[Parameter, ...]
    forced: bool
    terms: tuple[str, ...] = ()


def read_symbols(data: Mapping[str, Any], label: str) -> Symbols:
    """Return the size, the state and the parameters in `data`; `label` (a file name) starts every message."""
    size = _size(table_of(data, "size", f"{label}: "), label)
    boundary = text_of(data, "boundary", f"{label}: ", "periodic")
    if boundary not in ("periodic", "zero") or ("boundary" in data and not size):
        raise DefinitionError(
            f"{label}: boundary: {boundary!r} is not allowed; rule: 'periodic' or 'zero', in a file with [size]; correct or remove it"
        )
    state = tuple(_variable(key, entry, size, f"{label}: state.{key}") for key, entry in table_of(data, "state", f"{label}: ").items())
    if not state:
        raise DefinitionError(f'{label}: state: is empty; a system has at least one variable; add x = {{ meaning = "..." }}')
    parameters = tuple(
        _parameter(name, entry, size, f"{label}: parameters.{name}") for name, entry in table_of(data, "parameters", f"{label}: ").items()
    )
    symbols = Symbols(size, "zero" if boundary == "zero" else "periodic", state, parameters, "forcing_period" in data, _terms(data, label))
    _check_names(symbols, label)
    return symbols


def _terms(data: Mapping[str, Any], label: str) -> tuple[str, ...]:
    return tuple(key.removesuffix("[i]") for key in table_of(data, "terms", f"{label}: "))


def state_key(entry: StateVariable) -> str:
    """Return how a variable is written as a key: x or x[i]."""
    return f"{entry.name}[i]" if entry.indexed else entry.name


def _size(table: Mapping[str, Any], label: str) -> tuple[str, int] | None:
    if len(table) > 1:
        raise DefinitionError(f"{label}: size: {len(table)} keys given; a system has one size; write for example N = 40")
    return next(((name, whole_of(cells, f"{label}: size.{name}", least=1)) for name, cells in table.items()), None)


def _variable(key: str, entry: Any, size: tuple[str, int] | None, where: str) -> StateVariable:
    indexed = key.endswith("[i]")
    if indexed and not size:
        raise DefinitionError(f"{where}: is indexed, but the system has no size; indexed variables need cells; add [size] with N = ...")
    if not isinstance(entry, Mapping):
        raise DefinitionError(f'{where}: {entry!r} is not a table; a variable has a meaning; write {key} = {{ meaning = "..." }}')
    check_keys(entry, {"meaning", "unit", "period", "discrete"}, where)
    period = parse(str(entry["period"]), where=f"{where}.period") if "period" in entry else None
    texts = text_of(entry, "meaning", where), text_of(entry, "unit", where, "1")
    return StateVariable(key.removesuffix("[i]"), *texts, indexed, period, flag_of(entry, "discrete", where))


def _parameter(name: str, entry: Any, size: tuple[str, int] | None, where: str) -> Parameter:
    if not isinstance(entry, Mapping):
        raise DefinitionError(f'{where}: {entry!r} is not a table; write {name} = {{ value = ..., meaning = "..." }}')
    meaning, unit = text_of(entry, "meaning", where), text_of(entry, "unit", where, "1")
    if any(way in entry for way in RECIPES):
        if not size:
            raise DefinitionError(f"{where}: is a vector or matrix, but the system has no size; it needs cells; add [size] with N = ...")
        recipe = check_recipe(entry, where)
        return Parameter(name, make_vector(name, recipe, size, where), meaning, unit, recipe["shape"], None, recipe)
    check_keys(entry, {"value", "meaning", "unit", "chaotic"}, where, required=("value",))
    chaotic = None
    if "chaotic" in entry:
        low, high = numbers_of(entry["chaotic"], f"{where}.chaotic", length=2)
        if low > high:
            raise DefinitionError(f"{where}.chaotic: [{low}, {high}] is empty; a range is [low, high] with low <= high; swap them")
        chaotic = (low, high)
    return Parameter(name, number_of(entry["value"], f"{where}.value"), meaning, unit, "", chaotic)


def _check_names(symbols: Symbols, label: str) -> None:
    reserved = {*FUNCTIONS, "t", "pi"} | ({"i", "j"} if symbols.size else set()) | ({PHASE} if symbols.forced else set())
    places = [("state", entry.name) for entry in symbols.state] + [("parameters", entry.name) for entry in symbols.parameters]
    places += [("terms", name) for name in symbols.terms]
    seen: set[str] = set()
    for table, name in places + ([("size", symbols.size[0])] if symbols.size else []):
        where = f"{label}: {table}.{name}"
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            rule = "names are ASCII letters, digits and _, start with a letter, and are no reserved words of Python"
            raise DefinitionError(f"{where}: {name!r} is not a name; rule: {rule}; rename it")
        if name in reserved:
            raise DefinitionError(f"{where}: {name!r} has a meaning of its own in expressions; every name means one thing; rename it")
        if name in seen:
            raise DefinitionError(f"{where}: {name!r} is used twice; every name means one thing; rename one")
        seen.add(name)
    cells = {f"{entry.name}{cell}" for entry in symbols.state if entry.indexed and symbols.size for cell in range(symbols.size[1])}
    for entry in symbols.state:
        if entry.name in cells:
            raise DefinitionError(f"{label}: state.{entry.name}: {entry.name!r} is also the name of a cell; component names are distinct; rename it")
