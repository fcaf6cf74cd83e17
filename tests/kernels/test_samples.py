"""Samples of polynomials that are known exactly: small whole numbers and binary fractions, so that every value is exact."""

import ctypes
from dataclasses import dataclass

import numpy as np
import pytest

from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.samples import Shape, Window, due_samples, spill, write_block_samples, write_lane_samples
from chaosbench.kernels.target import compile_assembly, load_object, processor
from chaosbench.kernels.values import constant
from chaosbench.kernels.weave import store_rows, transposed

UNTOUCHED = -77.0


def call(assembly: Assembly, name: str, *arrays: np.ndarray) -> None:
    loaded = load_object(compile_assembly(assembly.text(), processor()), (name,))
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(loaded.addresses[0])(*(array.ctypes.data for array in arrays))


@dataclass
class Case:
    """A step of every lane: clock, length (negative: no step), sample times (W, T), index of the next sample, coefficients [n][E][W]."""

    shape: Shape
    width: int
    time: np.ndarray
    step: np.ndarray
    times: np.ndarray
    index: np.ndarray
    coefficients: np.ndarray
    scale: float | None = None

    def write(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows (W, T, D), the indices afterwards, and whether each lane had a sample in its step."""
        lanes, samples = Lanes(self.shape.dimension, self.width), self.times.shape[1]
        assembly = Assembly()
        w = Writer(assembly, "tested", KERNEL_POINTERS)
        time, carry, step = (w.load("%u", lanes.field(name), width=self.width) for name in ("time", "carry", "step"))
        window = Window(time, carry, step, None if self.scale is None else constant(self.scale, self.width))
        due = due_samples(w, lanes, window)
        (write_block_samples if self.width == 1 else write_lane_samples)(w, self.shape, lanes, window)
        w.store(w.select(due, constant(1.0, self.width), constant(0.0, self.width)), "%u", lanes.field("sampled"))
        w.finish()
        record, out = np.zeros(lanes.size), np.full((self.width, samples, self.shape.dimension), UNTOUCHED)
        row = np.arange(self.width, dtype=float)
        fields = {"time": self.time, "carry": 2.0**-60, "step": self.step, "index": self.index, "count": samples}
        fields |= {"row": row * samples, "start": row * samples * self.shape.dimension}
        for name, value in fields.items():
            record[lanes.field(name) : lanes.field(name) + self.width] = value
        unused = np.zeros(1)
        call(assembly, "tested", record, unused, self.times, np.zeros(spill(self.shape.dimension)), self.coefficients, out)
        found = (record[lanes.field(name) : lanes.field(name) + self.width] for name in ("index", "sampled"))
        return out, *found

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values at all times (W, T, D) and the index of the first sample after the step."""
        since = (self.times - self.time[:, None]) * (self.scale or 1.0)
        powers = since[:, :, None] ** np.arange(self.shape.degree + 1)
        values = np.einsum("wtn,ndw->wtd", powers, self.coefficients[:, : self.shape.dimension])
        after = [int(np.sum(row <= time + step)) if step >= 0.0 else 0 for row, time, step in zip(self.times, self.time, self.step, strict=True)]
        return values, np.maximum(after, self.index.astype(int))


def case(width: int, samples: int, dimension: int, seed: int, *, size: int | None = None, scale: float | None = None) -> Case:
    random = np.random.default_rng(seed)
    shape = Shape(dimension, size or dimension, 3)
    start = random.integers(0, 3, size=width).astype(float)
    index = random.integers(0, samples, size=width)
    index[random.random(width) < 0.2] = samples  # lanes that have written all
    step = random.integers(0, 24, size=width) / 16.0
    step[random.random(width) < 0.25] = -1.0
    gaps = random.integers(1, 5, size=(width, samples)) / 16.0
    times = np.cumsum(gaps, axis=1)
    for lane in range(width):  # the next sample is the first one after the start
        times[lane] += start[lane] - (times[lane, index[lane] - 1] if index[lane] else 0.0)
    coefficients = random.integers(-9, 10, size=(shape.degree + 1, shape.size, width)).astype(float)
    return Case(shape, width, start, step, times, index.astype(float), coefficients, scale)


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 40])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_samples_inside_the_step_are_exact_and_the_index_is_brought_forward(width: int, samples: int) -> None:
    for seed in range(6):
        subject = case(width, samples, 3, seed)
        out, index, due = subject.write()
        values, after = subject.expected()
        np.testing.assert_array_equal(index, after)
        np.testing.assert_array_equal(due, after > subject.index)
        for lane in range(width):
            first, beyond = int(subject.index[lane]), after[lane]
            np.testing.assert_array_equal(out[lane, first:beyond], values[lane, first:beyond])
            assert (out[lane, :first] == UNTOUCHED).all()


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("dimension", [1, 2, 4, 5, 8, 11])
def test_rows_of_every_length_are_written_and_no_row_of_another_trajectory(width: int, dimension: int) -> None:
    """Rows beyond the step may be written, as values of the polynomial; they belong to the same trajectory."""
    for seed, samples in ((1, 6), (2, 16), (3, 21)):
        subject = case(width, samples, dimension, seed, size=dimension + 2)
        out, _, _ = subject.write()
        values, after = subject.expected()
        for lane in range(width):
            first, beyond = int(subject.index[lane]), after[lane]
            np.testing.assert_array_equal(out[lane, first:beyond], values[lane, first:beyond])
            untouched = (out[lane] == UNTOUCHED).all(axis=1)
            assert (untouched | (out[lane] == values[lane]).all(axis=1)).all()


@pytest.mark.parametrize("width", [1, 8])
def test_a_polynomial_may_be_one_in_scaled_time(width: int) -> None:
    subject = case(width, 13, 3, 5, scale=4.0)
    out, _, _ = subject.write()
    values, after = subject.expected()
    for lane in range(width):
        first, beyond = int(subject.index[lane]), after[lane]
        np.testing.assert_array_equal(out[lane, first:beyond], values[lane, first:beyond])


@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (4, 8), (8, 4), (8, 8), (4, 3)])
def test_a_matrix_is_transposed(rows: int, columns: int) -> None:
    assembly, matrix, out = Assembly(), np.arange(float(rows * columns)), np.zeros(rows * columns)
    w = Writer(assembly, "tested", KERNEL_POINTERS)
    for k, column in enumerate(transposed(w, [w.load("%u", k * columns, width=columns) for k in range(rows)])):
        w.store(column, "%out", k * rows)
    w.finish()
    unused = np.zeros(1)
    call(assembly, "tested", matrix, unused, unused, unused, unused, out)
    np.testing.assert_array_equal(out.reshape(columns, rows), matrix.reshape(rows, columns).T)


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5, 9])
def test_vectors_over_samples_are_stored_as_rows(dimension: int, width: int) -> None:
    assembly, vectors, out = Assembly(), np.arange(float(dimension * width)), np.zeros(dimension * width)
    w = Writer(assembly, "tested", KERNEL_POINTERS)
    store_rows(w, [w.load("%u", d * width, width=width) for d in range(dimension)], "%out")
    w.finish()
    unused = np.zeros(1)
    call(assembly, "tested", vectors, unused, unused, unused, unused, out)
    np.testing.assert_array_equal(out.reshape(width, dimension), vectors.reshape(dimension, width).T)
