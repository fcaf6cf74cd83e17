"""Definition to something that can be evaluated: the tape, its tangent, the readable NumPy evaluation and the compiled kernels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.diffusion import Diffusion, diffusion_of
from chaosbench.dynamics.field_build import FieldEquations, field_equations
from chaosbench.dynamics.field_numpy import FieldQuantity, project, rates_of, tangents_of
from chaosbench.dynamics.field_plan import FieldPlan
from chaosbench.dynamics.jumps import Jumps
from chaosbench.dynamics.splitting import halves_of
from chaosbench.errors import DefinitionError
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate, outputs_of
from chaosbench.expressions.tape import Tape
from chaosbench.expressions.trace import trace, trace_expressions
from chaosbench.expressions.tree import ZERO, Expression
from chaosbench.expressions.unroll import unrolled
from chaosbench.kernels.build import GrowthKernels, Kernels, PairKernels, TaylorKernels, build, build_growth, build_pair, build_taylor
from chaosbench.kernels.tableau import Tableau


@dataclass(frozen=True)
class Quantity:
    """A scalar function of the state, such as an integral: its values and its gradient."""

    tape: Tape

    def value(self, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return the values (B,) at states (B, D); parameters are (P,) or (B, P)."""
        [values], _ = outputs_of(self.tape, states, parameters)
        return values[:, 0]

    def gradient(self, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return the gradients (B, D) at states (B, D)."""
        batch, dimension = states.shape
        _, [slopes] = outputs_of(tangent_tape(self.tape), *_along_axes(states, parameters), tangents=np.tile(np.eye(dimension), (batch, 1)))
        return slopes[:, 0].reshape(batch, dimension)


@dataclass(frozen=True, eq=False)
class CompiledSystem:
    """A definition with its tape; made by `compile_system`. Everything that runs a system starts here."""

    definition: SystemDefinition
    tape: Tape
    _quantities: dict[Expression, Quantity] = field(default_factory=dict, repr=False)
    _kernels: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple[Callable[[SystemDefinition], Any], tuple[SystemDefinition]]:
        return compile_system, (self.definition,)  # kernels are addresses of this process

    @property
    def dimension(self) -> int:
        """D, the number of flat state slots."""
        return self.tape.dimension

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one state before flattening: (D,)."""
        return (self.dimension,)

    @property
    def components(self) -> tuple[str, ...]:
        """The D flat names."""
        return self.definition.components

    @property
    def n_parameters(self) -> int:
        """P, the length of the flat parameter vector."""
        return self.tape.n_parameters

    @property
    def parameter_values(self) -> np.ndarray:
        """The definition's parameters (P,), a fresh copy."""
        return self.definition.parameter_values

    @cached_property
    def periods(self) -> np.ndarray:
        """The period of each component (D,), NaN where it is not an angle."""
        return self.definition.periods

    @property
    def delayed(self) -> tuple[tuple[int, int], ...]:
        """One (flat state slot, lag number) per delayed value; empty without delays."""
        return self.tape.delayed

    @cached_property
    def jumps(self) -> Jumps:
        """The events of a hybrid system, compiled when first asked for."""
        return Jumps(self.definition)

    @cached_property
    def tangent_tape(self) -> Tape:
        """The tape with its directional derivative."""
        return tangent_tape(self.tape)

    @cached_property
    def scalar_tape(self) -> Tape:
        """The tape with its cells written out, for small systems without delays; the tape itself where there are none."""
        return unrolled(self.tape)

    @cached_property
    def _lag_tape(self) -> Tape:
        return trace_expressions(self.definition.lags, self.definition.scope)

    def lags(self, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return the distinct lags (n_lags,) at `parameters` (P,), or (B, n_lags) at (B, P)."""
        given = self.parameter_values if parameters is None else np.asarray(parameters, dtype=np.float64)
        rows = np.atleast_2d(given)
        found, _ = outputs_of(self._lag_tape, np.zeros((len(rows), self.dimension)), rows)
        table = np.concatenate(found, axis=1) if found else np.empty((len(rows), 0))
        return table[0] if given.ndim == 1 else table

    def value(self, states: np.ndarray, parameters: np.ndarray | None = None, past: np.ndarray | None = None) -> np.ndarray:
        """Return the right-hand side (B, D): the rate of a flow or delay system, the next state of a map.

        Parameters: states (B, D); parameters (P,) or (B, P), default the definition's; past (B, n_delayed) for delays. This is the slow readable
        evaluation; the kernels are the fast one. Complex input is allowed (complex steps).
        """
        states, parameters = self._checked(states, parameters, past)
        return evaluate(self.tape, states, parameters, past=past)[0]

    def tangent(
        self,
        states: np.ndarray,
        tangents: np.ndarray,
        parameters: np.ndarray | None = None,
        past: np.ndarray | None = None,
        past_tangents: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the derivative (B, D) of the right-hand side along `tangents` (B, D) and, for delays, `past_tangents` (B, n_delayed)."""
        states, parameters = self._checked(states, parameters, past)
        return np.asarray(evaluate(self.tangent_tape, states, parameters, past=past, tangents=np.asarray(tangents), past_tangents=past_tangents)[1])

    def jacobian(self, states: np.ndarray, parameters: np.ndarray | None = None, past: np.ndarray | None = None) -> np.ndarray:
        """Return the Jacobian (B, D, D): entry [b, k, l] is the derivative of component k by the present component l (delayed values held)."""
        states, parameters = self._checked(states, parameters, past)
        batch, dimension = states.shape
        repeated = None if past is None else np.repeat(past, dimension, axis=0)
        still = None if repeated is None else np.zeros_like(repeated)
        rows, values = _along_axes(states, parameters)
        columns = self.tangent(rows, np.tile(np.eye(dimension), (batch, 1)), values, repeated, still)
        return columns.reshape(batch, dimension, dimension).transpose(0, 2, 1)

    def kernels(self, tableau: Tableau | None = None, columns: int = 0) -> Kernels:
        """Return the compiled kernels: value, and with a tableau the Runge-Kutta step and its dense output; `columns` tangents beside the state."""
        key = (tableau, columns)
        if key not in self._kernels:
            tape = self.tangent_tape if columns else self.tape
            self._kernels[key] = build(tape, structure=self.definition.structure, tableau=tableau, columns=columns)
        kernels: Kernels = self._kernels[key]
        return kernels

    @cached_property
    def halves(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """The variables of two halves that move only each other, None if the equations do not split; see `splitting.halves_of`."""
        return halves_of(self.definition)

    @cached_property
    def diffusion(self) -> Diffusion | None:
        """The noise of a stochastic system, else None."""
        return diffusion_of(self.definition)

    def part_kernels(self, names: tuple[str, ...], columns: int = 0) -> Kernels:
        """Return the compiled right-hand side of the variables `names`, with a rate of 0 for all others; `columns` tangents beside the state."""
        key = ("part", names, columns)
        if key not in self._kernels:
            equations = {name: tree if name in names else ZERO for name, tree in self.definition.equations.items()}
            structure = f"{self.definition.structure}: {', '.join(names)}"
            tape = trace(equations, self.definition.scope)
            self._kernels[key] = build(tangent_tape(tape) if columns else tape, structure=structure, columns=columns)
        kernels: Kernels = self._kernels[key]
        return kernels

    def pair_kernels(self, tableau: Tableau, width: int) -> PairKernels | None:
        """Return the compiled Runge-Kutta pair for `width` trajectories at once; None for systems that run one by one."""
        key = ("pair", tableau, width)
        if key not in self._kernels:
            self._kernels[key] = build_pair(self.tape, structure=self.definition.structure, tableau=tableau, width=width)
        kernels: PairKernels | None = self._kernels[key]
        return kernels

    def taylor_kernels(self, order: int, width: int, *, landing: bool = False) -> TaylorKernels:
        """Return the compiled Taylor step of order `order` for `width` trajectories at once; `landing`: no step passes a sample."""
        key = ("series", order, width, landing)
        if key not in self._kernels:
            self._kernels[key] = build_taylor(self.tape, structure=self.definition.structure, order=order, width=width, landing=landing)
        kernels: TaylorKernels = self._kernels[key]
        return kernels

    def growth_kernels(self, order: int, width: int, columns: int) -> GrowthKernels:
        """Return the compiled kernels that carry `width` states with `columns` tangents by Taylor steps of order `order`; order 0 for maps."""
        angles = tuple((slot, float(period)) for slot, period in enumerate(self.periods) if not np.isnan(period))
        return build_growth(self.scalar_tape, structure=self.definition.structure, order=order, width=width, columns=columns, angles=angles)

    def quantity(self, tree: Expression) -> Quantity:
        """Return the function of the state that `tree` (one of the definition's integrals, identities or levels) stands for."""
        if tree not in self._quantities:
            self._quantities[tree] = Quantity(trace_expressions([tree], self.definition.scope))
        return self._quantities[tree]

    def _checked(self, states: np.ndarray, parameters: np.ndarray | None, past: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        states = np.asarray(states)
        parameters = self.parameter_values if parameters is None else np.asarray(parameters)
        label = self.definition.label
        if states.ndim != 2 or states.shape[1] != self.dimension:
            raise DefinitionError(f"{label}: states of shape {states.shape}; rule: (B, {self.dimension}); reshape them")
        if parameters.shape not in ((self.n_parameters,), (len(states), self.n_parameters)):
            rule = f"({self.n_parameters},) or ({len(states)}, {self.n_parameters})"
            raise DefinitionError(f"{label}: parameters of shape {parameters.shape}; rule: {rule}; reshape them")
        wanted = (len(states), len(self.delayed))
        if self.delayed and (past is None or np.shape(past) != wanted):
            given = None if past is None else np.shape(past)
            raise DefinitionError(f"{label}: past of shape {given}; rule: {wanted}, the delayed values; pass past")
        return states, parameters


@dataclass(frozen=True, eq=False)
class FieldSystem(CompiledSystem):
    """A system of fields: `tape` is what is evaluated at each grid point, `plan` what a stepper needs. No step knows a Jacobian of it."""

    equations: FieldEquations = field(kw_only=True)

    @property
    def dimension(self) -> int:
        """D, the number of grid values of all fields, real and imaginary parts counted apart."""
        return self.definition.dimension

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one state before flattening: (F, nx) or (F, ny, nx), complex fields as two real ones."""
        space = self.equations.space
        return (len(self.definition.state) * len(space.parts), *space.shape)

    @property
    def plane(self) -> bool:
        """Whether the domain has two dimensions."""
        return len(self.equations.space.shape) == 2

    def plan(self, parameters: np.ndarray | None = None) -> FieldPlan:
        """Return the plan at `parameters` (P,), default the definition's; remembered. Raises DefinitionError as `FieldEquations.plan` does."""
        values = self.parameter_values if parameters is None else np.asarray(parameters, dtype=np.float64)
        key = ("plan", values.tobytes())
        if key not in self._kernels:
            self._kernels[key] = self.equations.plan(values)
        found: FieldPlan = self._kernels[key]
        return found

    def value(self, states: np.ndarray, parameters: np.ndarray | None = None, past: np.ndarray | None = None) -> np.ndarray:
        """Return the right-hand side (B, D) at states (B, D), of which modes that dealiasing drops are left out first."""
        states, rows = self._checked(states, parameters, past)
        return self._by_row(rates_of, states, rows)

    def tangent(
        self,
        states: np.ndarray,
        tangents: np.ndarray,
        parameters: np.ndarray | None = None,
        past: np.ndarray | None = None,
        past_tangents: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the derivative (B, D) of the right-hand side along `tangents` (B, D)."""
        states, rows = self._checked(states, parameters, past)
        return self._by_row(tangents_of, states, rows, np.asarray(tangents))

    def projected(self, states: np.ndarray, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return states (B, D) without the modes that dealiasing drops and with their means held."""
        states, rows = self._checked(states, parameters, None)
        return self._by_row(project, states, rows)

    def quantity(self, tree: Expression) -> FieldQuantity:  # type: ignore[override]
        """Return the number that belongs to a state by `tree`, one of the definition's integrals or balances. It has no gradient."""
        return FieldQuantity(tree, self.equations.space, self.equations.names, self.definition.label)

    def _by_row(self, function: Callable[..., np.ndarray], states: np.ndarray, rows: np.ndarray, *more: np.ndarray) -> np.ndarray:
        if rows.ndim == 1:
            return function(self.plan(rows), states, *more)
        parts = [function(self.plan(row), states[k : k + 1], *(array[k : k + 1] for array in more)) for k, row in enumerate(rows)]
        return np.concatenate(parts) if parts else np.empty_like(states)


def compile_system(definition: SystemDefinition) -> CompiledSystem:
    """Return the compiled form of `definition`. Cheap: kernels are made when first asked for."""
    if definition.space is not None:
        equations = field_equations(definition)
        return FieldSystem(definition, equations.tape, equations=equations)
    return CompiledSystem(definition, trace(definition.equations, definition.scope))


def _along_axes(states: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each state D times in a row, and parameters to match."""
    dimension = states.shape[1]
    return np.repeat(states, dimension, axis=0), parameters if parameters.ndim == 1 else np.repeat(parameters, dimension, axis=0)
