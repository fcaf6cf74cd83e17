"""The noise of a system as something that can be evaluated: B(x) w, the coefficients at x times one number w for each process, and what B allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.noise import Noise, Process, with_processes
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tape import Tape
from chaosbench.expressions.trace import trace
from chaosbench.expressions.tree import ZERO, Call, Element, Expression, Name, Sum, names_in, walk
from chaosbench.kernels.build import Kernels, build
from chaosbench.randomness import generator

Structure = Literal["additive", "diagonal", "scalar", "commuting", "general"]
_TRIALS, _ROUNDING = 16, 1e-10


@dataclass(frozen=True, eq=False)
class Diffusion:
    """The coefficients of M independent processes g_1 ... g_M, made by `diffusion_of`; a variable's own processes take one place for each cell.

    tape: of x -> B(x) w = sum_a g_a(x) w_a, whose parameters are those of the definition followed by w (M).
    """

    definition: SystemDefinition
    noise: Noise
    scope: Scope
    tape: Tape
    _kernels: dict[int, Kernels] = field(default_factory=dict, repr=False)

    @property
    def count(self) -> int:
        """M."""
        return self.scope.n_parameters - self.definition.scope.n_parameters

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The M processes: w for a shared one, x or x0, x1, ... for those that variables have for themselves."""
        found: list[str] = []
        for process in self.noise.processes:
            found += [f"{process.name}{cell}" for cell in range(self.scope.size)] if process.per_cell else [process.name]
        return tuple(found)

    @cached_property
    def structure(self) -> Structure:
        """What the noise is, the first that holds.

        "additive": no coefficient has a state variable in it. "diagonal": every process drives one component, with a coefficient of this component
        alone. "scalar": there is one process. "commuting": the vector fields g_a commute, by their brackets at 16 seeded random states. "general".
        The phase of a forcing counts as a state variable.
        """
        state = {entry.name for entry in self.definition.state}
        if not any(state & names_in(tree) for process in self.noise.processes for tree in process.coefficients.values()):
            return "additive"
        if all(process.own and _of_own_cell(process, state) for process in self.noise.processes):
            return "diagonal"
        if self.count == 1:
            return "scalar"
        return "commuting" if self._commute() else "general"

    @cached_property
    def groups(self) -> np.ndarray:
        """Indicators (G, M) of groups of processes that do not act on each other's coefficients: sums over processes need one call a group."""
        if self.structure == "additive":
            return np.zeros((0, self.count))
        return np.ones((1, self.count)) if self.structure == "diagonal" else np.eye(self.count)

    @cached_property
    def process_of(self) -> np.ndarray:
        """For each component (D,) the place of the process that drives it, of diagonal or scalar noise; 0 where none does."""
        places, start = np.zeros(self.definition.dimension, dtype=np.int64), 0
        slots = {variable.name: variable for variable in self.definition.scope.variables}
        for process in self.noise.processes:
            if process.own:
                variable = slots[process.name]
                places[variable.start : variable.start + variable.slots] = start + np.arange(variable.slots)
            start += self.scope.size if process.per_cell else 1
        return places

    def value(self, states: np.ndarray, weights: np.ndarray, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return B(x) w (B, D) at states (B, D) for weights (M,) or (B, M): the slow readable evaluation; complex input is allowed."""
        return evaluate(self.tape, states, self._parameters(states, weights, parameters))[0]

    def tangent(self, states: np.ndarray, tangents: np.ndarray, weights: np.ndarray, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return the derivative (B, D) of B(x) w along `tangents` (B, D)."""
        rows = self._parameters(states, weights, parameters)
        return np.asarray(evaluate(self._tangent_tape, states, rows, tangents=np.asarray(tangents))[1])

    def correction(self, states: np.ndarray, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return sum_a J_a g_a (B, D): half of it is what a Stratonovich drift lacks beside the Ito drift of the same process."""
        total = np.zeros(states.shape)
        for group in self.groups:
            total = total + self.tangent(states, self.value(states, group, parameters), group, parameters)
        return total

    def kernels(self, columns: int = 0) -> Kernels:
        """Return the compiled B(x) w; `columns` tangents beside the state. The kernel's parameters are those of the definition, then w."""
        if columns not in self._kernels:
            tape = self._tangent_tape if columns else self.tape
            self._kernels[columns] = build(tape, structure=f"{self.definition.structure}: noise", columns=columns)
        return self._kernels[columns]

    @cached_property
    def _tangent_tape(self) -> Tape:
        return tangent_tape(self.tape)

    def _parameters(self, states: np.ndarray, weights: np.ndarray, parameters: np.ndarray | None) -> np.ndarray:
        values = self.definition.parameter_values if parameters is None else np.asarray(parameters)
        rows = np.broadcast_to(values, (len(states), values.shape[-1]))
        return np.concatenate([rows, np.broadcast_to(np.asarray(weights, dtype=np.float64), (len(states), self.count))], axis=1)

    def _commute(self) -> bool:
        """Whether the bracket of B(x) v and B(x) w is 0 for random v and w at random states where it is defined."""
        stream = generator(0, "noise structure", self.definition.identity)
        centre = _middle(self.definition)
        states = centre + 0.3 * (1.0 + np.abs(centre)) * stream.standard_normal((_TRIALS, len(centre)))
        one, other = stream.standard_normal((2, _TRIALS, self.count))
        with np.errstate(all="ignore"):
            along = self.tangent(states, self.value(states, one), other)
            against = self.tangent(states, self.value(states, other), one)
        known = np.isfinite(along).all(axis=1) & np.isfinite(against).all(axis=1)
        size = np.abs(along) + np.abs(against)
        return bool(known.any() and (np.abs(along - against)[known] <= _ROUNDING * size[known].max(axis=1, keepdims=True)).all())


def diffusion_of(definition: SystemDefinition) -> Diffusion | None:
    """Return the noise of `definition`, compiled when first asked for; None where there is none."""
    if definition.noise is None:
        return None
    zero: Mapping[str, Expression] = {variable.name: ZERO for variable in definition.scope.variables}
    driven, scope = with_processes(definition.noise, {}, definition.scope)
    return Diffusion(definition, definition.noise, scope, trace({**zero, **driven}, scope))


def _of_own_cell(process: Process, state: set[str]) -> bool:
    """Whether the coefficient of a variable's own process depends on that component alone."""
    [(name, tree)] = process.coefficients.items()
    if (state & names_in(tree)) - {name}:
        return False
    across = (part for part in walk(tree) if isinstance(part, Sum) or (isinstance(part, Call) and part.function == "mean"))
    if any(name in names_in(part) for part in across):
        return False
    return all(part.offset == 0 for part in walk(tree) if isinstance(part, Element) and part.name == name) and not (
        process.per_cell and any(isinstance(part, Name) and part.name == name for part in walk(tree))
    )


def _middle(definition: SystemDefinition) -> np.ndarray:
    """Return a state (D,) in the middle of the initial rule."""
    rule, slots = definition.initial, [variable.slots for variable in definition.scope.variables]
    if rule.points is not None:
        return np.array(rule.points[0], dtype=np.float64)
    if rule.box is not None:
        return np.repeat([0.5 * (low + high) for low, high in rule.box], slots)
    return np.repeat(np.broadcast_to(np.asarray(rule.centre or (0.0,), dtype=np.float64), (len(slots),)), slots)
