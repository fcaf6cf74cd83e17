"""What a system is: a frozen record of one definition file. Reading stands in `reader`, running in `compile`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chaosbench.dynamics.events import Event, check_event_values, event_formulas, events_to_data
from chaosbench.dynamics.field_rule import FieldRule
from chaosbench.dynamics.field_space import FieldSpace, field_scope
from chaosbench.dynamics.form import form_of
from chaosbench.dynamics.headline import KINDS
from chaosbench.dynamics.noise import Noise
from chaosbench.dynamics.parts import InitialRule, Known, Parameter, Peer, Source, StateVariable, Variant, scope_of
from chaosbench.dynamics.vectors import make_vector
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tree import Element, Expression, to_data, walk
from chaosbench.identity import sha256_of

__all__ = ["KINDS", "InitialRule", "Known", "Parameter", "Peer", "Source", "StateVariable", "SystemDefinition", "Variant"]


@dataclass(frozen=True)
class SystemDefinition:
    """One system, frozen and validated.

    equations: for each state variable name (without "[i]") its right-hand side tree in the author's order of operations: the rate of a flow or
        delay, the next value of a map. For a Hamiltonian system they are derived from `hamiltonian` (first half of the state positions, second
        half momenta, in order). A forced system ends with the variable "phase" (rate 1, period `forcing_period`) in the place of t.
    size: None, or ("N", 40). boundary: rule for indices outside.
    lags: distinct lag expressions of the `delay(x, tau)` terms, in order of first use.
    events: of a hybrid system, in file order; longest_step: a bound of its integrator's steps, an expression of parameters.
    space: of kind fields the domain and what the fields on it are; each is then one variable with all its grid values.
    terms: abbreviations by key, "w" or "w[i]", as written; `equations` have them replaced, `written` are the equations with them, for readers.
    noise: of a stochastic system, whose equations are the drift (of a noisy map the next value without noise).
    """

    name: str
    kind: Literal["flows", "maps", "delays", "fields", "stochastic", "hybrid"]
    title: str
    summary: str
    tags: tuple[str, ...]
    state: tuple[StateVariable, ...]
    parameters: tuple[Parameter, ...]
    equations: Mapping[str, Expression]
    initial: InitialRule
    hamiltonian: Expression | None = None
    forcing_period: Expression | None = None
    size: tuple[str, int] | None = None
    boundary: Literal["periodic", "zero"] = "periodic"
    lags: tuple[Expression, ...] = ()
    integrals: Mapping[str, Expression] | None = None
    identities: Mapping[str, Expression] | None = None
    symmetries: Mapping[str, Mapping[str, Expression]] | None = None
    balances: Mapping[str, Expression] | None = None
    fixed_points: Mapping[str, Mapping[str, Expression]] | None = None
    known: tuple[Known, ...] = ()
    sources: tuple[Source, ...] = ()
    variants: tuple[Variant, ...] = ()
    peers: tuple[Peer, ...] = ()
    aliases: tuple[str, ...] = ()
    conservative: bool = False
    events: tuple[Event, ...] = ()
    longest_step: Expression | None = None
    terms: Mapping[str, Expression] | None = None
    written: Mapping[str, Expression] | None = None
    noise: Noise | None = None
    space: FieldSpace | None = None
    path: Path | None = field(default=None, compare=False)

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def label(self) -> str:
        """What messages call this system: its file if it has one."""
        return f"{self.kind}/{self.path.name}" if self.path else self.name

    @property
    def discrete(self) -> bool:
        """Whether time counts iterations: a map, with or without noise."""
        return self.kind == "maps" or (self.noise is not None and self.noise.discrete)

    @cached_property
    def scope(self) -> Scope:
        """The symbol table: flat state slots, flat parameter slots, size and lags."""
        if self.space is not None:
            return field_scope(self.state, self.parameters, self.space)
        return scope_of(self.state, self.parameters, self.size, self.boundary, self.lags)

    @property
    def dimension(self) -> int:
        """D, the number of flat state slots."""
        return sum(variable.slots for variable in self.scope.variables)

    @property
    def tangent_dimension(self) -> int:
        """The number of flat state slots that a small difference can have: D without the discrete variables."""
        return self.dimension - sum(entry.discrete for entry in self.state)

    @cached_property
    def components(self) -> tuple[str, ...]:
        """The D flat names: x for a scalar variable, x0, x1, ... for an indexed one."""
        if self.space is not None:
            return self.space.components([entry.name for entry in self.state])
        names = []
        for variable in self.scope.variables:
            names += [f"{variable.name}{cell}" for cell in range(variable.length)] or [variable.name]
        return tuple(names)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """The P flat names: sigma for a number, omega[0], omega[1], ... for a vector, A[0,0], A[0,1], ... for a matrix."""
        cells = range(self.scope.size)
        names = []
        for parameter in self.parameters:
            if parameter.shape == "NN":
                names += [f"{parameter.name}[{i},{j}]" for i in cells for j in cells]
            else:
                names += [f"{parameter.name}[{i}]" for i in cells] if parameter.shape else [parameter.name]
        return tuple(names)

    @property
    def parameter_values(self) -> np.ndarray:
        """The flat parameter vector (P,), a fresh copy."""
        flat: list[float] = []
        for parameter in self.parameters:
            flat += parameter.value if isinstance(parameter.value, tuple) else [parameter.value]
        return np.array(flat, dtype=np.float64)

    @cached_property
    def scalars(self) -> Mapping[str, float]:
        """The values of scalar parameters, and the size, by name: what constant expressions may use."""
        found = {parameter.name: parameter.value for parameter in self.parameters if not isinstance(parameter.value, tuple)}
        return {**found, **({self.size[0]: float(self.size[1])} if self.size else {})}

    @property
    def periods(self) -> np.ndarray:
        """The period of each component (D,), NaN where it is not an angle."""
        found: list[float] = []
        for entry, variable in zip(self.state, self.scope.variables, strict=True):
            where = f"{self.label}: period of {entry.name}"
            period = math.nan if entry.period is None else constant_value(entry.period, self.scalars, where=where)
            found += [period] * variable.slots
        return np.array(found)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that decides the numbers: kind, state, parameter values, size, equations as written, initial rule."""
        values = [[parameter.name, parameter.shape, parameter.value] for parameter in self.parameters]
        return sha256_of({**self._skeleton(), "parameters": values, "initial": self.initial.to_data()})

    @cached_property
    def structure(self) -> str:
        """SHA-256 of the same without parameter values and initial rule: equal for all parameter sets of one system."""
        return sha256_of({**self._skeleton(), "parameters": [[parameter.name, parameter.shape] for parameter in self.parameters]})

    @cached_property
    def form(self) -> str:
        """SHA-256 of the expanded equations, minimal over renamings of variables and parameters (see `form.form_of`)."""
        if self.noise is not None:
            return self.noise.form(self.equations, self.scope, self.kind)
        return form_of({**self.equations, **event_formulas(self.events)}, self.scope, self.kind)

    def _skeleton(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "state": [[entry.name, entry.indexed, _data_or_none(entry.period)] for entry in self.state],
            "size": self.size,
            "boundary": self.boundary,
            "equations": [[entry.name, to_data(self.equations[entry.name])] for entry in self.state],
            **events_to_data(self.events, self.state, self.longest_step),
            **({} if self.noise is None else {"noise": self.noise.to_data()}),
            **({} if self.space is None else {"space": self.space.to_data()}),
        }

    def variant(self, name: str) -> "SystemDefinition":
        """Return this system with the parameters (of fields: and grid points) of the variant called `name`."""
        for variant in self.variants:
            if variant.name == name:
                return self.with_points(variant.points or {}).with_parameters(variant.parameters)
        known = [variant.name for variant in self.variants]
        raise DefinitionError(f"{self.label}: unknown variant {name!r}; variants are {', '.join(known) or 'none'}{nearest(name, known)}")

    def with_points(self, points: Mapping[str, int]) -> "SystemDefinition":
        """Return a copy of a system of fields on another grid: the number of points by axis. Raises DefinitionError for an axis it has not."""
        if not points:
            return self
        if self.space is None:
            raise DefinitionError(f"{self.label}: points are given, but only systems of kind fields have a grid; leave them out")
        changed = replace(self, space=self.space.with_points(points, f"{self.label}: domain"))
        changed.check_values()
        return changed

    def with_parameters(self, values: Mapping[str, float]) -> "SystemDefinition":
        """Return a copy with other values of scalar parameters, by name, or of the size, by its name (vectors and matrices are then remade).

        Raises DefinitionError for an unknown name, a vector, a value that is not finite, or a size too small for the stencil.
        """
        parameters, size = list(self.parameters), self.size
        places = {parameter.name: place for place, parameter in enumerate(parameters)}
        for name, value in values.items():
            if size and name == size[0]:
                size = (name, self._checked_size(name, value))
            elif name in places:
                parameters[places[name]] = replace(parameters[places[name]], value=self._checked_value(parameters[places[name]], value))
            else:
                known = [*places, *([size[0]] if size else [])]
                raise DefinitionError(f"{self.label}: unknown parameter {name!r}; parameters are {', '.join(known) or 'none'}{nearest(name, known)}")
        if size and size != self.size:
            where = f"{self.label}: parameters"
            parameters = [replace(p, value=make_vector(p.name, p.recipe, size, f"{where}.{p.name}")) if p.recipe else p for p in parameters]
        changed = replace(self, parameters=tuple(parameters), size=size)
        changed.check_values()
        return changed

    def _checked_value(self, parameter: Parameter, value: Any) -> float:
        if parameter.shape:
            raise DefinitionError(
                f"{self.label}: parameter {parameter.name!r} is a vector or matrix; only numbers can be replaced; write another file"
            )
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
            raise DefinitionError(f"{self.label}: {parameter.name} = {value!r} is not allowed; parameters are finite numbers; pass a float")
        return float(value)

    def _checked_size(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or value != int(value) or value < 1:
            raise DefinitionError(f"{self.label}: {name} = {value!r} is not allowed; the size is a whole number >= 1; pass an int")
        return int(value)

    def check_values(self) -> None:
        """Raise DefinitionError if the size, a lag, a period or an initial state does not fit the present parameter values."""
        if self.space is not None:
            self.space.lengths(self.scalars, self.label)
            if isinstance(self.initial, FieldRule):
                self.initial.check(self.space, self.label)
        offsets = [0, *(part.offset for tree in self.equations.values() for part in walk(tree) if isinstance(part, Element))]
        span = max(offsets) - min(offsets)
        if self.size and self.size[1] <= span:
            raise DefinitionError(f"{self.label}: {self.size[0]} = {self.size[1]} is too small; the equations reach over {span + 1} cells; take more")
        for place, lag in enumerate(self.lags):
            value = constant_value(lag, self.scalars, where=f"{self.label}: lag {place}")
            if value <= 0:
                raise DefinitionError(f"{self.label}: lag {place} is {value}; a lag is a positive time; correct the parameters")
        for name, period in zip(self.components, self.periods, strict=True):
            if period <= 0:
                raise DefinitionError(f"{self.label}: the period of {name} is {period}; a period is positive; correct the parameters")
        if self.noise is not None:
            self.noise.check_values(self.scalars, self.label)
        check_event_values(self.events, self.longest_step, self.scalars, self.label)
        for point in self.initial.points or ():
            if len(point) != self.dimension:
                rule = "each of initial.points is a full flat state"
                raise DefinitionError(f"{self.label}: a point has {len(point)} numbers for {self.dimension} components; {rule}; correct it")


def _data_or_none(tree: Expression | None) -> Any:
    return None if tree is None else to_data(tree)
