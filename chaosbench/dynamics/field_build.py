"""From the equations of fields to the plan of a stepper: symbols evaluated, products traced, modes chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.field_check import FieldNames
from chaosbench.dynamics.field_complex import Pair, complex_constant, to_pair
from chaosbench.dynamics.field_grid import coordinates_of, values_at
from chaosbench.dynamics.field_operator import Spectrum
from chaosbench.dynamics.field_plan import FieldPlan
from chaosbench.dynamics.field_space import FieldSpace, next_smooth
from chaosbench.dynamics.field_split import GRID, INPUT, Combination, FieldForm, take_apart
from chaosbench.errors import DefinitionError
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Tape, Variable
from chaosbench.expressions.trace import trace_expressions
from chaosbench.expressions.tree import ZERO, Expression, Name

if TYPE_CHECKING:
    from chaosbench.dynamics.definition import SystemDefinition

MARGIN = 2.0  # how much further than the linearly unstable modes the kept ones must reach
UNSTABLE = 0.05  # of the fastest growth: what grows more slowly, as weakly damped short waves of a sheared flow may, does not count


@dataclass(frozen=True, eq=False)
class FieldEquations:
    """The equations of one system of fields, independent of parameter values."""

    label: str
    space: FieldSpace
    names: FieldNames
    form: FieldForm
    slots: Mapping[str, ParameterSlot]

    @property
    def dealias(self) -> str:
        """The rule in force: the author's, or what the degree of the products needs."""
        return self.space.dealias or self.form.dealias

    @cached_property
    def tape(self) -> Tape:
        """The products at one grid point, see `FieldPlan.pointwise`."""
        form, is_complex = self.form, self.space.complex
        inputs = [f"{INPUT}{place}" for place in range(len(form.inputs))]
        names = [f"{name}{part}" for name in inputs for part in (("re", "im") if is_complex else ("",))]
        names += [f"{GRID}{place}" for place in range(len(form.grid))]
        trees: list[Expression] = []
        pairs = {name: Pair(Name(f"{name}re"), Name(f"{name}im")) for name in inputs}
        for product in form.products:
            if is_complex:
                pair = to_pair(product, pairs, f"{self.label}: equations")
                trees += [pair.re, pair.im or ZERO]
            else:
                trees.append(product)
        count = max(len(names), len(trees), 1)
        variables = tuple(Variable(names[place] if place < len(names) else f"${place}", place) for place in range(count))
        return trace_expressions([*trees, *[ZERO] * (count - len(trees))], Scope(variables, self.slots))

    def plan(self, parameters: np.ndarray) -> FieldPlan:
        """Return the plan at `parameters` (P,).

        Raises DefinitionError where a length is not positive, a constant is not finite, or the modes kept do not reach `MARGIN` times as far as the
        linearly unstable ones.
        """
        values = dict(zip(self.slots, (float(value) for value in parameters), strict=True))
        lengths = self.space.lengths(values, self.label)
        spectrum = Spectrum(self.space.shape, lengths, self.space.complex)
        mask = spectrum.kept(self.dealias)
        where = f"{self.label}: equations"
        count, form = len(self.names.fields), self.form
        linear = np.zeros((count, count, *spectrum.modes), dtype=np.complex128)
        for equation, field, coefficient, operator in form.linear:
            linear[equation, field] += complex_constant(coefficient, values, where) * spectrum.multiplier(operator, values, where)
        inputs = tuple((field, _combined(parts, spectrum, values, where)) for field, parts in form.inputs)
        outputs = [
            (equation, product, complex_constant(coefficient, values, where) * spectrum.multiplier(operator, values, where))
            for equation, product, coefficient, operator in form.outputs
        ]
        constant = np.zeros((count, *spectrum.modes), dtype=np.complex128)
        points = coordinates_of(self.space.shape, lengths)
        for equation, coefficient, operator, tree in form.sources:
            source = self._on_grid([tree], points, parameters)[0]
            symbol = complex_constant(coefficient, values, where) * spectrum.multiplier(operator, values, where)
            constant[equation] += symbol * (np.fft.fftn if self.space.complex else np.fft.rfftn)(source)
        self._confine(linear, [(equation, symbol) for equation, _, symbol in outputs], constant, mask)
        self._check_modes(linear, spectrum, mask)
        return FieldPlan(
            shape=self.space.shape,
            complex=self.space.complex,
            n_fields=count,
            linear=linear,
            inputs=inputs,
            pointwise=self.tape,
            n_products=len(form.products),
            coefficients=self._on_grid(form.grid, points, parameters),
            outputs=tuple(outputs),
            constant=constant,
            mask=mask,
            held=self.space.means,
            parameters=np.array(parameters, dtype=np.float64),
        )

    def _on_grid(self, trees: tuple[Expression, ...] | list[Expression], points: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return (len(trees), *shape)."""
        if not trees:
            return np.zeros((0, *self.space.shape))
        found = values_at(trees, self.names.coordinates, points, self.slots, parameters)
        return np.ascontiguousarray(found.T).reshape(len(trees), *self.space.shape)

    def _confine(self, linear: np.ndarray, outputs: list[tuple[int, np.ndarray]], constant: np.ndarray, mask: np.ndarray) -> None:
        """Set to 0 what acts outside the mask or on a mean that is held."""
        linear *= mask
        constant *= mask
        for _, symbol in outputs:
            symbol *= mask
        origin = (0,) * len(self.space.shape)
        for field, mean in enumerate(self.space.means):
            if mean is not None:
                linear[field][:, *origin] = 0.0
                constant[field][origin] = 0.0
                for equation, symbol in outputs:
                    if equation == field:
                        symbol[origin] = 0.0

    def _check_modes(self, linear: np.ndarray, spectrum: Spectrum, mask: np.ndarray) -> None:
        """Raise DefinitionError when modes that grow, at `UNSTABLE` of the fastest rate or more, reach beyond 1 / MARGIN of the modes kept."""
        if not np.isfinite(linear).all():
            raise DefinitionError(f"{self.label}: equations: the linear part is not finite at these parameters; correct them")
        matrices = np.moveaxis(linear.reshape(*linear.shape[:2], -1), 2, 0)
        growth = (matrices[:, 0, 0].real if len(linear) == 1 else np.linalg.eigvals(matrices).real.max(axis=1)).reshape(mask.shape)
        unstable = mask & (growth > max(UNSTABLE * growth.max(), 1e-12 * np.abs(linear).max()))
        for axis, numbers in enumerate(spectrum.numbers):
            reach = np.abs(np.broadcast_to(numbers, mask.shape))
            needed, kept = int(reach[unstable].max(initial=0)), int(reach[mask].max())
            if MARGIN * needed > kept:
                name, points = self.space.axes[axis].name, self.space.axes[axis].points
                rule = f"the linearly unstable modes reach to {needed} and the modes kept must reach {MARGIN:g} times as far"
                raise DefinitionError(
                    f"{self.label}: domain.{name}.points: {points} points keep {kept} modes ({self.dealias} rule); rule: {rule}; "
                    f"take at least {next_smooth(int(np.ceil(points * MARGIN * needed / max(kept, 1))))} points, or a shorter domain"
                )


def field_equations(definition: "SystemDefinition") -> FieldEquations:
    """Return the equations of a definition of kind fields, taken apart. Raises DefinitionError where they cannot be."""
    space = definition.space
    if space is None:
        raise DefinitionError(f"{definition.label}: has no domain; only systems of kind fields have plans; give [domain]")
    names = FieldNames(tuple(entry.name for entry in definition.state), definition.parameter_names, space)
    form = take_apart(definition.equations, names, definition.label)
    return FieldEquations(definition.label, space, names, form, definition.scope.parameters)


def _combined(parts: Combination, spectrum: Spectrum, values: Mapping[str, float], where: str) -> np.ndarray:
    total = np.zeros(spectrum.modes, dtype=np.complex128)
    for coefficient, operator in parts:
        total += complex_constant(coefficient, values, where) * spectrum.multiplier(operator, values, where)
    return total
