"""The readable evaluation of fields with NumPy: transforms, right-hand side, tangent, quantities of a state. Slow, and the oracle of what is fast.

States are flat, (B, D): field by field, complex ones as all real parts and then all imaginary parts, row-major over the grid. Spectra are (B, F, *K).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chaosbench.dynamics.field_check import IMAGINARY, OPERATORS, FieldNames
from chaosbench.dynamics.field_operator import IDENTITY, Spectrum
from chaosbench.dynamics.field_plan import FieldPlan
from chaosbench.dynamics.field_space import FieldSpace
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import FUNCTIONS as NUMPY
from chaosbench.expressions.evaluate import outputs_of
from chaosbench.expressions.tree import Binary, Call, Compare, Expression, Name, Number, Unary


def on_grid(states: np.ndarray, shape: tuple[int, ...], n_fields: int, is_complex: bool) -> np.ndarray:
    """Return flat states (B, D) as fields (B, F, *shape), complex where they are."""
    if not is_complex:
        return np.asarray(states.reshape(len(states), n_fields, *shape))
    parts = states.reshape(len(states), n_fields, 2, *shape)
    return np.asarray(parts[:, :, 0] + 1j * parts[:, :, 1])


def flat(fields: np.ndarray) -> np.ndarray:
    """Return fields (B, F, *shape) as flat states (B, D)."""
    if np.iscomplexobj(fields):
        fields = np.stack([fields.real, fields.imag], axis=2)
    return np.ascontiguousarray(fields.reshape(len(fields), -1), dtype=np.float64)


def to_spectrum(plan: FieldPlan, states: np.ndarray) -> np.ndarray:
    """Return the spectra (B, F, *K) of flat states (B, D), without the modes that dealiasing drops and with held means."""
    spectrum: np.ndarray = _forward(plan, on_grid(states, plan.shape, plan.n_fields, plan.complex)) * plan.mask
    for field, mean in enumerate(plan.held):
        if mean is not None:
            _means(plan, spectrum)[:, field] = mean * plan.points
    return spectrum


def to_states(plan: FieldPlan, spectrum: np.ndarray) -> np.ndarray:
    """Return flat states (B, D) of spectra (B, F, *K)."""
    return flat(_backward(plan, spectrum))


def project(plan: FieldPlan, states: np.ndarray) -> np.ndarray:
    """Return states (B, D) without dropped modes and with held means: the nearest ones that the dynamics can be in."""
    return to_states(plan, to_spectrum(plan, states))


def without_held(plan: FieldPlan, spectrum: np.ndarray) -> np.ndarray:
    """Return the spectra (B, F, *K) of tangents: masked, and 0 where a mean is held."""
    confined: np.ndarray = spectrum * plan.mask
    for field, mean in enumerate(plan.held):
        if mean is not None:
            _means(plan, confined)[:, field] = 0.0
    return confined


def nonlinear(plan: FieldPlan, spectrum: np.ndarray, tangents: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return N_hat (B, F, *K) and, with `tangents` (B, F, *K), its derivative along them."""
    batch, rows = len(spectrum), len(spectrum) * plan.points
    variables = plan.pointwise.dimension
    table, directions = np.zeros((rows, variables)), np.zeros((rows, variables))
    parts = 2 if plan.complex else 1
    for place, (field, multiplier) in enumerate(plan.inputs):
        for source, target in ((spectrum, table), (tangents, directions)):
            if source is not None:
                values = _backward(plan, source[:, field] * multiplier)
                target[:, parts * place] = values.real.ravel()
                if plan.complex:
                    target[:, 2 * place + 1] = values.imag.ravel()
    first = parts * len(plan.inputs)
    for place, coefficient in enumerate(plan.coefficients):
        table[:, first + place] = np.tile(coefficient.ravel(), batch)
    if tangents is None:
        found, slopes = outputs_of(plan.pointwise, table, plan.parameters)
    else:
        found, slopes = outputs_of(tangent_tape(plan.pointwise), table, plan.parameters, tangents=directions)
    rates = np.zeros_like(spectrum) + plan.constant
    changes = None if tangents is None else np.zeros_like(spectrum)
    for field, product, multiplier in plan.outputs:
        rates[:, field] += multiplier * _product(plan, found, product, batch)
        if changes is not None:
            changes[:, field] += multiplier * _product(plan, slopes, product, batch)
    return rates, changes


def rates_of(plan: FieldPlan, states: np.ndarray) -> np.ndarray:
    """Return the right-hand side (B, D) at states (B, D)."""
    spectrum = to_spectrum(plan, states)
    return to_states(plan, np.einsum("fg...,bg...->bf...", plan.linear, spectrum) + nonlinear(plan, spectrum)[0])


