"""Plain data to a definition of kind fields, and what such a definition adds to plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaosbench.dynamics.annotations import read_known, read_sources, read_variants
from chaosbench.dynamics.field_check import FieldNames, check_fields, first_unused
from chaosbench.dynamics.field_rule import FieldRule, read_field_rule
from chaosbench.dynamics.field_space import FieldSpace, field_scope, read_space
from chaosbench.dynamics.fields import check_keys, entries_of, flag_of, table_of, text_of, texts_of
from chaosbench.dynamics.parts import Variant
from chaosbench.dynamics.symbols import Symbols, read_symbols
from chaosbench.dynamics.terms import Term, replace_terms
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.tree import Expression, names_in

KIND = "fields"
TEXTS = ("kind", "title", "summary", "dealias")
TABLES = ("domain", "state", "parameters", "terms", "equations", "initial", "integrals", "balances")
TOP_KEYS = frozenset({"tags", "aliases", "conservative", "known", "source", "variant", *TEXTS, *TABLES})


@dataclass(frozen=True)
class _Reading:
    """What is known of a file while its formulas are read."""

    data: Mapping[str, Any]
    label: str
    names: FieldNames
    symbols: Symbols
    space: FieldSpace
    terms: Mapping[str, Term]

    def formula(self, text: Any, where: str, *, means: bool = False) -> Expression:
        tree = replace_terms(parse(text, where=where, fields=True), self.terms, field_scope(self.symbols.state, (), self.space), where)
        check_fields(tree, self.names, where, means=means)
        return tree

    def quantities(self, key: str) -> dict[str, Expression]:
        table = table_of(self.data, key, f"{self.label}: ")
        return {name: self.formula(text, f"{self.label}: {key}.{name}", means=True) for name, text in table.items()}


def field_parts(data: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the parts of a SystemDefinition of kind fields, by attribute. Raises DefinitionError "label: key: what is wrong; rule; fix"."""
    top = f"{label}: "
    check_keys(data, TOP_KEYS, top, required=("title", "summary", "domain", "state", "equations", "initial"))
    space = read_space(data, label)
    symbols = read_symbols({**data, "state": _plain_state(data, label)}, label)
    fields = tuple(entry.name for entry in symbols.state)
    names = FieldNames(fields, tuple(parameter.name for parameter in symbols.parameters), space)
    for name in (*fields, *names.parameters, *symbols.terms):
        if name in names.reserved():
            raise DefinitionError(f"{label}: {name!r} has a meaning of its own in expressions of fields; every name means one thing; rename it")
    reading = _Reading(data, label, names, symbols, space, {})
    reading = replace(reading, terms=_terms(reading))
    table = table_of(data, "equations", top)
    check_keys(table, fields, f"{label}: equations", required=fields)
    equations = {name: reading.formula(table[name], f"{label}: equations.{name}") for name in fields}
    rule = read_field_rule(table_of(data, "initial", top), names, f"{label}: initial")
    integrals, balances = reading.quantities("integrals"), reading.quantities("balances")
    _check_used(reading, [*equations.values(), *integrals.values(), *rule.profile.values()])
    sources = read_sources(data, top)
    return {
        "state": symbols.state,
        "parameters": symbols.parameters,
        "equations": equations,
        "initial": rule,
        "space": space,
        "integrals": integrals or None,
        "balances": balances or None,
        "known": read_known(data, [source.key for source in sources], names.parameters, "", top),
        "sources": sources,
        "variants": _variants(data, names, space, top),
        "terms": {name: term.written for name, term in reading.terms.items()} or None,
        "written": {name: parse(table[name], where=label, fields=True) for name in fields} if reading.terms else None,
        "title": text_of(data, "title", top),
        "summary": text_of(data, "summary", top),
        "tags": texts_of(data, "tags", top),
        "aliases": texts_of(data, "aliases", top),
        "conservative": flag_of(data, "conservative", top),
    }


def _plain_state(data: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return [state] without what only fields have."""
    found: dict[str, Any] = {}
    for name, entry in table_of(data, "state", f"{label}: ").items():
        if isinstance(entry, Mapping) and "period" in entry:
            raise DefinitionError(f"{label}: state.{name}.period: fields are no angles; remove it")
        found[name] = {key: value for key, value in entry.items() if key not in ("mean", "complex")} if isinstance(entry, Mapping) else entry
    return found


def _terms(reading: _Reading) -> dict[str, Term]:
    found: dict[str, Term] = {}
    for name, text in table_of(reading.data, "terms", f"{reading.label}: ").items():
        where = f"{reading.label}: terms.{name}"
        tree = replace(reading, terms=found).formula(text, where)
        found[name] = Term(parse(text, where=where, fields=True), tree, False)
    tables = [table_of(reading.data, key, f"{reading.label}: ") for key in ("equations", "terms", "integrals", "balances")]
    texts = [parse(text, where=reading.label, fields=True) for table in tables for text in table.values()]
    if (unused := first_unused(found, texts)) is not None:
        raise DefinitionError(f"{reading.label}: terms.{unused}: no formula uses it; a term saves writing; remove it or use it")
    return found


def _check_used(reading: _Reading, trees: list[Expression]) -> None:
    lengths = [axis.length for axis in reading.space.axes]
    for axis in reading.space.axes:
        for name in names_in(axis.length):
            if name not in (*reading.names.parameters, "pi"):
                known = ", ".join((*reading.names.parameters, "pi"))
                raise DefinitionError(f"{reading.label}: domain.{axis.name}.length: unknown name {name!r}; names here are {known}; correct it")
    if (unused := first_unused(reading.names.parameters, [*trees, *lengths])) is not None:
        raise DefinitionError(f"{reading.label}: parameters.{unused}: no equation uses it; every parameter has an effect; remove it or use it")


def _variants(data: Mapping[str, Any], names: FieldNames, space: FieldSpace, top: str) -> tuple[Variant, ...]:
    """Return [[variant]], whose entries may give other numbers of points."""
    entries = entries_of(data, "variant", top)
    plain = [{key: value for key, value in entry.items() if key != "domain"} for entry, _ in entries]
    variants = []
    for (entry, place), variant in zip(entries, read_variants({"variant": plain}, names.parameters, top), strict=True):
        points = table_of(entry, "domain", place)
        space.with_points(points, f"{place}.domain")
        variants.append(replace(variant, points=dict(points)) if points else variant)
    return tuple(variants)


def field_data(space: FieldSpace, rule: FieldRule, state: Mapping[str, Mapping[str, Any]], variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the keys of a definition file that only fields have; `state` and `variants` are the tables that every kind has."""
    more = [{**({"complex": True} if space.complex else {}), **({} if mean is None else {"mean": mean})} for mean in space.means]
    return {
        "domain": space.domain_data(),
        "state": {name: {**entry, **extra} for (name, entry), extra in zip(state.items(), more, strict=True)},
        "initial": rule.table(),
        "variant": variants,
        **({} if space.dealias is None else {"dealias": space.dealias}),
    }
