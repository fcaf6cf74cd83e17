"""Samples in vectors over the components, of polynomials that are known exactly: small whole numbers, so that every value is exact."""

import ctypes
from functools import cache

import numpy as np
import pytest

from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.samples import Shape, Window
from chaosbench.kernels.target import Loaded, compile_assembly, load_object, processor
from chaosbench.kernels.values import constant
from chaosbench.kernels.wide_samples import write_wide_samples

UNTOUCHED = -77.0
TIMES = np.arange(12.0)


@cache
def kernel(shape: Shape, scale: float | None) -> Loaded:
    lanes, assembly = Lanes(shape.dimension, 1), Assembly()
    w = Writer(assembly, "tested", KERNEL_POINTERS)
    time, carry, step = (w.load("%u", lanes.field(name)) for name in ("time", "carry", "step"))
    write_wide_samples(w, shape, lanes, Window(time, carry, step, None if scale is None else constant(scale)))
    w.finish()
    return load_object(compile_assembly(assembly.text(), processor()), ("tested",))


def written(shape: Shape, coefficients: np.ndarray, scale: float | None = None, **fields: float) -> tuple[np.ndarray, float]:
    """Return the rows, of which the second trajectory's six stand between others, and the index afterwards."""
    lanes = Lanes(shape.dimension, 1)
    record, out = np.zeros(lanes.size), np.full((18, shape.dimension), UNTOUCHED)
    for name, value in {"row": 6.0, "count": 6.0, "start": 6.0 * shape.dimension, **fields}.items():
        record[lanes.field(name)] = value
    arrays = (record, np.zeros(1), TIMES, np.zeros(8), coefficients, out)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(kernel(shape, scale).addresses[0])(*(array.ctypes.data for array in arrays))
    return out, record[lanes.field("index")]


def values(shape: Shape, coefficients: np.ndarray, since: np.ndarray) -> np.ndarray:
    return (since[:, None] ** np.arange(shape.degree + 1)) @ coefficients[:, : shape.dimension]


@pytest.mark.parametrize("dimension", [1, 5, 8, 9, 15, 31, 32, 33, 64, 71, 100])
def test_samples_inside_the_step_are_exact_and_no_others_are_written(dimension: int) -> None:
    """The trajectory has samples at 6 .. 11."""
    shape = Shape(dimension, dimension + 3, 4)
    coefficients = np.random.default_rng(dimension).integers(-9, 10, (shape.degree + 1, shape.size)).astype(float)
    for index, time, step in (
        (1, 6.0, 2.5),
        (1, 6.0, 1.0),
        (0, 6.0, 0.5),
        (2, 7.25, 0.5),
        (2, 7.25, 0.75),
        (4, 9.0, 9.0),
        (6, 11.0, 9.0),
        (1, 6.0, -1.0),
    ):
        out, after = written(shape, coefficients, index=float(index), time=time, step=step)
        rows = [6 + k for k in range(index, 6) if TIMES[6 + k] <= time + step]
        assert after == index + len(rows)
        np.testing.assert_array_equal(out[rows], values(shape, coefficients, TIMES[rows] - time))
        assert (np.delete(out, rows, axis=0) == UNTOUCHED).all()


def test_a_polynomial_may_be_one_in_scaled_time() -> None:
    shape = Shape(9, 9, 3)
    coefficients = np.arange(36.0).reshape(4, 9)
    out, after = written(shape, coefficients, 0.5, index=1.0, time=6.0, step=2.0)
    assert after == 3.0
    np.testing.assert_array_equal(out[[7, 8]], values(shape, coefficients, np.array([0.5, 1.0])))
