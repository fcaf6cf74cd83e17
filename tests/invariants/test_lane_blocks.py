"""Orbits side by side: the order of the step, exact solutions, kinks, the Runge-Kutta path one by one, failures, and no lane changed by another."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.integrators._memory import aligned
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._growth_drivers import carry
from chaosbench.invariants._lane_blocks import LANES, LaneBlock, fits
from chaosbench.invariants._lanes import FlowLane, MapLane
from chaosbench.invariants._tangents import TangentRun, tangent_tableau
from chaosbench.kernels.growth import Record
from chaosbench.kernels.lanes import Lanes
from chaosbench.settling import on_attractor


def compiled(equations: dict[str, str], **settings: object) -> CompiledSystem:
    return compile_system(system_from(equations, **settings))  # type: ignore[arg-type]


def one_step(subject: CompiledSystem, order: int, state: list[float], tangent: list[float], h: float) -> tuple[np.ndarray, float]:
    """Return the state after one step of length h (nothing but the room limits it) and the log growth of the column."""
    kernels, dimension, size = subject.growth_kernels(order, LANES, 1), subject.dimension, 2 * subject.dimension
    u, p, past, work = (aligned(length) for length in kernels.sizes)
    u[: size * LANES] = np.repeat([*state, *tangent], LANES)
    past[:LANES], past[Record(dimension, 1, LANES).every] = 1.0, 1.0
    lanes = Lanes(size, LANES)
    for name, value in (("rtol", 1e9), ("atol", 1e9), ("factor", 1.0), ("most_steps", 1e9), ("rounds", 1e9)):
        u[lanes.setting(name)] = value
    logs, status, counts = np.empty((LANES, 1, 1)), np.zeros(LANES, dtype=np.int8), np.zeros((LANES, 2), dtype=np.int64)
    address, stop = np.array([kernels.advance, kernels.finish]), np.zeros(1, dtype=np.int64)
    carry(address, LANES, size, (u, p, past, work, aligned(LANES)), h, 1e9, logs, status, counts, stop)
    assert (status == Status.OK).all()
    assert (counts == [1, 0]).all()
    return u[: dimension * LANES : LANES], float(logs[0, 0, 0])


@pytest.mark.parametrize(("order", "longest"), [(4, 0.06), (5, 0.08), (9, 0.15)])
def test_a_step_has_the_order_of_its_series_in_state_and_columns(order: int, longest: float) -> None:
    # x' = x^2, y' = x y: x = 1/(1 - t), y = 1/(1 - t); a column that starts as (1, 1) becomes (1, 1)/(1 - t)^2
    subject = compiled({"x": "x**2", "y": "x*y"})
    steps = longest * np.array([1.0, 0.7, 0.5])
    state_errors, growth_errors = [], []
    for h in steps:
        state, growth = one_step(subject, order, [1.0, 1.0], [1.0, 1.0], h)
        state_errors.append(abs(state[1] - 1 / (1 - h)))
        growth_errors.append(abs(growth - np.log(np.sqrt(2) / (1 - h) ** 2)))
    for errors in (state_errors, growth_errors):
        assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order + 1, abs=0.2)


KINKS = {
    # x = t - 1 reaches 0 at t = 1; from then on the column grows at rate k
    "max": ("1 + k*max(x, 0)", 3.0),
    "abs": ("1 + k/2*(x + abs(x))", 3.0),
    "where": ("where(x > 0, 1 + k*x, 1)", 3.0),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_a_column_changes_its_rate_where_the_state_passes_a_kink(name: str, rtol: float) -> None:
    text, k = KINKS[name]
    subject = compiled({"x": text}, parameters={"k": k})
    block = LaneBlock(subject, np.array([[-1.0]]), np.ones((1, 1, 1)), np.array([[k]]), rtol, rtol)
    logs, status = np.empty((1, 1, 1)), np.zeros(1, dtype=np.int8)
    block.advance(2.0, 1, 1, logs, status, np.zeros(1, dtype=np.int64))
    # a step ends where the column is off by four tolerances at most, and starts anew on the other side
    assert logs[0, 0, 0] == pytest.approx(k, abs=10 * rtol)


FLOWS = [("lorenz63", 1.0), ("chua", 2.0), ("double_pendulum", 3.0), ("duffing", 3.0), ("hyper_rossler", 2.0), ("kuramoto", 1.0), ("lorenz96", 0.5)]


@pytest.mark.parametrize(("name", "time"), FLOWS)
def test_growth_in_lanes_is_that_of_one_orbit_at_a_time(name: str, time: float) -> None:
    subject = compile_system(system(name, {"N": 8} if name == "lorenz96" else {}))
    states = on_attractor(subject, n=3, seed=0, purpose="test", transient=20.0).states
    count, parameters = min(4, subject.dimension), subject.parameter_values
    tangents = np.stack([np.linalg.qr(np.random.default_rng(b).normal(size=(subject.dimension, count)))[0].T for b in range(3)])
    logs, status, stop = np.empty((3, 4, count)), np.zeros(3, dtype=np.int8), np.zeros(1, dtype=np.int64)
    LaneBlock(subject, states, tangents, np.tile(parameters, (3, 1)), 1e-9, 1e-11).advance(time / 8, 2, 1, logs, status, stop)
    assert (status == Status.OK).all()
    for b in range(3):
        alone, ended = np.empty((1, 4, count)), np.zeros(1, dtype=np.int8)
        lane = FlowLane(subject, tangent_tableau(True), states[b], tangents[b], parameters, 1e-11, 1e-13, 1e-3)
        lane.advance(time / 8, 2, 1, alone, ended, stop)
        assert logs[b] == pytest.approx(alone[0], abs=2e-7)


@pytest.mark.parametrize("name", ["henon", "ikeda", "lozi", "standard", "folded_towel", "tinkerbell", "coupled_logistic"])
def test_maps_in_lanes_are_maps_one_at_a_time(name: str) -> None:
    subject = compile_system(system(name, {"N": 6} if name == "coupled_logistic" else {}))
    states, parameters, dimension = on_attractor(subject, n=2, seed=0, purpose="test").states, subject.parameter_values, subject.dimension
    tangents = np.stack([np.linalg.qr(np.random.default_rng(b).normal(size=(dimension, dimension)))[0] for b in range(2)])
    logs, status, stop = np.empty((2, 5, dimension)), np.zeros(2, dtype=np.int8), np.zeros(1, dtype=np.int64)
    LaneBlock(subject, states, tangents, np.tile(parameters, (2, 1)), 1e-3, 1e-3).advance(2.0, 2, 1, logs, status, stop)
    for b in range(2):
        alone, ended = np.empty((1, 5, dimension)), np.zeros(1, dtype=np.int8)
        MapLane(subject, states[b], tangents[b], parameters).advance(2.0, 2, 1, alone, ended, stop)
        assert logs[b] == pytest.approx(alone[0], abs=1e-8)  # rounding, amplified over 20 iterations


def test_the_sum_of_all_exponents_is_the_divergence_met_on_the_way() -> None:
    # q' = div f counts it along the very orbits; x is slaved and contracts at -25 on average, where errors of the state die out
    rossler = {"x": "-y - z", "y": "x + 0.25*y + w", "z": "3 + x*z", "w": "-0.5*z + 0.05*w", "q": "0.25 + x + 0.05"}
    subject = compiled(rossler)
    states = np.c_[on_attractor(compile_system(system("hyper_rossler")), n=8, seed=0, purpose="test", transient=50.0).states, np.zeros(8)]
    tangents = np.tile(np.eye(5), (8, 1, 1))
    for rtol in (1e-3, 3e-4, 1e-6):
        block = LaneBlock(subject, states, tangents, np.zeros((8, 0)), rtol, 0.01 * rtol)
        logs, status = np.empty((8, 10, 5)), np.zeros(8, dtype=np.int8)
        block.advance(20.0, 1, 3, logs, status, np.zeros(1, dtype=np.int64))
        met = block.states()[:, 4]
        assert (logs.sum(axis=(1, 2)) - met).mean() / 200 == pytest.approx(0.0, abs=0.02 * rtol * 25)
        assert met.mean() / 200 < -15


def side_by_side(subject: CompiledSystem, states: np.ndarray) -> np.ndarray:
    """Return the logs (B, 5, 2) of the states with the first two axes as columns; NaN after a failure."""
    tangents, parameters = np.tile(np.eye(subject.dimension)[:2], (len(states), 1, 1)), np.tile(subject.parameter_values, (len(states), 1))
    logs, status = np.empty((len(states), 5, 2)), np.zeros(len(states), dtype=np.int8)
    LaneBlock(subject, states, tangents, parameters, 1e-4, 1e-5).advance(0.5, 1, 2, logs, status, np.zeros(1, dtype=np.int64))
    assert np.array_equal(status == Status.OK, np.isfinite(logs[:, -1, 0]))
    return logs


def test_an_orbit_has_the_same_bits_in_any_company_and_on_any_number_of_threads() -> None:
    subject = compile_system(system("lorenz63"))
    starts = on_attractor(subject, n=11, seed=0, purpose="test", transient=20.0)
    one, two = (TangentRun(subject, starts, columns=3, seed=0, threads=threads).advance(6, interval=2.0, every=4) for threads in (1, 2))
    assert np.array_equal(one, two)
    whole, alone = side_by_side(subject, starts.states[:7]), side_by_side(subject, starts.states[2:3])
    assert np.array_equal(whole[2], alone[0])


def test_lanes_that_fail_rest_and_the_others_keep_their_bits() -> None:
    subject = compiled({"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3", "w": "where(w > 2, w**2, 0*w)"})
    states = np.array([[1.0, 1.0, 20.0, 0.0], [1.0, 1.0, 20.0, 5.0], [2.0, 1.0, 20.0, 1.0]])  # w = 5 is infinite at t = 1/5
    logs, calm = side_by_side(subject, states), side_by_side(subject, states[[0, 0, 2]])
    assert np.isnan(logs[1]).all()
    assert np.array_equal(logs[[0, 2]], calm[[0, 2]])
    run = TangentRun(subject, InitialState(states), columns=2, seed=0)
    run.advance(5, interval=0.5, every=2)
    assert list(run.status == Status.OK) == [True, False, True]
    assert run.status[1] in (Status.BLOW_UP, Status.STEP_UNDERFLOW)
    assert np.isnan(run.advance(1, interval=0.5)[1]).all()


def test_a_column_that_stops_being_a_number_ends_its_orbit() -> None:
    # the root has an infinite slope at 0, which is where x rests
    run = TangentRun(compiled({"x": "sqrt(x) + 0*x"}, kind="maps"), InitialState(np.zeros((1, 1))), columns=1, seed=0)
    logs = run.advance(3, interval=1)
    assert run.status[0] != Status.OK
    assert np.isnan(logs).all()


def test_an_interrupted_block_says_so() -> None:
    subject = compile_system(system("lorenz63"))
    block = LaneBlock(subject, np.ones((2, 3)), np.tile(np.eye(3), (2, 1, 1)), np.tile(subject.parameter_values, (2, 1)), 1e-6, 1e-8)
    logs, status = np.empty((2, 3, 3)), np.zeros(2, dtype=np.int8)
    block.advance(1e6, 1, 1, logs, status, np.ones(1, dtype=np.int64))
    assert (status == Status.INTERRUPTED).all()
    assert np.isnan(logs[:, 0]).all()


def test_the_first_exponents_do_not_depend_on_how_many_are_asked_for() -> None:
    subject = compile_system(system("lorenz63"))
    starts = on_attractor(subject, n=2, seed=0, purpose="test", transient=20.0)
    several = [TangentRun(subject, starts, columns=columns, seed=0, rtol=1e-9).advance(2, interval=1.0, every=3) for columns in (1, 2, 3)]
    for columns in (1, 2):
        assert several[columns - 1] == pytest.approx(several[2][:, :, :columns], abs=1e-6)


def test_angles_are_wrapped_at_every_orthonormalisation() -> None:
    turn = compiled({"theta": "50 + 0*theta"}, state={"theta": {"period": "2*pi"}})
    block = LaneBlock(turn, np.zeros((1, 1)), np.ones((1, 1, 1)), np.zeros((1, 0)), 1e-6, 1e-8)
    block.advance(1.0, 1, 1, np.empty((1, 3, 1)), np.zeros(1, dtype=np.int8), np.zeros(1, dtype=np.int64))
    assert block.states()[0, 0] == pytest.approx(150.0 % (2 * np.pi), abs=1e-12)


def test_large_systems_and_delays_go_one_by_one() -> None:
    assert fits(compile_system(system("lorenz96", {"N": 40})), 40, 1e-3)
    assert not fits(compile_system(system("lorenz96", {"N": 200})), 4, 1e-3)
    assert not fits(compile_system(system("mackey_glass")), 4, 1e-3)
