"""A system as text and as JSON data for `info`."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from chaosbench.catalogue import system_files
from chaosbench.cli.exact_page import exact_data, exact_lines
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.noise_printing import noise_data, noise_sentence
from chaosbench.dynamics.parts import Known, Parameter, Peer, Variant
from chaosbench.dynamics.printing import equation_lines
from chaosbench.dynamics.reader import definition_to_data, read_definition
from chaosbench.expressions.latex import latex
from chaosbench.expressions.text import to_text
from chaosbench.facts import Facts, facts_to_json, load_facts
from chaosbench.identity import plain
from chaosbench.integrators._choice import choose


def system_data(definition: SystemDefinition) -> dict[str, Any]:
    """Return everything known of a system as JSON data; "measured" is null when nothing was measured yet."""
    facts, choice = load_facts(definition), choose(compile_system(definition))
    still = {entry.name for entry in definition.state if entry.discrete}
    equations = {name: tree for name, tree in (definition.written or definition.equations).items() if name not in still}
    return {
        "name": definition.name,
        "kind": definition.kind,
        "title": definition.title,
        "summary": definition.summary,
        "tags": list(definition.tags),
        "aliases": list(definition.aliases),
        "dimension": definition.dimension,
        "components": list(definition.components),
        "state": {entry.name: entry.meaning for entry in definition.state},
        "parameters": {p.name: {"value": plain(p.value), "meaning": p.meaning, "unit": p.unit} for p in definition.parameters},
        **({} if definition.space is None else {"domain": definition.space.domain_data(), "complex": definition.space.complex}),
        "size": None if definition.size is None else {definition.size[0]: definition.size[1]},
        "hamiltonian": None if definition.hamiltonian is None else to_text(definition.hamiltonian),
        "terms": {key: to_text(tree) for key, tree in (definition.terms or {}).items()},
        "equations": {name: to_text(tree) for name, tree in equations.items()},
        "latex": {name: latex(tree) for name, tree in equations.items()},
        **({} if definition.noise is None else {"noise": noise_data(definition.noise)}),
        **({"events": definition_to_data(definition)["event"]} if definition.events else {}),
        **exact_data(definition),
        "identity": definition.identity,
        "known": [
            plain(
                {
                    "quantity": k.quantity,
                    "value": k.value,
                    "tolerance": k.tolerance,
                    "source": k.source,
                    "parameters": k.parameters,
                    "size": k.size,
                    "without_phase": k.without_phase,
                    "note": k.note,
                }
            )
            for k in definition.known
        ],
        "integrator": {"name": choice.name, "reason": choice.reason},
        "measured": None if facts is None else _facts_data(facts),
        "variants": [
            plain({"name": v.name, "summary": v.summary, "parameters": v.parameters, "regime": v.regime} | ({"domain": v.points} if v.points else {}))
            for v in definition.variants
        ],
        "sources": [{"key": source.key, "cite": source.cite, "doi": source.doi} for source in definition.sources],
        "peers": [
            {"library": p.library, "name": p.name, "parameters": dict(p.parameters), "wrong": [text for text in _wrong(p) if text]}
            for p in definition.peers
        ],
    }


def system_text(definition: SystemDefinition) -> str:
    """Return the page of a system for a terminal."""
    size = f", {definition.size[0]} = {definition.size[1]}" if definition.size else ""
    lines = [f"{definition.title}  ({definition.name}: {definition.kind}, dimension {definition.dimension}{size})", definition.summary, ""]
    lines += ["Equations", *(f"  {line}" for line in equation_lines(definition))]
    if definition.forcing_period is not None:
        lines.append(f"  t is the variable phase, an angle of period {to_text(definition.forcing_period)}")
    lines += [] if definition.noise is None else [f"  {noise_sentence(definition.noise)}"]
    lines.append("")
    if definition.space is not None:
        axes = ", ".join(f"{axis} from 0 to {entry['length']} at {entry['points']} points" for axis, entry in definition.space.domain_data().items())
        lines += ["Domain", f"  periodic, {axes}", ""]
    lines += ["State"] + [f"  {entry.name:<10} {entry.meaning}" for entry in definition.state] + [""]
    lines += ["Parameters"] + [f"  {p.name:<10} {_value(p):<14} {p.meaning}{_range(p)}" for p in definition.parameters] + [""]
    lines += exact_lines(definition)
    choice = choose(compile_system(definition))
    lines += ["Integrator", f"  {choice.name}: {choice.reason}", ""]
    facts = load_facts(definition)
    lines += _measured(facts) if facts is not None else ["Measured", f"  nothing yet for these parameters; {_how(definition)} measures", ""]
    if definition.known:
        lines += ["Published", *(_published(known, definition) for known in definition.known), ""]
    if definition.variants:
        lines += ["Variants"] + [f"  {variant.name:<14} {variant.summary} ({_setting(variant)})" for variant in definition.variants] + [""]
    if definition.peers:
        lines += ["Other libraries", *(line for peer in definition.peers for line in _peer(peer)), ""]
    lines += ["Sources"]
    lines += [f"  [{source.key}] {source.cite}" + (f" https://doi.org/{source.doi}" if source.doi else "") for source in definition.sources]
    return "\n".join([*lines, ""])


def _range(parameter: Parameter) -> str:
    return "" if parameter.chaotic is None else f" (chaotic from {parameter.chaotic[0]:g} to {parameter.chaotic[1]:g})"


def _setting(variant: Variant) -> str:
    points = [f"{count} points along {axis}" for axis, count in (variant.points or {}).items()]
    return ", ".join([" ".join(f"--set {name}={value:.10g}" for name, value in variant.parameters.items()), *points])


def _published(known: Known, definition: SystemDefinition) -> str:
    """One line: quantity, value, and the parameters it is for where these are not the ones shown."""
    at = ", ".join(f"{name} = {value:g}" for name, value in {**(known.parameters or {}), **(known.size or {})}.items())
    if not at and definition.path is not None and read_definition(definition.path).identity != definition.identity:
        at = "the default parameters"
    phase = ", forcing phase not counted" if known.without_phase else ""
    return f"  {_words(known.quantity)}: {_pair(known.value, known.tolerance)}{f' at {at}' if at else ''}{phase}  [{known.source}]"


def _how(definition: SystemDefinition) -> str:
    return f"`chaosbench invariants {definition.name if definition.path is None or definition.name in system_files() else definition.path}`"


def _wrong(peer: Peer) -> tuple[str, str]:
    return peer.wrong_equations, peer.wrong_parameters


def _peer(peer: Peer) -> list[str]:
    """One line, and what is wrong there below it."""
    values = ", ".join(f"{name} = {value:g}" for name, value in peer.parameters.items())
    return [f"  {peer.library} {peer.name}" + (f" with {values}" if values else ""), *(f"    wrong: {text}" for text in _wrong(peer) if text)]


def _value(parameter: Parameter) -> str:
    if isinstance(parameter.value, tuple):
        return f"{len(parameter.value)} numbers"
    return f"{parameter.value:.10g}" + (f" {parameter.unit}" if parameter.unit != "1" else "")


def _measured(facts: Facts) -> list[str]:
    told = {
        "Lyapunov exponents": facts.lyapunov_spectrum,
        "Kaplan-Yorke dimension": facts.kaplan_yorke_dimension,
        "correlation dimension": facts.correlation_dimension,
        "entropy at most": facts.entropy_bound,
        "lifetime of chaos": facts.lifetime,
    }
    second = facts.confirmation
    return [
        "Measured",
        f"  regime: {facts.regime}",
        *(f"  {name}: {_pair(measured.value, measured.standard_error)}" for name, measured in told.items() if measured is not None),
        f"  {'time scale' if facts.regime == 'fixed point' else 'dominant period'}: {facts.period:.4g}"
        + (f", Lyapunov time: {facts.lyapunov_time:.4g}" if facts.lyapunov_time is not None else ", no Lyapunov time"),
        f"  by {facts.method}",
        f"  again with seed {second.seed}: {_pair(second.value, second.standard_error)}, {second.distance:.2g} of the difference that is allowed",
        "",
    ]


def _pair(value: float | Sequence[float], error: float | Sequence[float]) -> str:
    values, errors = np.ravel(value), np.broadcast_to(np.ravel(error), np.ravel(value).shape)
    shown = [f"{v:.6g} +- {e:.2g}" for v, e in zip(values[:6], errors[:6], strict=True)]
    return ", ".join(shown) + (f", ... ({len(values)} in all)" if len(values) > 6 else "")


def _words(quantity: str) -> str:
    return quantity.replace("_", " ").replace("lyapunov", "Lyapunov").replace("kaplan yorke", "Kaplan-Yorke").replace("spectrum", "exponents")


def _facts_data(facts: Facts) -> Any:
    return json.loads(facts_to_json(facts))
