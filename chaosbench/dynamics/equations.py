"""Reading [equations] or a Hamiltonian, and what the rest of a file says in formulas: integrals, identities, symmetries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosbench.dynamics.discrete import check_discrete
from chaosbench.dynamics.fields import check_keys, table_of
from chaosbench.dynamics.hamilton import hamilton_equations
from chaosbench.dynamics.parts import StateVariable, scope_of
from chaosbench.dynamics.symbols import PHASE, Symbols, state_key
from chaosbench.dynamics.terms import Term, check_terms_used, read_terms, replace_terms
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Scope, Use, check
from chaosbench.expressions.tree import ONE, Delay, Element, Expression, Name, names_in, substitute, walk


@dataclass(frozen=True)
class Equations:
    """The equations of one file in their final form (a forced system with its phase)."""

    state: tuple[StateVariable, ...]
    equations: Mapping[str, Expression]
    hamiltonian: Expression | None
    forcing_period: Expression | None
    lags: tuple[Expression, ...]
    scope: Scope
    terms: Mapping[str, Term]
    written: Mapping[str, Expression] | None


def read_equations(data: Mapping[str, Any], symbols: Symbols, *, kind: str, label: str) -> Equations:
    """Return the equations in `data`, checked against `symbols`; time becomes the variable "phase"."""
    scope = scope_of(symbols.state, symbols.parameters, symbols.size, symbols.boundary)
    for entry in symbols.state:
        if entry.period is not None:
            check(entry.period, scope, f"{label}: state.{entry.name}.period", Use(state=False))
    terms = read_terms(data, scope, time=symbols.forced, delays=kind == "delays", label=label)
    check_terms_used(terms, data, label)
    hamiltonian = None
    if "hamiltonian" in data:
        if data.get("equations") or kind != "flows":
            raise DefinitionError(
                f"{label}: hamiltonian: stands beside [equations] or outside flows; alone it gives the equations of a flow; keep one"
            )
        hamiltonian = _formula(data["hamiltonian"], scope, f"{label}: hamiltonian", Use(time=symbols.forced), terms)
        pairs = [(entry.name, entry.indexed) for entry in symbols.state]
        where = f"{label}: hamiltonian"
        written = None
        equations = hamilton_equations(hamiltonian, pairs, boundary=symbols.boundary, size_name=scope.size_name, where=where)
    else:
        equations = _equations(data, symbols, scope, terms, kind, label)
        table = table_of(data, "equations", f"{label}: ")
        written = {entry.name: parse(table.get(state_key(entry), "0"), where=label) for entry in symbols.state} if terms else None
    lags = tuple(dict.fromkeys(part.lag for tree in equations.values() for part in walk(tree) if isinstance(part, Delay)))
    if kind == "delays" and not lags:
        raise DefinitionError(f"{label}: equations: no delay(...) occurs; a system of kind 'delays' has at least one; move the file to flows")
    state, period = symbols.state, None
    if symbols.forced:
        in_noise = _coefficients(data, terms, scope, label) if kind == "stochastic" else []
        period = _forcing_period(data, [*equations.values(), *in_noise], scope, kind, label)
        equations = {**{name: _with_phase(tree) for name, tree in equations.items()}, PHASE: ONE}
        hamiltonian = None if hamiltonian is None else _with_phase(hamiltonian)
        state = (*state, StateVariable(PHASE, "time since the start of the forcing", period=period))
    return Equations(
        state, equations, hamiltonian, period, lags, scope_of(state, symbols.parameters, symbols.size, symbols.boundary, lags), terms, written
    )


def _equations(data: Mapping[str, Any], symbols: Symbols, scope: Scope, terms: Mapping[str, Term], kind: str, label: str) -> dict[str, Expression]:
    table = table_of(data, "equations", f"{label}: ")
    keys = {state_key(entry): entry for entry in symbols.state if not entry.discrete}
    still = check_discrete(table, symbols, kind, label)
    check_keys(table, keys, f"{label}: equations", required=keys)
    delays = kind == "delays"
    found = {
        entry.name: _formula(table[key], scope, f"{label}: equations.{key}", Use(index=entry.indexed, time=symbols.forced, delays=delays), terms)
        for key, entry in keys.items()
    }
    return {**found, **still}


def _coefficients(data: Mapping[str, Any], terms: Mapping[str, Term], scope: Scope, label: str) -> list[Expression]:
    """The coefficients of the noise, which may be all that depends on time; `read_noise` checks them."""
    where = f"{label}: diffusion"
    values = table_of(data, "diffusion", f"{label}: ").values()
    texts = [text for value in values for text in (value.values() if isinstance(value, Mapping) else [value])]
    return [replace_terms(parse(str(text), where=where), terms, scope, where) for text in texts]


def _forcing_period(data: Mapping[str, Any], trees: Sequence[Expression], scope: Scope, kind: str, label: str) -> Expression:
    where = f"{label}: forcing_period"
    if kind == "maps":
        raise DefinitionError(f"{where}: is given for a map; maps have no time; make the phase a state variable of its own")
    if kind != "hybrid" and not any("t" in names_in(tree) for tree in trees):
        raise DefinitionError(f"{where}: is given, but no equation uses t; it belongs to forced systems; remove it, or write the forcing with t")
    return _formula(str(data["forcing_period"]), scope, where, Use(state=False))


def _formula(text: Any, scope: Scope, where: str, use: Use, terms: Mapping[str, Term] = {}) -> Expression:
    tree = replace_terms(parse(text, where=where), terms, scope, where)
    check(tree, scope, where, use)
    return tree


def _with_phase(tree: Expression) -> Expression:
    return substitute(tree, {"t": Name(PHASE)})


def read_integrals(data: Mapping[str, Any], read: Equations, label: str) -> dict[str, Expression]:
    """Return [integrals] by name; an autonomous Hamiltonian is added under the name H."""
    forced = read.forcing_period is not None
    found = {name: read_quantity(text, read, f"{label}: integrals.{name}") for name, text in table_of(data, "integrals", f"{label}: ").items()}
    if read.hamiltonian is None or forced:
        return found
    if "H" in found:
        raise DefinitionError(f"{label}: integrals.H: the Hamiltonian is an integral called H already; names are distinct; remove or rename it")
    return {"H": read.hamiltonian, **found}


def read_identities(data: Mapping[str, Any], read: Equations, *, discrete: bool, label: str) -> dict[str, Expression]:
    """Return [identities]: the divergence of a flow or delay system, or the determinant of a map's Jacobian."""
    table = table_of(data, "identities", f"{label}: ")
    check_keys(table, {"determinant"} if discrete else {"divergence"}, f"{label}: identities")
    return {name: read_quantity(text, read, f"{label}: identities.{name}") for name, text in table.items()}


