"""A definition as plain data with the keys of a definition file, and back, with the same identity: what datasets carry along."""

from collections.abc import Mapping
from typing import Any

from chaosbench.dynamics.builder import build_definition
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.events import Event
from chaosbench.dynamics.field_builder import field_data
from chaosbench.dynamics.field_rule import FieldRule
from chaosbench.dynamics.noise import noise_to_data
from chaosbench.dynamics.parts import Known, Parameter, Peer, StateVariable, Variant
from chaosbench.dynamics.symbols import PHASE, state_key
from chaosbench.errors import DefinitionError
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, Name, names_in, substitute


def definition_from_data(data: Mapping[str, Any]) -> SystemDefinition:
    """Return the definition in the output of `definition_to_data`, checked like a file.

    Raises DefinitionError.
    """
    name, kind = data.get("name"), data.get("kind")
    if not isinstance(name, str) or not isinstance(kind, str):
        raise DefinitionError(f"data: name {name!r} and kind {kind!r} must be texts; both stand in what definition_to_data returns; pass that")
    return build_definition({key: value for key, value in data.items() if key != "name"}, name=name, kind=kind, label=name)


def definition_to_data(definition: SystemDefinition) -> dict[str, Any]:
    """Return the whole definition as JSON-ready data: the keys of a definition file, with `name` and `kind`."""
    forced = definition.forcing_period is not None
    state = [entry for entry in definition.state if not (forced and entry.name == PHASE)]
    data: dict[str, Any] = {
        "name": definition.name,
        "kind": definition.kind,
        "title": definition.title,
        "summary": definition.summary,
        "tags": list(definition.tags),
        "aliases": list(definition.aliases),
        "conservative": definition.conservative,
        "state": {state_key(entry): _variable(entry) for entry in state},
        "parameters": {parameter.name: _parameter(parameter) for parameter in definition.parameters},
        "initial": _initial(definition, forced),
        "identities": _texts(definition.identities, forced),
        "integrals": {
            name: text for name, text in _texts(definition.integrals, forced).items() if name != "H" or definition.hamiltonian is None or forced
        },
        "symmetries": {name: _images(definition, images, forced) for name, images in (definition.symmetries or {}).items()},
        "balances": _texts(definition.balances, forced),
        "fixed_points": {name: _images(definition, point, forced) for name, point in (definition.fixed_points or {}).items()},
        "known": [_known(known) for known in definition.known],
        "source": [{"key": source.key, "cite": source.cite, "doi": source.doi} for source in definition.sources],
        "variant": [_variant(variant) for variant in definition.variants],
        "peer": [_peer(peer, forced) for peer in definition.peers],
    }
    if definition.hamiltonian is not None:
        data["hamiltonian"] = _text(definition.hamiltonian, forced)
    else:
        equations = definition.written or definition.equations
        data["equations"] = {state_key(entry): _text(equations[entry.name], forced) for entry in state if not entry.discrete}
    if definition.forcing_period is not None:
        data["forcing_period"] = to_text(definition.forcing_period)
    if definition.events:
        data["event"] = [_event(event, forced) for event in definition.events]
    if definition.longest_step is not None:
        data["longest_step"] = to_text(definition.longest_step)
    if terms := _terms_in_use(definition):
        data["terms"] = {key: to_text(tree) for key, tree in terms.items()}
    if definition.noise is not None:
        data |= noise_to_data(definition.noise, {entry.name: state_key(entry) for entry in state}, forced)
    if definition.space is not None and isinstance(definition.initial, FieldRule):
        data = {key: value for key, value in data.items() if key not in ("identities", "symmetries", "fixed_points", "peer")}
        data |= field_data(definition.space, definition.initial, data["state"], data["variant"])
    if definition.size:
        data["size"] = dict([definition.size])
        data["boundary"] = definition.boundary
    return data


