"""Flows by every Runge-Kutta method of the catalogue: exact solutions, orders, statuses, continuation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipj

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status

PAIRS = {name: load("integrators", name) for name in names("integrators") if hasattr(load("integrators", name), "tableau")}
METHODS = {name: method for name, method in PAIRS.items() if "flows" in method.kinds}
MODULUS = 0.51


@pytest.fixture(params=sorted(METHODS))
def method(request: pytest.FixtureRequest) -> Integrator:
    return METHODS[request.param]()


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    equations = {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"}
    return flow(equations, parameters={"sigma": 10.0, "rho": 28.0, "beta": "8/3"})


@pytest.fixture(scope="module")
def oscillator() -> CompiledSystem:
    return flow({"x": "v", "v": "-x"})


@pytest.fixture(scope="module")
def decay() -> CompiledSystem:
    return flow({"x": "-k*x"}, parameters={"k": 1.0})


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    """Euler's equations; through (0, 1, 1) they are solved by Jacobi's sn, cn, dn of parameter 0.51."""
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS})


def elliptic(times: np.ndarray) -> np.ndarray:
    return np.stack(ellipj(times, MODULUS)[:3], axis=-1)


def solve(method: Integrator, system: CompiledSystem, states, times, **options) -> Solution:
    return method.solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def fixed_steps(method: Integrator, system: CompiledSystem, states: np.ndarray, times: np.ndarray, step: float) -> np.ndarray:
    initial = InitialState(states)
    request = checked(method, system, initial, times, None, (1e-9, 1e-12), 10**6, 1, None)
    return method._run(request, initial, times, fixed=step).states


def test_exponential_decay_is_exact_to_the_tolerance(method: Integrator, decay: CompiledSystem) -> None:
    times = np.linspace(0.0, 5.0, 37)
    solution = solve(method, decay, [[1.0], [-3.0]], times, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(solution.states[:, :, 0], np.outer([1.0, -3.0], np.exp(-times)), rtol=3e-8, atol=1e-12)
    assert solution.status.tolist() == [Status.OK, Status.OK]


def test_the_harmonic_oscillator_returns_after_ten_periods(method: Integrator, oscillator: CompiledSystem) -> None:
    times = 2.0 * np.pi * np.arange(11)
    solution = solve(method, oscillator, [[1.0, 0.0]], times, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(solution.states[0], np.tile([1.0, 0.0], (11, 1)), atol=5e-9)


def test_the_logistic_equation_is_exact_to_the_tolerance(method: Integrator) -> None:
    times = np.linspace(0.0, 8.0, 50)
    solution = solve(method, flow({"x": "x*(1 - x)"}), [[0.01]], times, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(solution.states[0, :, 0], 1.0 / (1.0 + 99.0 * np.exp(-times)), rtol=1e-8)


def test_fixed_steps_converge_with_the_declared_order(method: Integrator, rigid_body: CompiledSystem) -> None:
    end = 6.0
    counts = np.array([24, 36, 48]) if method.order > 6 else np.array([180, 240, 360])
    reached = [fixed_steps(method, rigid_body, elliptic(np.zeros(1)), np.array([0.0, end]), end / count)[0, -1] for count in counts]
    errors = np.linalg.norm(reached - elliptic(end), axis=-1)
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(method.order, abs=0.2)


def test_the_continuous_extension_converges_with_the_declared_order(method: Integrator, rigid_body: CompiledSystem) -> None:
    """One step from 12 places on the orbit: order p means a local error that falls like h^(p + 1), here at 20 places inside the step."""
    starts = 0.55 * np.arange(12)
    steps = np.array([0.4, 0.28, 0.2]) if method.order > 6 else np.array([0.1, 0.07, 0.05])
    errors = []
    for step in steps:
        times = step * np.arange(22) / 21
        states = fixed_steps(method, rigid_body, elliptic(starts), times, step)
        errors.append(np.sqrt(np.mean((states - elliptic(starts[:, None] + times))[:, 1:-1] ** 2)))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope - 1.0 == pytest.approx(method.tableau.dense_order, abs=0.2)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9, 1e-11])
def test_the_error_follows_the_tolerance(method: Integrator, rigid_body: CompiledSystem, tolerance: float) -> None:
    """Ten periods, some hundred steps: their errors add up, and those along the energy shift the period, so the phase drifts as well."""
    times = np.linspace(0.0, 75.0, 301)
    solution = solve(method, rigid_body, [[0.0, 1.0, 1.0]], times, rtol=tolerance, atol=tolerance)
    assert np.abs(solution.states[0] - elliptic(times)).max() < 1000.0 * tolerance


def test_the_work_is_that_of_scipy_at_the_same_tolerance(lorenz: CompiledSystem) -> None:
    start, tolerance = [1.0, 2.0, 20.0], 1e-10
    oracle = solve_ivp(lambda t, s: lorenz.value(s[None])[0], (0.0, 8.0), start, method="DOP853", rtol=tolerance, atol=tolerance)
    solution = solve(load("integrators", "dop853")(), lorenz, [start], [0.0, 8.0], rtol=tolerance, atol=tolerance)
    assert solution.evaluations[0] < 1.1 * oracle.nfev


@pytest.mark.parametrize(("name", "peer"), [("dop853", "DOP853"), ("tsit5", "RK45")])
def test_scipy_finds_the_same_lorenz_trajectory(lorenz: CompiledSystem, name: str, peer: str) -> None:
    start, times = [1.0, 2.0, 20.0], np.linspace(0.0, 3.0, 61)
    options = {"rtol": 1e-11, "atol": 1e-11}
    oracle = solve_ivp(lambda t, s: lorenz.value(s[None])[0], (0.0, 3.0), start, method=peer, t_eval=times, **options)
    solution = solve(load("integrators", name)(), lorenz, [start], times, **options)
    assert np.abs(solution.states[0] - oracle.y.T).max() < 1e-6  # 1e-11 a step, grown by e^(0.9 * 3) and the number of steps


def test_the_first_and_last_states_are_the_initial_and_final_ones_bit_for_bit(method: Integrator, lorenz: CompiledSystem) -> None:
    solution = solve(method, lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.3, 1.0])
    np.testing.assert_array_equal(solution.states[0, 0], [1.0, 2.0, 20.0])
    np.testing.assert_array_equal(solution.states[:, -1], solution.final.states)


def test_outputs_do_not_change_the_steps(method: Integrator, lorenz: CompiledSystem) -> None:
    few = solve(method, lorenz, [[1.0, 2.0, 20.0]], [0.0, 5.0])
    many = solve(method, lorenz, [[1.0, 2.0, 20.0]], np.linspace(0.0, 5.0, 2001))
    np.testing.assert_array_equal(few.states[0, -1], many.states[0, -1])
    assert few.rejected.tolist() == many.rejected.tolist()


def test_a_run_can_be_continued(method: Integrator, lorenz: CompiledSystem) -> None:
    whole = solve(method, lorenz, [[1.0, 2.0, 20.0]], [0.0, 2.0, 4.0], rtol=1e-11)
    half = solve(method, lorenz, [[1.0, 2.0, 20.0]], [0.0, 2.0], rtol=1e-11)
    rest = method.solve(lorenz, half.final, np.array([2.0, 4.0]), rtol=1e-11)
    np.testing.assert_allclose(rest.states[0, 1], whole.states[0, 2], atol=1e-6)


def test_a_late_start_changes_nothing_but_the_clock(method: Integrator, oscillator: CompiledSystem) -> None:
    times = np.linspace(0.0, 10.0, 21)
    early = solve(method, oscillator, [[1.0, 0.0]], times)
    late = solve(method, oscillator, [[1.0, 0.0]], times + 2.0**20)
    np.testing.assert_allclose(late.states, early.states, atol=1e-9)  # the times themselves are rounded at 1e-10


@pytest.mark.parametrize("start", [0.0, 1e-30, 4e-16])
def test_a_start_next_to_zero_at_a_late_time_is_no_underflow(method: Integrator, start: float) -> None:
    """x' = 1 - x from 0: the state says nothing about the first step, and the clock resolves only 1e-9."""
    times = 2.0**24 + np.array([0.0, 1.0, 5.0])
    solution = solve(method, flow({"x": "1 - x"}), [[start]], times)
    assert solution.status.tolist() == [Status.OK]
    np.testing.assert_allclose(solution.states[0, :, 0], [start, 1.0 - np.exp(-1.0), 1.0 - np.exp(-5.0)], rtol=1e-7)