def read_quantity(text: Any, read: Equations, where: str, *, index: bool = False) -> Expression:
    """Return a formula of state and parameters; t stands for the phase of a forced system."""
    return _with_time(_formula(text, read.scope, where, Use(index=index, time=read.forcing_period is not None), read.terms), read)


def _with_time(tree: Expression, read: Equations) -> Expression:
    return tree if read.forcing_period is None else _with_phase(tree)


def read_symmetries(data: Mapping[str, Any], read: Equations, label: str) -> dict[str, dict[str, Expression]]:
    """Return [symmetries] by name: for every state variable what it maps to, itself where the author says nothing."""
    keys = {state_key(entry): entry for entry in read.state}
    found: dict[str, dict[str, Expression]] = {}
    table = table_of(data, "symmetries", f"{label}: ")
    for name in table:
        where = f"{label}: symmetries.{name}"
        images = table_of(table, name, f"{label}: symmetries")
        check_keys(images, keys, where)
        found[name] = {entry.name: Element(entry.name, "i") if entry.indexed else Name(entry.name) for entry in read.state}
        for key, text in images.items():
            found[name][keys[key].name] = read_quantity(text, read, f"{where}.{key}", index=keys[key].indexed)
    return found


def read_balances(data: Mapping[str, Any], read: Equations, label: str) -> dict[str, Expression]:
    """Return [balances]: expressions of the state whose mean over the attractor is exactly 0."""
    return {name: read_quantity(text, read, f"{label}: balances.{name}") for name, text in table_of(data, "balances", f"{label}: ").items()}


def read_fixed_points(data: Mapping[str, Any], read: Equations, label: str) -> dict[str, dict[str, Expression]]:
    """Return [fixed_points] by name: for every state variable (of cells: the same in all) an expression of parameters."""
    table = table_of(data, "fixed_points", f"{label}: ")
    if table and read.forcing_period is not None:
        raise DefinitionError(f"{label}: fixed_points: a forced system has none, its phase never rests; remove them")
    keys = {state_key(entry): entry.name for entry in read.state}
    found = {}
    for name in table:
        where = f"{label}: fixed_points.{name}"
        point = table_of(table, name, f"{label}: fixed_points")
        check_keys(point, keys, where, required=keys)
        found[name] = {keys[key]: _formula(text, read.scope, f"{where}.{key}", Use(state=False)) for key, text in point.items()}
    return found
