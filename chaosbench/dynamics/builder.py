"""Plain data (a parsed TOML file, JSON, or arguments) to a validated SystemDefinition: the one way in, whatever the door."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from chaosbench.dynamics.annotations import read_known, read_peers, read_sources, read_variants
from chaosbench.dynamics.definition import KINDS, SystemDefinition
from chaosbench.dynamics.equations import (
    Equations,
    read_balances,
    read_equations,
    read_fixed_points,
    read_identities,
    read_integrals,
    read_symmetries,
)
from chaosbench.dynamics.event_rules import read_events, read_longest_step
from chaosbench.dynamics.events import trees_of
from chaosbench.dynamics.field_builder import KIND as FIELDS
from chaosbench.dynamics.field_builder import field_parts
from chaosbench.dynamics.fields import check_keys, flag_of, table_of, text_of, texts_of
from chaosbench.dynamics.initial_rule import read_initial, with_phase
from chaosbench.dynamics.noise import KEYS as NOISE_KEYS
from chaosbench.dynamics.noise import read_noise
from chaosbench.dynamics.symbols import read_symbols
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tree import Expression, names_in

TEXTS = ("kind", "title", "summary", "hamiltonian", "forcing_period", "boundary", "longest_step")
TABLES = ("size", "state", "parameters", "terms", "equations", "initial", "integrals", "identities", "symmetries", "balances", "fixed_points")
TOP_KEYS = frozenset({"tags", "aliases", "conservative", "known", "source", "variant", "peer", "event", *TEXTS, *TABLES, *NOISE_KEYS})


def build_definition(data: Mapping[str, Any], *, name: str, kind: str, label: str, path: Path | None = None) -> SystemDefinition:
    """Return the definition in `data`, whose keys are those of a definition file.

    Parameters: `kind` is one of KINDS; `label` (a file name) starts every message.
    Raises DefinitionError "label: key: what is wrong; rule; fix".
    """
    top = f"{label}: "
    if kind not in KINDS:
        raise DefinitionError(f"{top}kind: {kind!r} is not known; kinds are {', '.join(KINDS)}{nearest(kind, KINDS)}")
    if kind == FIELDS:
        fields = SystemDefinition(name=name, kind="fields", path=path, **field_parts(data, label))
        fields.check_values()
        return fields
    check_keys(data, TOP_KEYS, top, required=("title", "summary", "state", "initial"))
    symbols = read_symbols(data, label)
    read = read_equations(data, symbols, kind=kind, label=label)
    noise = read_noise(data, read, symbols, kind=kind, label=label)
    integrals = read_integrals(data, read, label)
    rule = read_initial(table_of(data, "initial", top), read.state, read.scope, kind=kind, integrals=tuple(integrals), where=f"{label}: initial")
    if symbols.forced:
        variables = len(symbols.state)
        rule = with_phase(rule, variables, read.scope.variables[-1].start)
    sources = read_sources(data, top)
    settable = [entry.name for entry in symbols.parameters if not entry.shape] + ([symbols.size[0]] if symbols.size else [])
    definition = SystemDefinition(
        name=name,
        kind=cast(Literal["flows", "maps", "delays", "fields", "stochastic", "hybrid"], kind),
        title=text_of(data, "title", top),
        summary=text_of(data, "summary", top),
        tags=texts_of(data, "tags", top),
        state=read.state,
        parameters=symbols.parameters,
        equations=read.equations,
        initial=rule,
        hamiltonian=read.hamiltonian,
        forcing_period=read.forcing_period,
        size=symbols.size,
        boundary=symbols.boundary,
        lags=read.lags,
        integrals=integrals or None,
        identities=read_identities(data, read, discrete=kind == "maps" or (noise is not None and noise.discrete), label=label) or None,
        symmetries=read_symmetries(data, read, label) or None,
        balances=read_balances(data, read, label) or None,
        fixed_points=read_fixed_points(data, read, label) or None,
        known=read_known(data, [source.key for source in sources], settable, read.scope.size_name, top),
        sources=sources,
        variants=read_variants(data, settable, top),
        peers=read_peers(data, read, settable, label),
        aliases=texts_of(data, "aliases", top),
        conservative=flag_of(data, "conservative", top) or read.hamiltonian is not None,
        events=read_events(data, read, symbols, kind=kind, label=label),
        longest_step=read_longest_step(data, read, kind=kind, label=label),
        terms={f"{name}[i]" if term.indexed else name: term.written for name, term in read.terms.items()} or None,
        written=read.written,
        noise=noise,
        path=path,
    )
    _check_used(definition, read, label)
    definition.check_values()
    return definition


def _check_used(definition: SystemDefinition, read: Equations, label: str) -> None:
    """Raise DefinitionError for a parameter that occurs nowhere: it would be differentiated, swept and shown for nothing."""
    trees: list[Expression] = [*read.equations.values(), *read.lags, *trees_of(definition.events, definition.longest_step)]
    trees += [tree for tree in (read.hamiltonian, read.forcing_period, *(entry.period for entry in read.state)) if tree is not None]
    trees += definition.noise.trees if definition.noise is not None else ()
    for table in (definition.integrals, definition.initial.history, definition.initial.on):
        trees += (table or {}).values()
    used = frozenset().union(*(names_in(tree) for tree in trees))
    for parameter in definition.parameters:
        if parameter.name not in used:
            raise DefinitionError(f"{label}: parameters.{parameter.name}: no equation uses it; every parameter has an effect; remove it or use it")