def test_times_may_differ_by_trajectory(method: Integrator, decay: CompiledSystem) -> None:
    times = np.array([[0.0, 1.0, 2.0], [5.0, 5.5, 9.0]])
    solution = solve(method, decay, [[1.0], [1.0]], times, rtol=1e-11)
    np.testing.assert_allclose(solution.states[:, :, 0], np.exp(-(times - times[:, :1])), rtol=1e-8)


def test_parameters_may_differ_by_trajectory(method: Integrator, decay: CompiledSystem) -> None:
    rates = np.array([[0.5], [1.0], [2.0]])
    solution = solve(method, decay, np.ones((3, 1)), [0.0, 1.0], parameters=rates, rtol=1e-11)
    np.testing.assert_allclose(solution.states[:, 1, 0], np.exp(-rates[:, 0]), rtol=1e-8)


def test_results_do_not_depend_on_threads_or_company(method: Integrator, lorenz: CompiledSystem) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(20, 3))
    times = np.linspace(0.0, 3.0, 50)
    one = solve(method, lorenz, states, times, threads=1)
    for threads in (2, 5):
        other = solve(method, lorenz, states, times, threads=threads)
        np.testing.assert_array_equal(other.states, one.states)
        np.testing.assert_array_equal(other.evaluations, one.evaluations)
    np.testing.assert_array_equal(solve(method, lorenz, states[7:8], times).states[0], one.states[7])


