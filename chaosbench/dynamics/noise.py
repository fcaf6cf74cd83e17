"""Noise in a definition: which Wiener processes drive which variables, in which calculus, and how that is read and shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaosbench.dynamics.equations import Equations
from chaosbench.dynamics.fields import check_keys, table_of, text_of
from chaosbench.dynamics.form import form_of
from chaosbench.dynamics.symbols import PHASE, Symbols, state_key
from chaosbench.dynamics.terms import replace_terms
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope, Use, check
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Binary, Element, Expression, Name, names_in, substitute, to_data
from chaosbench.identity import sha256_of

KEYS = ("calculus", "time", "hurst", "diffusion")
CALCULI = ("ito", "stratonovich")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Process:
    """One source of noise. coefficients: by variable. own: it drives the variable it is named after and no other; per_cell: one process a cell."""

    name: str
    coefficients: Mapping[str, Expression]
    own: bool
    per_cell: bool = False


@dataclass(frozen=True)
class Noise:
    """The noise of a stochastic system.

    calculus: how a coefficient that depends on the state is read; "" for noisy maps and fractional noise, where no choice exists.
    discrete: the system is a map, coefficients multiply independent standard normals. hurst: None for Wiener processes, else the Hurst exponent of
    fractional Brownian motions, an expression of parameters. processes: in the author's order.
    """

    calculus: Literal["", "ito", "stratonovich"]
    discrete: bool
    hurst: Expression | None
    processes: tuple[Process, ...]

    @property
    def trees(self) -> tuple[Expression, ...]:
        """All expressions: coefficients, and the Hurst exponent."""
        found = tuple(tree for process in self.processes for tree in process.coefficients.values())
        return found if self.hurst is None else (*found, self.hurst)

    def to_data(self) -> dict[str, Any]:
        """Return the noise as plain data for an identity."""
        return {
            "calculus": self.calculus,
            "discrete": self.discrete,
            "hurst": None if self.hurst is None else to_data(self.hurst),
            "processes": [
                [process.name, process.per_cell, {name: to_data(tree) for name, tree in process.coefficients.items()}] for process in self.processes
            ],
        }

    def form(self, equations: Mapping[str, Expression], scope: Scope, kind: str) -> str:
        """Return the form of drift and noise together (see `form.form_of`): every process is a symbol that multiplies its coefficients."""
        driven, wider = with_processes(self, equations, scope)
        roles = {symbol_of(process): f"process{process.per_cell}" for process in self.processes}
        return sha256_of([form_of(driven, wider, kind, roles), self.calculus, self.discrete, self.hurst is not None])

    def check_values(self, scalars: Mapping[str, float], label: str) -> None:
        """Raise DefinitionError if the Hurst exponent does not lie between 0 and 1."""
        if self.hurst is None:
            return
        value = constant_value(self.hurst, scalars, where=f"{label}: hurst")
        if not 0.0 < value < 1.0:
            raise DefinitionError(
                f"{label}: hurst is {value}; a Hurst exponent lies between 0 and 1, 0.5 is a Wiener process; correct the parameters"
            )


def symbol_of(process: Process) -> str:
    """Return the symbol of a process in a tape; the space keeps it apart from every name of an author."""
    return f" {process.name}"


def with_processes(noise: Noise, equations: Mapping[str, Expression], scope: Scope) -> tuple[dict[str, Expression], Scope]:
    """Return the equations with every coefficient times its process added, and the scope in which processes are parameters behind all others."""
    driven, slots, start = dict(equations), dict(scope.parameters), scope.n_parameters
    for process in noise.processes:
        symbol = symbol_of(process)
        slots[symbol] = ParameterSlot(start, "N" if process.per_cell else "")
        start += scope.size if process.per_cell else 1
        factor: Expression = Element(symbol, "i") if process.per_cell else Name(symbol)
        for name, tree in process.coefficients.items():
            term = Binary("mul", tree, factor)
            driven[name] = Binary("add", driven[name], term) if name in driven else term
    return driven, Scope(scope.variables, slots, scope.size_name, scope.size, scope.boundary, scope.lags)


def read_noise(data: Mapping[str, Any], read: Equations, symbols: Symbols, *, kind: str, label: str) -> Noise | None:
    """Return the noise of a stochastic system, None for other kinds. Raises DefinitionError."""
    given = [key for key in KEYS if key in data]
    if kind != "stochastic":
        if given:
            rule = "noise belongs to the kind 'stochastic'; move the file to that folder, or remove the key"
            raise DefinitionError(f"{label}: {given[0]}: is given for a system of kind {kind!r}; {rule}")
        return None
    clock = text_of(data, "time", f"{label}: ", "continuous")
    if clock not in ("continuous", "discrete"):
        raise DefinitionError(f"{label}: time: {clock!r} is not known; rule: 'continuous' (default) or 'discrete', a noisy map; write one of them")
    discrete = clock == "discrete"
    hurst = _hurst(data, read, discrete, label) if "hurst" in data else None
    processes = _processes(data, read, symbols, label)
    if hurst is not None:
        _check_additive(processes, read, label)
    return Noise(_calculus(data, discrete, hurst is not None, label), discrete, hurst, processes)


def _calculus(data: Mapping[str, Any], discrete: bool, fractional: bool, label: str) -> Any:
    where = f"{label}: calculus"
    if discrete or fractional:
        if "calculus" in data:
            reason = "a map has no calculus" if discrete else "fractional noise is additive, which is the same in every calculus"
            raise DefinitionError(f"{where}: {data['calculus']!r} is given, but {reason}; remove it")
        return ""
    if "calculus" not in data:
        raise DefinitionError(f'{where}: missing; a stochastic differential equation means one of two; write calculus = "ito" or "stratonovich"')
    if data["calculus"] not in CALCULI:
        raise DefinitionError(
            f"{where}: {data['calculus']!r} is not known; calculi are {', '.join(CALCULI)}{nearest(str(data['calculus']), CALCULI)}; write one"
        )
    return data["calculus"]


def _hurst(data: Mapping[str, Any], read: Equations, discrete: bool, label: str) -> Expression:
    where = f"{label}: hurst"
    if discrete:
        raise DefinitionError(f"{where}: is given for a map; fractional noise drives equations in continuous time; remove it")
    tree = parse(str(data["hurst"]), where=where)
    check(tree, read.scope, where, Use(state=False))
    return tree


def _processes(data: Mapping[str, Any], read: Equations, symbols: Symbols, label: str) -> tuple[Process, ...]:
    table = table_of(data, "diffusion", f"{label}: ")
    if not table:
        raise DefinitionError(f'{label}: diffusion: missing; a stochastic system has at least one coefficient; write [diffusion] with x = "sigma"')
    keys = {state_key(entry): entry for entry in symbols.state}
    taken = {
        *keys,
        *(entry.name for entry in symbols.state),
        *read.scope.parameters,
        *symbols.terms,
        read.scope.size_name,
        PHASE,
        "i",
        "j",
        "t",
        "pi",
    }
    found = []
    for key, value in table.items():
        where = f"{label}: diffusion.{key}"
        if key in keys:
            entry = keys[key]
            if isinstance(value, Mapping):
                raise DefinitionError(
                    f"{where}: is a table under the name of a variable; a shared process has a name of its own; write [diffusion.w] with {key} = ..."
                )
            tree = _coefficient(value, read, where, indexed=entry.indexed)
            found.append(Process(entry.name, {entry.name: tree}, own=True, per_cell=entry.indexed))
            continue
        if not isinstance(value, Mapping):
            raise DefinitionError(
                f"{where}: {key!r} is no state variable; keys are {', '.join(keys)}, or tables [diffusion.w] of processes that several variables "
                f"share{nearest(key, keys)}"
            )
        if not _NAME.fullmatch(key) or key in taken:
            raise DefinitionError(f"{where}: {key!r} cannot name a process; rule: a name that nothing else has; rename it")
        check_keys(value, keys, where)
        if not value:
            raise DefinitionError(f"{where}: drives no variable; a process has at least one coefficient; add one or remove the table")
        parts = {keys[name].name: _coefficient(text, read, f"{where}.{name}", indexed=keys[name].indexed) for name, text in value.items()}
        found.append(Process(key, parts, own=False))
    return tuple(found)


def _coefficient(text: Any, read: Equations, where: str, *, indexed: bool) -> Expression:
    tree = replace_terms(parse(text if isinstance(text, str) else str(text), where=where), read.terms, read.scope, where)
    forced = read.forcing_period is not None
    check(tree, read.scope, where, Use(index=indexed, time=forced))
    return substitute(tree, {"t": Name(PHASE)}) if forced else tree


def _check_additive(processes: tuple[Process, ...], read: Equations, label: str) -> None:
    states = {entry.name for entry in read.state}
    for process in processes:
        for name, tree in process.coefficients.items():
            if used := sorted(states & names_in(tree)):
                reason = "an integral over fractional Brownian motion is no limit of sums over steps (rough paths)"
                place = name if process.own else f"{process.name}.{name}"
                raise DefinitionError(
                    f"{label}: diffusion.{place}: depends on {', '.join(used)}, but with hurst the noise must be additive; {reason}; "
                    "write a coefficient of parameters alone"
                )


def noise_to_data(noise: Noise, entries: Mapping[str, str], forced: bool) -> dict[str, Any]:
    """Return the keys of a definition file; entries: variable name -> key ("x" or "x[i]")."""

    def text(tree: Expression) -> str:
        return to_text(substitute(tree, {PHASE: Name("t")}) if forced else tree)

    table: dict[str, Any] = {}
    for process in noise.processes:
        parts = {entries[name]: text(tree) for name, tree in process.coefficients.items()}
        table.update(parts if process.own else {process.name: parts})
    optional = {
        "calculus": noise.calculus,
        "time": "discrete" if noise.discrete else "",
        "hurst": "" if noise.hurst is None else to_text(noise.hurst),
    }
    return {**{key: value for key, value in optional.items() if value}, "diffusion": table}
