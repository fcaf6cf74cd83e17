"""How initial fields are drawn: a profile in x and y, random long waves, or both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosbench.dynamics.field_check import FieldNames, check_fields
from chaosbench.dynamics.field_space import FieldSpace
from chaosbench.dynamics.fields import check_keys, number_of, table_of, whole_of
from chaosbench.dynamics.parts import InitialRule
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, to_data


@dataclass(frozen=True)
class Waves:
    """Random waves with `above` < |n| <= `up_to` periods in the domain, together of root mean square `amplitude` on average.

    In two dimensions |n| is the length of (n_x, n_y). Each wave has normal cosine and sine amplitudes of equal variance.
    """

    amplitude: float
    up_to: int
    above: int = 0


@dataclass(frozen=True)
class FieldRule(InitialRule):
    """profile: per field a text in x, y and parameters, 0 where absent. waves: per field random waves, none where absent."""

    profile: Mapping[str, Expression] = field(default_factory=dict)
    waves: Mapping[str, Waves] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Return the rule as plain data for an identity."""
        waves = {name: [entry.amplitude, entry.above, entry.up_to] for name, entry in self.waves.items()}
        return {"profile": {name: to_data(tree) for name, tree in self.profile.items()}, "waves": waves}

    def check(self, space: FieldSpace, label: str) -> None:
        """Raise DefinitionError for waves that are too short for the grid."""
        fewest = min(space.shape)
        for name, entry in self.waves.items():
            if 4 * entry.up_to >= fewest:
                rule = f"up_to < {fewest / 4:g}, which every dealiasing rule keeps"
                raise DefinitionError(f"{label}: initial.waves.{name}.up_to: {entry.up_to} is too large for {fewest} points; rule: {rule}; lower it")

    def table(self) -> dict[str, Any]:
        """Return the table [initial] of a definition file."""
        waves = {name: {"amplitude": entry.amplitude, "up_to": entry.up_to, "above": entry.above} for name, entry in self.waves.items()}
        return {"profile": {name: to_text(tree) for name, tree in self.profile.items()}, "waves": waves}


def read_field_rule(data: Mapping[str, Any], names: FieldNames, where: str) -> FieldRule:
    """Return the rule in the table [initial] of a system of fields; `where` is "file: initial". Raises DefinitionError."""
    check_keys(data, ("profile", "waves"), where)
    texts, tables = table_of(data, "profile", where), table_of(data, "waves", where)
    check_keys(texts, names.fields, f"{where}.profile")
    check_keys(tables, names.fields, f"{where}.waves")
    if not texts and not tables:
        rule = "fields start from a profile, from random waves, or from both"
        raise DefinitionError(f"{where}: gives neither profile nor waves; rule: {rule}; write waves = {{ u = {{ amplitude = 0.1, up_to = 4 }} }}")
    profile = {}
    for name, text in texts.items():
        place = f"{where}.profile.{name}"
        profile[name] = parse(str(text), where=place, fields=True)
        check_fields(profile[name], names, place, fields=False)
    return FieldRule(profile=profile, waves={name: _waves(table_of(tables, name, f"{where}.waves"), f"{where}.waves.{name}") for name in tables})


def _waves(table: Mapping[str, Any], where: str) -> Waves:
    check_keys(table, ("amplitude", "up_to", "above"), where, required=("amplitude", "up_to"))
    amplitude = number_of(table["amplitude"], f"{where}.amplitude")
    if not amplitude > 0:
        raise DefinitionError(f"{where}.amplitude: {amplitude} is not positive; it is a root mean square; correct it")
    up_to = whole_of(table["up_to"], f"{where}.up_to", least=1)
    above = whole_of(table.get("above", 0), f"{where}.above", least=0)
    if above >= up_to:
        raise DefinitionError(f"{where}.above: {above} leaves no waves; rule: above < up_to = {up_to}; correct it")
    return Waves(amplitude, up_to, above)
