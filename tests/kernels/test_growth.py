"""Tangent columns in lanes: the same bits on every processor, and a clock that ends where it is told to."""

import ctypes
import platform

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.kernels.growth import Record, growth_sizes, growth_text
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor

FORCED = [Processor("generic"), Processor("haswell")] if platform.machine() in {"x86_64", "AMD64"} else [Processor("generic")]
WIDTH, COLUMNS = 8, 2
CASES = [("lorenz63", 6, 1.0), ("double_pendulum", 5, 2.0), ("chua", 5, 1.0), ("henon", 0, 20.0), ("ikeda", 0, 10.0)]


def carried(subject: CompiledSystem, order: int, end: float, cpu: Processor) -> tuple[np.ndarray, Lanes, np.ndarray]:
    """Return u after one record of eight slightly different orbits, its layout, and the growth (K, W)."""
    tape, size = subject.tape, subject.dimension * (1 + COLUMNS)
    angles = tuple((slot, float(period)) for slot, period in enumerate(subject.periods) if not np.isnan(period))
    loaded = load_object(compile_assembly(growth_text(tape, order, WIDTH, COLUMNS, angles), cpu), ("advance", "finish"))
    u, p, past, work = (np.zeros(length) for length in growth_sizes(tape, order, WIDTH, COLUMNS))
    lanes, record, out = Lanes(size, WIDTH), Record(subject.dimension, COLUMNS, WIDTH), np.zeros(COLUMNS * WIDTH)
    state = 0.3 + 0.05 * np.arange(subject.dimension)[:, None] + 0.01 * np.arange(WIDTH)
    u[: size * WIDTH] = np.concatenate([state.ravel(), np.repeat(np.eye(subject.dimension)[:COLUMNS].ravel(), WIDTH)])
    p[: subject.n_parameters * WIDTH] = np.repeat(subject.parameter_values, WIDTH)
    past[: COLUMNS * WIDTH], past[record.every] = 1.0, 3.0
    u[lanes.field("end") : lanes.field("end") + WIDTH] = end
    for name, value in (("rtol", 1e-4), ("atol", 1e-6), ("factor", 1.2), ("most_steps", 1e9), ("rounds", 1e9)):
        u[lanes.setting(name)] = value
    pointer = ctypes.POINTER(ctypes.c_double)
    arrays = [array.ctypes.data_as(pointer) for array in (u, p, p, past, work, out)]
    for address in loaded.addresses:
        ctypes.CFUNCTYPE(None, *[pointer] * 6)(address)(*arrays)
    return u, lanes, out.reshape(COLUMNS, WIDTH)


@pytest.mark.parametrize(("name", "order", "end"), CASES)
def test_every_processor_gives_the_same_bits(name: str, order: int, end: float) -> None:
    subject = compile_system(system(name))
    results = [carried(subject, order, end, cpu) for cpu in [processor(), *FORCED]]
    assert np.isfinite(results[0][2]).all()
    assert np.ptp(results[0][2], axis=1).all()
    for u, _, growth in results[1:]:
        assert u.tobytes() == results[0][0].tobytes()
        assert growth.tobytes() == results[0][2].tobytes()


@pytest.mark.parametrize(("name", "order", "end"), CASES)
def test_every_lane_stops_at_its_end_to_the_last_bit(name: str, order: int, end: float) -> None:
    u, lanes, _ = carried(compile_system(system(name)), order, end, processor())
    time, carry, steps = (u[lanes.field(field) : lanes.field(field) + WIDTH] for field in ("time", "carry", "steps"))
    assert (time == end).all()
    assert not carry.any()
    assert (steps == end).all() if order == 0 else (steps > 1).all()
