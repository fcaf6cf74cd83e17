"""The step control of the kernels against the compiled drivers' one, bit for bit, at every width."""

import ctypes

import numpy as np
import pytest

from chaosbench.integrators import _step_size as drivers
from chaosbench.kernels import step_control
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.target import Loaded, compile_assembly, load_object, processor
from chaosbench.kernels.values import constant

ERRORS = [0.0, 1e-300, 1e-30, 1e-10, 9.9e-11, 1e-4, 0.3, 1.0, np.nextafter(1.0, 2.0), 1.5, 32.0, 1e7, 1e300, np.inf, np.nan]


def compiled(write) -> Loaded:
    assembly = Assembly()
    w = Writer(assembly, "tested", KERNEL_POINTERS)
    write(w)
    w.finish()
    return load_object(compile_assembly(assembly.text(), processor()), ("tested",))


def run(loaded: Loaded, u: np.ndarray, size: int) -> np.ndarray:
    [address] = loaded.addresses
    out, unused = np.full(size, 7.0), np.zeros(8)
    arrays = (u, unused, unused, unused, unused, out)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(address)(*(array.ctypes.data for array in arrays))
    return out


def by_rows(write, rows: np.ndarray, outputs: int, width: int) -> np.ndarray:
    """Run `write(w, [values]) -> [values]` on the columns of `rows` (N, inputs), `width` rows at a time, and return (N, outputs)."""
    inputs = rows.shape[1]

    def body(w: Writer) -> None:
        found = write(w, [w.load("%u", k * width, width=width) for k in range(inputs)])
        for k, value in enumerate(found):
            w.store(value, "%out", k * width)

    loaded = compiled(body)
    padded = np.concatenate([rows, np.tile(rows[:1], (-len(rows) % width, 1))])
    parts = [
        run(loaded, np.ascontiguousarray(part.T).ravel(), outputs * width).reshape(outputs, width).T
        for part in np.split(padded, len(padded) // width)
    ]
    return np.concatenate(parts)[: len(rows)]


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("order", [4, 7])
def test_the_next_step_is_that_of_the_drivers(order: int, width: int) -> None:
    random = np.random.default_rng(order)
    errors = np.concatenate([ERRORS, 10.0 ** random.uniform(-12.0, 4.0, size=300)])
    rows = np.array([(error, before, again) for error in errors for before in (-13.287712379549449, -3.3, 0.0) for again in (0.0, 1.0)])

    def write(w, values):
        error, before, again = values
        return step_control.controlled(w, error, (before, again), w.compare("ole", error, constant(1.0, width)), order)

    expected = [
        drivers.after_accepted(error, before, order, again > 0.0) if error <= 1.0 else (drivers.after_rejected(error, order), before)
        for error, before, again in rows
    ]
    np.testing.assert_array_equal(by_rows(write, rows, 2, width), expected)


@pytest.mark.parametrize("width", [1, 8])
def test_steps_are_fitted_and_refused_as_in_the_drivers(width: int) -> None:
    random = np.random.default_rng(1)
    steps = np.concatenate([[0.0, 1.0, 1.5, 1.005, 0.3], 10.0 ** random.uniform(-3.0, 1.0, size=200)])
    rows = np.array([(step, room) for step in steps for room in (0.0, 0.3, 1.0, 2.0, 5.0)])
    found = by_rows(lambda w, values: [step_control.fitted(w, *values)], rows, 1, width)
    np.testing.assert_array_equal(found[:, 0], [drivers.fitted(step, room) for step, room in rows])
    times = np.concatenate([[0.0, -0.0, 1.0, -1.0, 2.0**20, np.nextafter(1.0, 0.0), 3.0, 1e-300, 1e300], random.normal(size=50)])
    found = by_rows(lambda w, values: [step_control.least_step(w, *values)], times[:, None], 1, width)
    np.testing.assert_array_equal(found[:, 0], [drivers.least_step(time) for time in times])


@pytest.mark.parametrize("width", [1, 8])
def test_own_logarithm_and_power_are_those_of_the_drivers(width: int) -> None:
    x = np.concatenate([[0.5, 1.0, 2.0, np.nextafter(1.0, 0.0), 1e-300, 1e300], 10.0 ** np.random.default_rng(1).uniform(-12, 12, size=300)])
    found = by_rows(lambda w, values: [step_control.log2(w, *values)], x[:, None], 1, width)
    np.testing.assert_array_equal(found[:, 0], [drivers.log2(value) for value in x])
    y = np.concatenate([[0.0, 0.5, -0.5, 1.0, -1.0, 1021.0, -1021.0], np.random.default_rng(2).uniform(-300.0, 300.0, size=300)])
    found = by_rows(lambda w, values: [step_control.exp2(w, *values)], y[:, None], 1, width)
    np.testing.assert_array_equal(found[:, 0], [drivers.exp2(value) for value in y])


@pytest.mark.parametrize("width", [1, 8])
def test_the_clock_is_that_of_the_drivers(width: int) -> None:
    random = np.random.default_rng(1)
    rows = np.stack([random.normal(size=100) * 1e6, random.normal(size=100) * 1e-11, random.random(100)], axis=1)
    found = by_rows(lambda w, values: step_control.later(w, *values), rows, 2, width)
    np.testing.assert_array_equal(found, [drivers.later(*row) for row in rows])
