"""Input that no method can solve: refused at the border with value, rule and fix, or ended with a status; never wrong, never for ever."""

import signal
import threading
import time

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import ChaosbenchError
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status

FLOW_METHODS = {name: load("integrators", name) for name in names("integrators") if "flows" in load("integrators", name).kinds}
ADAPTIVE = {name: method for name, method in FLOW_METHODS.items() if method.adaptive}


@pytest.fixture(params=sorted(ADAPTIVE))
def method(request: pytest.FixtureRequest) -> Integrator:
    return ADAPTIVE[request.param]()


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def solve(method: Integrator, system: CompiledSystem, states, times, **options) -> Solution:
    return method.solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


@pytest.mark.parametrize("lag", ["0", "-1", "1 - 1", "tau - tau", "-tau"])
def test_a_lag_that_is_not_positive_is_refused_by_the_definition(lag: str) -> None:
    with pytest.raises(ChaosbenchError, match="a lag is a positive time"):
        system_from({"x": f"-delay(x, {lag}) - tau*x"}, kind="delays", parameters={"tau": 1.0})


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_lag_that_becomes_non_positive_is_refused(value: float) -> None:
    definition = system_from({"x": "-delay(x, tau)"}, kind="delays", parameters={"tau": 1.0})
    with pytest.raises(ChaosbenchError, match=r"a lag is a positive time|parameters are finite numbers"):
        definition.with_parameters({"tau": value})


@pytest.mark.parametrize("lanes", [1, 9])
def test_infinite_or_missing_numbers_are_refused_wherever_they_stand(method: Integrator, lanes: int) -> None:
    system, good = flow({"x": "-k*x"}, parameters={"k": 1.0}), np.ones((lanes, 1))
    for bad in (np.nan, np.inf, -np.inf):
        spoiled = good.copy()
        spoiled[-1] = bad
        with pytest.raises(ChaosbenchError, match=rf"initial\.states: entry \({lanes - 1}, 0\) is {bad}"):
            solve(method, system, spoiled, [0.0, 1.0])
        with pytest.raises(ChaosbenchError, match=rf"parameters: entry \({lanes - 1}, 0\) is {bad}"):
            solve(method, system, good, [0.0, 1.0], parameters=spoiled)
        with pytest.raises(ChaosbenchError, match=rf"times: entry \(1,\) is {bad}"):
            solve(method, system, good, [0.0, bad])


@pytest.mark.parametrize("lanes", [1, 9])
def test_a_right_hand_side_that_is_no_number_at_the_start_ends_at_once(method: Integrator, lanes: int) -> None:
    solution = solve(method, flow({"x": "log(x)"}), -np.ones((lanes, 1)), [0.0, 1.0])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW] * lanes
    assert (solution.states[:, 0] == -1.0).all()
    assert np.isnan(solution.states[:, 1]).all()


@pytest.mark.parametrize("lanes", [1, 9])
def test_a_right_hand_side_that_stops_being_a_number_ends_there(method: Integrator, lanes: int) -> None:
    """x' = -1 - sqrt(x) from 1 reaches 0 at 2 - 2 log 2 = 0.6137."""
    began = time.perf_counter()
    solution = solve(method, flow({"x": "-1 - sqrt(x)"}), np.ones((lanes, 1)), [0.0, 0.6, 0.7])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW] * lanes
    assert np.isfinite(solution.states[:, 1]).all()
    assert np.isnan(solution.states[:, 2]).all()
    assert ((solution.final.states >= 0.0) & (solution.final.states < 1e-6)).all()
    assert time.perf_counter() - began < 10.0  # not the whole budget of steps


@pytest.mark.parametrize("lanes", [1, 9])
def test_a_pole_is_a_blow_up(method: Integrator, lanes: int) -> None:
    solution = solve(method, flow({"x": "x**2"}), np.ones((lanes, 1)), [0.0, 0.5, 2.0])
    assert solution.status.tolist() == [Status.BLOW_UP] * lanes
    np.testing.assert_allclose(solution.states[:, 1], 2.0, rtol=1e-6)
    assert np.isnan(solution.states[:, 2]).all()


@pytest.mark.parametrize("name", ["taylor", "dop853"])
@pytest.mark.parametrize("lanes", [1, 9, 2000])
def test_an_interrupt_ends_every_trajectory_within_a_second(name: str, lanes: int) -> None:
    """Those that run and those that wait; uninterrupted each takes minutes."""
    out = np.zeros((lanes, 2, 2))
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    oscillator = flow({"x": "v", "v": "-x"})
    solve(load("integrators", name)(), oscillator, np.ones((lanes, 2)), [0.0, 1e-3])  # compiled before the clock runs
    began = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        solve(load("integrators", name)(), oscillator, np.ones((lanes, 2)), [0.0, 1e8], threads=2, out=out)
    assert time.perf_counter() - began < 0.3 + 1.0
    assert np.isnan(out[:, 1]).all()