def _terms_in_use(definition: SystemDefinition) -> dict[str, Expression]:
    """Return the abbreviations that the equations as written need; everything else is written out."""
    terms, wanted = definition.terms or {}, set[str]()
    waiting = [name for tree in (definition.written or {}).values() for name in names_in(tree)]
    while waiting:
        name = waiting.pop()
        for key in ({name, f"{name}[i]"} & set(terms)) - wanted:
            wanted.add(key)
            waiting += names_in(terms[key])
    return {key: tree for key, tree in terms.items() if key in wanted}


def _text(tree: Expression, forced: bool) -> str:
    return to_text(substitute(tree, {PHASE: Name("t")}) if forced else tree)


def _texts(trees: Mapping[str, Expression] | None, forced: bool) -> dict[str, str]:
    return {name: _text(tree, forced) for name, tree in (trees or {}).items()}


def _variable(entry: StateVariable) -> dict[str, Any]:
    period = {} if entry.period is None else {"period": to_text(entry.period)}
    return {"meaning": entry.meaning, "unit": entry.unit, **period, **({"discrete": True} if entry.discrete else {})}


def _event(event: Event, forced: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"name": event.name, "guard": _text(event.guard, forced), "direction": event.direction}
    data["reset"] = _texts(event.reset, forced)
    if event.when is not None:
        data["when"] = _text(event.when, forced)
    if event.rest is not None:
        data["rest"] = {"below": to_text(event.rest.below), "reset": _texts(event.rest.reset, forced)}
    return data


def _parameter(parameter: Parameter) -> dict[str, Any]:
    made = dict(parameter.recipe) if parameter.recipe else {"value": parameter.value}
    chaotic = {} if parameter.chaotic is None else {"chaotic": list(parameter.chaotic)}
    return {**made, "meaning": parameter.meaning, "unit": parameter.unit, **chaotic}


def _initial(definition: SystemDefinition, forced: bool) -> dict[str, Any]:
    rule = definition.initial
    if isinstance(rule, FieldRule):
        return rule.table()
    data: dict[str, Any] = {}
    if rule.history is not None:
        data["history"] = {state_key(entry): to_text(rule.history[entry.name]) for entry in definition.state if not (forced and entry.name == PHASE)}
    else:
        [(way, value)] = [(way, value) for way, value in (("centre", rule.centre), ("box", rule.box), ("points", rule.points)) if value is not None]
        data[way] = [list(part) if isinstance(part, tuple) else part for part in value]
    if rule.box is None and rule.points is None:
        data["spread"] = list(rule.spread) if isinstance(rule.spread, tuple) else rule.spread
    if rule.on is not None:
        data["on"] = {name: to_text(level) for name, level in rule.on.items()}
    return data


def _images(definition: SystemDefinition, images: Mapping[str, Expression], forced: bool) -> dict[str, str]:
    return {state_key(entry): _text(images[entry.name], forced) for entry in definition.state}


def _known(known: Known) -> dict[str, Any]:
    data = {
        "quantity": known.quantity,
        "value": list(known.value) if isinstance(known.value, tuple) else known.value,
        "tolerance": list(known.tolerance) if isinstance(known.tolerance, tuple) else known.tolerance,
        "source": known.source,
        "without_phase": known.without_phase,
        "note": known.note,
    }
    optional = {"parameters": known.parameters, "size": known.size}
    return data | {key: dict(value) for key, value in optional.items() if value}


def _variant(variant: Variant) -> dict[str, Any]:
    points = {"domain": dict(variant.points)} if variant.points else {}
    return {"name": variant.name, "summary": variant.summary, "parameters": dict(variant.parameters), "regime": variant.regime, **points}


def _peer(peer: Peer, forced: bool) -> dict[str, Any]:
    coordinates = {} if peer.coordinates is None else {"coordinates": [_text(tree, forced) for tree in peer.coordinates]}
    texts = {"wrong_equations": peer.wrong_equations, "wrong_parameters": peer.wrong_parameters}
    return {"library": peer.library, "name": peer.name, "parameters": dict(peer.parameters), "rate": peer.rate, **coordinates, **texts}
