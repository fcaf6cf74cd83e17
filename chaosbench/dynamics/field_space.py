"""The space that fields live on: [domain] and what [state] says of fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from chaosbench.dynamics.fields import check_keys, number_of, table_of, whole_of
from chaosbench.dynamics.parts import Parameter, StateVariable
from chaosbench.errors import DefinitionError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, to_data

COORDINATES = ("x", "y")
DEALIASING = ("2/3", "1/2", "none")
_FEWEST = 8
Dealiasing = Literal["2/3", "1/2", "none"]


@dataclass(frozen=True)
class Axis:
    """One periodic direction: `length`, an expression of parameters, and the number of grid points."""

    name: str
    length: Expression
    points: int


@dataclass(frozen=True)
class FieldSpace:
    """A periodic interval or rectangle and the fields on it.

    axes: x, or x and y. complex: all fields are, or none. means: per field the spatial mean it is held at, or None. dealias: as the author asks,
    or None for what the degree of the equations needs.
    """

    axes: tuple[Axis, ...]
    complex: bool
    means: tuple[float | None, ...]
    dealias: Dealiasing | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid: (nx,) or (ny, nx)."""
        return tuple(axis.points for axis in reversed(self.axes))

    @property
    def points(self) -> int:
        """The number of grid points."""
        count = 1
        for axis in self.axes:
            count *= axis.points
        return count

    @property
    def parts(self) -> tuple[str, ...]:
        """What is appended to a field's name for each of its real parts."""
        return ("_re", "_im") if self.complex else ("",)

    def lengths(self, scalars: Mapping[str, float], label: str) -> tuple[float, ...]:
        """Return the length of each axis at these parameter values. Raises DefinitionError when one is not positive."""
        found = []
        for axis in self.axes:
            where = f"{label}: domain.{axis.name}.length"
            length = constant_value(axis.length, scalars, where=where)
            if not length > 0:
                raise DefinitionError(f"{where}: is {length}; a length is positive; correct the parameters")
            found.append(length)
        return tuple(found)

    def components(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the flat names: field by field, real parts before imaginary ones, row by row."""
        return tuple(f"{name}{part}{place}" for name in names for part in self.parts for place in range(self.points))

    def with_points(self, points: Mapping[str, int], where: str) -> "FieldSpace":
        """Return the space with other numbers of grid points, by axis."""
        check_keys(points, [axis.name for axis in self.axes], where)
        checked = {name: _checked_points(count, f"{where}.{name}") for name, count in points.items()}
        return replace(self, axes=tuple(replace(axis, points=checked.get(axis.name, axis.points)) for axis in self.axes))

    def to_data(self) -> dict[str, Any]:
        """Return the space as plain data for an identity."""
        axes = [[axis.name, to_data(axis.length), axis.points] for axis in self.axes]
        return {"axes": axes, "complex": self.complex, "means": self.means, "dealias": self.dealias}

    def domain_data(self) -> dict[str, Any]:
        """Return the table [domain] of a definition file."""
        return {axis.name: {"length": to_text(axis.length), "points": axis.points} for axis in self.axes}


def field_scope(state: Sequence[StateVariable], parameters: Sequence[Parameter], space: FieldSpace) -> Scope:
    """Return the symbol table of fields: each a variable of all its grid values."""
    slots = space.points * len(space.parts)
    variables = tuple(Variable(entry.name, place * slots, slots) for place, entry in enumerate(state))
    return Scope(variables, {parameter.name: ParameterSlot(place) for place, parameter in enumerate(parameters)})


def read_space(data: Mapping[str, Any], label: str) -> FieldSpace:
    """Return the space of the fields in `data`; lengths are checked against the parameters elsewhere. Raises DefinitionError."""
    where = f"{label}: domain"
    table = table_of(data, "domain", f"{label}: ")
    check_keys(table, COORDINATES, where, required=("x",))
    axes = tuple(_axis(name, table, where) for name in COORDINATES if name in table)
    entries = table_of(data, "state", f"{label}: ")
    means, kinds = [], []
    for name, entry in entries.items():
        given = entry if isinstance(entry, Mapping) else {}
        kind = given.get("complex", False)
        if not isinstance(kind, bool):
            raise DefinitionError(f"{label}: state.{name}.complex: {kind!r} is neither true nor false; write complex = true or leave it out")
        kinds.append(kind)
        means.append(number_of(given["mean"], f"{label}: state.{name}.mean") if "mean" in given else None)
    if len(set(kinds)) > 1:
        raise DefinitionError(f"{label}: state: some fields are complex and some are not; rule: all or none; write a real field as a complex one")
    dealias = data.get("dealias")
    if dealias is not None and dealias not in DEALIASING:
        raise DefinitionError(f"{label}: dealias: {dealias!r} is not known; rule: one of {', '.join(DEALIASING)}; correct it or leave it out")
    return FieldSpace(axes, any(kinds), tuple(means), dealias)


def _axis(name: str, table: Mapping[str, Any], where: str) -> Axis:
    place = f"{where}.{name}"
    entry = table_of(table, name, where)
    check_keys(entry, ("length", "points"), place, required=("length", "points"))
    length = parse(str(entry["length"]), where=f"{place}.length")
    return Axis(name, length, _checked_points(entry["points"], f"{place}.points"))


def _checked_points(value: Any, where: str) -> int:
    count = whole_of(value, where, least=_FEWEST)
    rest = count
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    if rest != 1 or count % 2:
        rule = "an even number of grid points with no prime factor but 2, 3 and 5"
        raise DefinitionError(f"{where}: {count} is not allowed; rule: {rule}; take {next_smooth(count)}")
    return count


def next_smooth(count: int) -> int:
    """Return the least number of grid points that is allowed and at least `count`."""
    smooth: list[int] = [2 ** (1 + two) * 3**three * 5**five for two in range(20) for three in range(12) for five in range(9)]
    return min(number for number in smooth if number >= count)