def tangents_of(plan: FieldPlan, states: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Return the derivative (B, D) of the right-hand side at `states` along `tangents`, both (B, D)."""
    spectrum = to_spectrum(plan, states)
    directions = without_held(plan, _forward(plan, on_grid(tangents, plan.shape, plan.n_fields, plan.complex)))
    _, changes = nonlinear(plan, spectrum, directions)
    return to_states(plan, np.einsum("fg...,bg...->bf...", plan.linear, directions) + changes)


def _product(plan: FieldPlan, found: list[np.ndarray], product: int, batch: int) -> np.ndarray:
    shape = (batch, *plan.shape)
    if not plan.complex:
        return _forward(plan, found[product][:, 0].reshape(shape))
    return _forward(plan, (found[2 * product][:, 0] + 1j * found[2 * product + 1][:, 0]).reshape(shape))


def _forward(plan: FieldPlan, values: np.ndarray) -> np.ndarray:
    return transform(values, len(plan.shape), plan.complex)


def _backward(plan: FieldPlan, spectrum: np.ndarray) -> np.ndarray:
    return back(spectrum, plan.shape, plan.complex)


def _means(plan: FieldPlan, spectrum: np.ndarray) -> np.ndarray:
    """The mode that is n times the mean, a view (B, F) of `spectrum`."""
    return np.asarray(spectrum[..., 0] if len(plan.shape) == 1 else spectrum[..., 0, 0])


def transform(values: np.ndarray, axes: int, is_complex: bool) -> np.ndarray:
    """Return the spectrum over the last `axes` axes, unscaled."""
    along = tuple(range(-axes, 0))
    return np.asarray((np.fft.fftn if is_complex else np.fft.rfftn)(values, axes=along))


def back(spectrum: np.ndarray, shape: tuple[int, ...], is_complex: bool) -> np.ndarray:
    """Return the grid values of spectra, scaled by 1/n."""
    along = tuple(range(-len(shape), 0))
    return np.asarray(np.fft.ifftn(spectrum, axes=along) if is_complex else np.fft.irfftn(spectrum, s=shape, axes=along))


@dataclass(frozen=True, eq=False)
class FieldQuantity:
    """What belongs to a state: an expression of the fields on the grid, or of their spatial means."""

    tree: Expression
    space: FieldSpace
    names: FieldNames
    label: str

    def value(self, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return the values (B,) at states (B, D); parameters are (P,) or (B, P). Derivatives are spectral, means are sums over the grid."""
        if np.ndim(parameters) == 1:
            return np.array(np.broadcast_to(np.real(self.everywhere(states, parameters)), (len(states),)), dtype=np.float64)
        found = [self.value(states[k : k + 1], row) for k, row in enumerate(parameters)]
        return np.concatenate(found) if found else np.empty(0)

    def everywhere(self, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return the expression at states (B, D) and parameters (P,): on the grid (B, *shape), numbers where it holds nothing but means (B,)."""
        values = dict(zip(self.names.parameters, parameters.tolist(), strict=True))
        fields = on_grid(states, self.space.shape, len(self.names.fields), self.space.complex)
        spectrum = Spectrum(self.space.shape, self.space.lengths(values, self.label), self.space.complex)
        return _Grid(self, spectrum, fields, values).visit(self.tree)


class _Grid:
    """Evaluates an expression of fields on the grid, part by part, whatever it is."""

    def __init__(self, quantity: FieldQuantity, spectrum: Spectrum, fields: np.ndarray, values: Mapping[str, float]) -> None:
        self.space, self.label = quantity.space, quantity.label
        self.spectrum, self.values = spectrum, values
        along = {axis.name: np.arange(axis.points) * (length / axis.points) for axis, length in zip(self.space.axes, spectrum.lengths, strict=True)}
        self.known: dict[str, np.ndarray] = {name: np.asarray(value) for name, value in values.items()}
        self.known.update({name: row[:, None] if name == "y" else row for name, row in along.items()})
        self.shape = (len(fields), *self.space.shape)
        self.known.update({name: fields[:, place] for place, name in enumerate(quantity.names.fields)})
        self.known.update({"pi": np.asarray(np.pi), IMAGINARY: np.asarray(1j)})

    def visit(self, tree: Expression) -> np.ndarray:
        match tree:
            case Number(value, _):
                return np.asarray(value)
            case Name(name):
                return self.known[name]
            case Unary(op, arg):
                return np.asarray(NUMPY[op](self.visit(arg)))
            case Binary(op, left, right) | Compare(op, left, right):
                return np.asarray(NUMPY[op](self.visit(left), self.visit(right)))
            case Call("mean", (arg,)):
                return np.asarray(np.mean(np.broadcast_to(self.visit(arg), self.shape), axis=tuple(range(1, len(self.shape)))))
            case Call(function, (arg, *_)) if function in OPERATORS:
                return self.operated(tree, np.broadcast_to(self.visit(arg), self.shape))
            case Call("conj", (arg,)):
                return np.asarray(np.conj(self.visit(arg)))
            case Call("re", (arg,)):
                return np.asarray(np.real(self.visit(arg)))
            case Call("im", (arg,)):
                return np.imag(self.visit(arg))
            case Call("abs2", (arg,)):
                inside = self.visit(arg)
                return np.asarray(np.real(inside) ** 2 + np.imag(inside) ** 2)
            case Call(function, args):
                return np.asarray(NUMPY[function](*(self.visit(arg) for arg in args)))
        raise TypeError(f"{tree!r} is not an expression of fields")

    def operated(self, call: Call, values: np.ndarray) -> np.ndarray:
        multiplier = self.spectrum.multiplier(IDENTITY.after(call), self.values, self.label)
        return back(multiplier * transform(values, len(self.space.shape), self.space.complex), self.space.shape, self.space.complex)