def test_a_buffer_is_filled_and_returned(method: Integrator, decay: CompiledSystem) -> None:
    out = np.full((2, 3, 1), 7.0)
    solution = solve(method, decay, [[1.0], [2.0]], [0.0, 1.0, 2.0], out=out)
    assert np.shares_memory(solution.states, out)
    np.testing.assert_allclose(out[:, :, 0], np.outer([1.0, 2.0], np.exp([0.0, -1.0, -2.0])), rtol=1e-7)


def test_a_single_time_returns_the_initial_state(method: Integrator, decay: CompiledSystem) -> None:
    solution = solve(method, decay, [[3.0]], [4.0])
    assert solution.states.tolist() == [[[3.0]]]
    assert solution.final.states.tolist() == [[3.0]]
    assert solution.evaluations.tolist() == [0]


def test_a_fixed_point_stays(method: Integrator, lorenz: CompiledSystem) -> None:
    solution = solve(method, lorenz, np.zeros((1, 3)), [0.0, 100.0])
    assert solution.status.tolist() == [Status.OK]
    np.testing.assert_array_equal(solution.states, np.zeros((1, 2, 3)))


def test_a_pole_is_a_blow_up_and_leaves_the_others_alone(method: Integrator) -> None:
    """x' = x^2 from 1 is 1/(1 - t): infinite at t = 1. From -1 it is -1/(1 + t)."""
    times = np.linspace(0.0, 2.0, 41)
    solution = solve(method, flow({"x": "x**2"}), [[1.0], [-1.0]], times, rtol=1e-10)
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    np.testing.assert_allclose(solution.states[0, :20, 0], 1.0 / (1.0 - times[:20]), rtol=1e-6)
    assert np.isnan(solution.states[0, 21:]).all()
    np.testing.assert_allclose(solution.states[1, :, 0], -1.0 / (1.0 + times), rtol=1e-8)
    assert np.isfinite(solution.final.states).all()


def test_the_end_of_the_domain_is_a_step_underflow(method: Integrator) -> None:
    """x' = -1 - sqrt(x) from 1 reaches 0 at 2 - 2 log 2 = 0.6137 with slope -1; there is no real solution beyond."""
    solution = solve(method, flow({"x": "-1 - sqrt(x)"}), [[1.0]], [0.0, 0.6, 0.7])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW]
    assert np.isfinite(solution.states[0, 1, 0])
    assert np.isnan(solution.states[0, 2, 0])
    assert 0.0 <= solution.final.states[0, 0] < 1e-6


def test_a_step_budget_ends_the_trajectory(method: Integrator, lorenz: CompiledSystem) -> None:
    solution = solve(method, lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.01, 100.0], max_steps=20)
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(solution.states[0, 1]).all()
    assert np.isnan(solution.states[0, 2]).all()
    assert solution.evaluations[0] <= 2 + 20 * (method.tableau.stages - 1 + len(method.tableau.dense_c))


def test_a_kink_costs_rejections_but_not_the_accuracy(method: Integrator) -> None:
    """x' = |v| with v' = 1 from v = -1: x = integral of |s| = (1 - (1 - t)^2) / 2 before t = 1 and (1 + (t - 1)^2) / 2 after."""
    times = np.linspace(0.0, 2.0, 9)
    solution = solve(method, flow({"x": "abs(v)", "v": "1"}), [[0.0, -1.0]], times, rtol=1e-10, atol=1e-10)
    exact = np.where(times < 1.0, 1.0 - (1.0 - times) ** 2, 1.0 + (times - 1.0) ** 2) / 2.0
    np.testing.assert_allclose(solution.states[0, :, 0], exact, atol=1e-8)
