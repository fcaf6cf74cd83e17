"""From a plan of fields to what its kernels read: the form that decides the code, and tables of multipliers and weights."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.integrators._exponential_drivers import exponential_weights
from chaosbench.integrators._memory import aligned
from chaosbench.kernels.field_frame import WEIGHTS, FieldForm, Frame, Part
from chaosbench.kernels.fourier import LANES

if TYPE_CHECKING:
    from chaosbench.dynamics.field_plan import FieldPlan


def frame_of(plan: "FieldPlan") -> Frame:
    """Return the grid and the modes that are kept."""
    mask = plan.mask if plan.mask.ndim == 2 else plan.mask[None]
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not plan.complex:  # lines of real numbers are transformed from the first column to the last
        columns = np.arange(columns[-1] + 1)
    return Frame(plan.shape, plan.complex, tuple(columns.tolist()), tuple(rows.tolist()))


def form_of(plan: "FieldPlan") -> FieldForm:
    """Return what the code for a plan depends on."""
    coupling = [(f, g) for f in range(plan.n_fields) for g in range(plan.n_fields) if f == g or plan.linear[f, g].any()]
    coupling = _closed(coupling, plan.n_fields)
    return FieldForm(
        frame=frame_of(plan),
        fields=plan.n_fields,
        inputs=tuple((field, part_of(multiplier)) for field, multiplier in plan.inputs),
        outputs=tuple((field, product, part_of(multiplier)) for field, product, multiplier in plan.outputs),
        products=plan.n_products,
        coupling=tuple(coupling),
        real=not plan.linear.imag.any(),
        forced=bool(plan.constant.any()),
        coefficients=len(plan.coefficients),
        tape=tangent_tape(plan.pointwise),
    )


def part_of(multiplier: np.ndarray) -> Part:
    """Return whether numbers are all real, all imaginary, or neither."""
    if not multiplier.imag.any():
        return "real"
    return "complex" if multiplier.real.any() else "imaginary"


def _closed(pairs: list[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    """Which field a function of the linear part reads: what is read by a field that is read, is read."""
    reach = np.zeros((n, n), dtype=bool)
    reach[tuple(np.array(pairs).T)] = True
    for _ in range(n):
        reach = reach | (reach.astype(int) @ reach.astype(int) > 0)
    return [(int(f), int(g)) for f, g in np.argwhere(reach)]


def tables_of(form: FieldForm, plan: "FieldPlan", h: float) -> np.ndarray:
    """Return the tables of a plan, as its form orders them, for steps of length h."""
    return _Tables(form).filled(plan, h)


class _Tables:
    def __init__(self, form: FieldForm) -> None:
        self.form = form
        self.numbers = aligned(form.tables["end", 0])

    def filled(self, plan: "FieldPlan", h: float) -> np.ndarray:
        self._fill(plan)
        for name, table in zip(WEIGHTS, weights_of(plan, h), strict=True):
            for k, (f, g) in enumerate(self.form.coupling):
                self._put((name, k), "real" if self.form.real else "complex", self._places(table[f, g]))
        return self.numbers

    def _fill(self, plan: "FieldPlan") -> None:
        form, number = self.form, self.form.frame.number
        for m, (_, multiplier) in enumerate(plan.inputs):
            self._put(("input", m), form.inputs[m][1], self._places(multiplier) / number)
        for o, (_, _, multiplier) in enumerate(plan.outputs):
            share = 1.0 if plan.complex else 0.5
            self._put(("output", o), form.outputs[o][2], self._places(np.where(plan.mask, multiplier, 0.0)) * share)
        if form.forced:
            constant = np.concatenate([self._places(np.where(plan.mask, row, 0.0)) for row in plan.constant])
            self._put(("constant", 0), "complex", constant)
        self._put(("mask", 0), "real", self._places(plan.mask.astype(complex)))
        for c, values in enumerate(plan.coefficients):
            self._put(("coefficient", c), "real", on_lines(form.frame, values).astype(complex))

    def _put(self, key: tuple[str, int], part: Part, values: np.ndarray) -> None:
        """Write values (places, 1 or W) complex; of real and imaginary ones the part that is not 0."""
        start, parts = self.form.tables[key], 2 if part == "complex" else 1
        target = self.numbers[start : start + len(values) * parts * LANES].reshape(len(values), parts, LANES)
        target[:, 0] = values.imag if part == "imaginary" else values.real
        if parts == 2:
            target[:, 1] = values.imag

    def _places(self, spectrum: np.ndarray) -> np.ndarray:
        """Return the numbers (places, W) of a spectrum (*K), in one dimension (places, 1)."""
        frame = self.form.frame
        if not frame.plane:
            return np.asarray(spectrum[list(frame.columns)][:, None], dtype=np.complex128)
        found = np.zeros((len(frame.rows), frame.width), dtype=np.complex128)
        found[:, : len(frame.columns)] = spectrum[np.ix_(frame.rows, frame.columns)]
        return found.reshape(frame.places, LANES)


def on_lines(frame: Frame, values: np.ndarray) -> np.ndarray:
    """Return values (*shape) as bundles of lines (points, W), in one dimension (points, 1)."""
    if not frame.plane:
        return values[:, None]
    ny, nx = frame.shape
    lines = np.zeros((frame.strips * LANES, nx))
    lines[:ny] = values
    return lines.reshape(frame.strips, LANES, nx).transpose(0, 2, 1).reshape(frame.points, LANES)


def weights_of(plan: "FieldPlan", h: float) -> np.ndarray:
    """Return the weights (6, F, F, *K) of a step of length h, 0 outside the mask; a mean that is held stays what it is."""
    count, kept = plan.n_fields, np.flatnonzero(plan.mask)
    linear = plan.linear.reshape(count, count, -1)[:, :, kept].transpose(2, 0, 1)
    parts = np.ascontiguousarray(np.stack([linear.real, linear.imag], axis=-1))
    found = np.zeros((len(WEIGHTS), len(kept), count, count, 2))
    exponential_weights(parts, float(h), found)
    weights = np.zeros((len(WEIGHTS), count, count, plan.mask.size), dtype=np.complex128)
    weights[..., kept] = (found[..., 0] + 1j * found[..., 1]).transpose(0, 2, 3, 1)
    for field, mean in enumerate(plan.held):
        if mean is not None:
            weights[:, field, :, 0] = 0.0
            weights[:2, field, field, 0] = 1.0
    return weights.reshape(len(WEIGHTS), count, count, *plan.mask.shape)
