"""Delay systems by the method of steps."""

import math

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators._delay_drivers import interpolate
from chaosbench.integrators._delays import landing_times
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status

METHODS = {name: load("integrators", name) for name in names("integrators") if "delays" in load("integrators", name).kinds}


@pytest.fixture(params=sorted(METHODS))
def method(request: pytest.FixtureRequest) -> Integrator:
    return METHODS[request.param]()


@pytest.fixture(scope="module")
def feedback() -> CompiledSystem:
    """x' = -x(t - tau); with tau = pi/2 one solution is sin t."""
    return compile_system(system_from({"x": "-delay(x, tau)"}, kind="delays", parameters={"tau": 1.0}))


@pytest.fixture(scope="module")
def mackey_glass() -> CompiledSystem:
    equation = {"x": "beta*delay(x, tau)/(1 + delay(x, tau)**10) - gamma*x"}
    return compile_system(system_from(equation, kind="delays", parameters={"beta": 0.2, "gamma": 0.1, "tau": 17.0}))


def past(function, largest: float, points: int = 65, lanes: int = 1) -> InitialState:
    lags = np.linspace(largest, 0.0, points)
    history = np.broadcast_to(function(-lags)[:, None], (lanes, points, 1)).copy()
    return InitialState(history[:, -1], history, lags)


def constant(value: float, largest: float = 1.0, lanes: int = 1) -> InitialState:
    return past(lambda t: np.full_like(t, value), largest, lanes=lanes)


def by_steps(times: np.ndarray) -> np.ndarray:
    """x' = -x(t - 1), x = 1 before 0: on [n - 1, n] the polynomial sum_k (-1)^k (t - (k - 1))^k / k!, k = 0..n."""
    terms = [np.where(times >= k - 1, (-1.0) ** k * np.maximum(times - (k - 1), 0.0) ** k / math.factorial(k), 0.0) for k in range(1, 30)]
    return 1.0 + np.sum(terms, axis=0)


def solve(method: Integrator, system: CompiledSystem, initial: InitialState, times, **options) -> Solution:
    return method.solve(system, initial, np.array(times, dtype=float), **options)


def test_the_polynomial_solution_is_exact_through_every_kink(method: Integrator, feedback: CompiledSystem) -> None:
    times = np.linspace(0.0, 6.0, 121)
    solution = solve(method, feedback, constant(1.0), times, rtol=1e-11, atol=1e-11)
    assert by_steps(np.array([1.0, 2.0, 3.0])).tolist() == pytest.approx([0.0, -0.5, -1.0 / 6.0])  # 1-t, 1-t+(t-1)^2/2, ... by hand
    np.testing.assert_allclose(solution.states[0, :, 0], by_steps(times), atol=1e-9)
    assert solution.status.tolist() == [Status.OK]


def test_low_degree_pieces_are_reproduced_to_rounding(method: Integrator, feedback: CompiledSystem) -> None:
    """Up to t = 4 the solution has degree 4 or less between the landing times, which every method here solves exactly, at any tolerance."""
    times = np.linspace(0.0, 4.0, 33)
    solution = solve(method, feedback, constant(1.0), times, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(solution.states[0, :, 0], by_steps(times), atol=2e-13)


def test_a_sine_history_goes_on_as_a_sine(method: Integrator, feedback: CompiledSystem) -> None:
    times = np.linspace(0.0, 20.0, 101)
    parameters = np.array([[np.pi / 2.0]])
    solution = solve(method, feedback, past(np.sin, np.pi / 2.0), times, parameters=parameters, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(solution.states[0, :, 0], np.sin(times), atol=2e-9)


def test_fixed_steps_converge_with_the_declared_order(method: Integrator, feedback: CompiledSystem) -> None:
    """x' = -x(t - pi/2) with x = sin t: the past comes from the continuous extension from the second quarter period on."""
    initial, times = past(np.sin, np.pi / 2.0, points=257), np.linspace(0.0, 2.0 * np.pi, 9)
    counts = np.array([8, 12, 16]) if method.order > 6 else np.array([64, 96, 128])
    errors = []
    for count in counts:
        request = checked(method, feedback, initial, times, np.array([[np.pi / 2.0]]), (1e-9, 1e-12), 10**6, 1, None)
        errors.append(np.abs(method._run(request, initial, times, fixed=times[-1] / count).states[0, :, 0] - np.sin(times)).max())
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(method.order, abs=0.2)


def fine_steps(end: float, points: int) -> np.ndarray:
    """Mackey-Glass from x = 0.9 by classical Runge-Kutta with steps of 17/points; delayed midpoints by the cubic Hermite polynomial. Order 4."""

    def rate(now: float, then: float) -> float:
        return 0.2 * then / (1.0 + then**10) - 0.1 * now

    step, x = 17.0 / points, [0.9]
    slope = [rate(0.9, 0.9)]
    for n in range(round(end / step)):
        then, middle, later = 0.9, 0.9, 0.9
        if n >= points:
            then, later = x[n - points : n - points + 2]
            middle = 0.5 * (then + later) + step / 8.0 * (slope[n - points] - slope[n - points + 1])
        k1 = rate(x[n], then)
        k2 = rate(x[n] + 0.5 * step * k1, middle)
        k3 = rate(x[n] + 0.5 * step * k2, middle)
        k4 = rate(x[n] + step * k3, later)
        x.append(x[n] + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4))
        slope.append(rate(x[-1], later))
    return np.array(x)


def test_mackey_glass_agrees_with_an_independent_fine_step_solution(method: Integrator, mackey_glass: CompiledSystem) -> None:
    coarse, fine = fine_steps(136.0, 340)[::20], fine_steps(136.0, 680)[::40]
    reference = fine + (fine - coarse) / 15.0  # Richardson: what is left of an error of order 4
    solution = solve(method, mackey_glass, constant(0.9, 17.0), np.arange(137.0), rtol=1e-11, atol=1e-11)
    assert np.abs(fine - coarse).max() < 1e-6
    np.testing.assert_allclose(solution.states[0, :, 0], reference, atol=2e-8)


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.3, 7.7])
def test_a_run_can_be_cut_anywhere(method: Integrator, feedback: CompiledSystem, cut: float) -> None:
    """Even between the first kinks, which no grid could hold: the end of a run carries its polynomials."""
    head = solve(method, feedback, constant(1.0), [0.0, cut], rtol=1e-11, atol=1e-11)
    tail = solve(method, feedback, head.final, cut + np.linspace(0.0, 4.0, 9), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(tail.states[0, :, 0], by_steps(cut + np.linspace(0.0, 4.0, 9)), atol=2e-9)


@pytest.mark.parametrize(("first", "second"), [("dop853", "tsit5"), ("tsit5", "dop853")])
def test_another_method_can_go_on(feedback: CompiledSystem, first: str, second: str) -> None:
    head = solve(METHODS[first](), feedback, constant(1.0), [0.0, 1.5], rtol=1e-11, atol=1e-11)
    tail = solve(METHODS[second](), feedback, head.final, [1.5, 2.5, 5.0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(tail.states[0, :, 0], by_steps(np.array([1.5, 2.5, 5.0])), atol=2e-9)


def test_a_single_time_returns_the_initial_state(method: Integrator, feedback: CompiledSystem) -> None:
    solution = solve(method, feedback, constant(1.0), [4.0])
    assert solution.states.tolist() == [[[1.0]]]
    assert solution.final.history is not None
    np.testing.assert_array_equal(solution.final.history, np.ones((1, 65, 1)))


def test_the_final_history_is_the_past_on_the_grid(method: Integrator, feedback: CompiledSystem) -> None:
    for end in (0.4, 3.5):
        final = solve(method, feedback, constant(1.0), [0.0, end], rtol=1e-11, atol=1e-11).final
        assert final.history is not None
        assert final.lags is not None
        np.testing.assert_allclose(final.history[0, :, 0], by_steps(end - final.lags), atol=1e-9)
        np.testing.assert_array_equal(final.history[:, -1], final.states)


def test_a_changed_history_is_believed(method: Integrator, feedback: CompiledSystem) -> None:
    final = solve(method, feedback, constant(1.0), [0.0, 0.5]).final
    final.history[...], final.states[...] = 1.0, 1.0
    solution = solve(method, feedback, final, [0.0, 2.0, 3.0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(solution.states[0, :, 0], by_steps(np.array([0.0, 2.0, 3.0])), atol=1e-9)


def test_a_run_goes_on_from_the_grid_alone_once_the_kinks_are_smooth(method: Integrator, feedback: CompiledSystem) -> None:
    head = solve(method, feedback, past(np.ones_like, 1.0, points=129), [0.0, 12.0], rtol=1e-11, atol=1e-11).final
    bare = InitialState(head.states.copy(), head.history.copy(), head.lags)
    tail = solve(method, feedback, bare, [0.0, 3.0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(tail.states[0, :, 0], by_steps(np.array([12.0, 15.0])), atol=1e-9)


def test_lags_may_differ_by_trajectory(method: Integrator, feedback: CompiledSystem) -> None:
    """With lag tau and x = 1 before, x(tau) = 1 - tau and x(2 tau) = 1 - 2 tau + tau^2/2."""
    lags = np.array([[0.5], [1.0], [2.0]])
    times = np.hstack([np.zeros((3, 1)), lags, 2.0 * lags])
    solution = solve(method, feedback, constant(1.0, 2.0, lanes=3), times, parameters=lags, rtol=1e-10)
    np.testing.assert_allclose(solution.states[:, 1:, 0], np.hstack([1.0 - lags, 1.0 - 2.0 * lags + lags**2 / 2.0]), atol=1e-12)


def test_two_lags_are_both_followed(method: Integrator) -> None:
    """x' = -x(t - 1) + x(t - 1/2) with x = t before: x' = 1/2 until 1/2, then x(1/2) = 1/4, by hand."""
    system = compile_system(system_from({"x": "-delay(x, a) + delay(x, b)"}, kind="delays", parameters={"a": 1.0, "b": 0.5}))
    solution = solve(method, system, past(lambda t: t, 1.0), [0.0, 0.25, 0.5, 1.0], rtol=1e-11, atol=1e-11)
    # on [1/2, 1]: x' = -(t - 1) + (t - 1/2)/2 = 3/4 - t/2, so x(1) = 1/4 + 3/8 - 3/16 = 7/16
    np.testing.assert_allclose(solution.states[0, :, 0], [0.0, 0.125, 0.25, 0.4375], atol=1e-13)


def test_results_do_not_depend_on_threads_or_company(method: Integrator, mackey_glass: CompiledSystem) -> None:
    lags = np.linspace(17.0, 0.0, 33)
    history = np.random.default_rng(2).uniform(0.6, 1.2, size=(6, 1, 1)) * np.ones((6, 33, 1))
    initial, times = InitialState(history[:, -1], history, lags), np.linspace(0.0, 100.0, 21)
    one, two = (solve(method, mackey_glass, initial, times, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.states, two.states)
    alone = solve(method, mackey_glass, InitialState(history[3:4, -1], history[3:4], lags), times)
    np.testing.assert_array_equal(alone.states[0], one.states[3])


def test_a_long_run_keeps_only_what_the_lag_needs(mackey_glass: CompiledSystem) -> None:
    solution = solve(load("integrators", "dop853")(), mackey_glass, constant(0.9, 17.0), [0.0, 3000.0], rtol=1e-8)
    starts = solution.final.pieces[0][0]
    assert solution.status.tolist() == [Status.OK]
    assert starts[0] <= -17.0 < starts[1]


def test_an_escape_is_a_blow_up(method: Integrator) -> None:
    """x' = x(t - 1)^2 grows doubly exponentially."""
    system = compile_system(system_from({"x": "delay(x, 1)**2"}, kind="delays"))
    solution = solve(method, system, constant(2.0), np.arange(20.0))
    assert solution.status.tolist() == [Status.BLOW_UP]
    np.testing.assert_allclose(solution.states[0, :2, 0], [2.0, 6.0], rtol=1e-9)  # 2 + 4 t until t = 1
    failed = int(np.isnan(solution.states[0, :, 0]).argmax())
    assert np.isnan(solution.states[0, failed:]).all()
    assert solution.states[0, failed - 1, 0] < 1e12


def test_landing_times_are_sums_of_lags() -> None:
    np.testing.assert_allclose(landing_times((1.0,), 3.5, 9), [1.0, 2.0, 3.0, 3.5])
    np.testing.assert_allclose(landing_times((1.0,), 30.0, 3), [1.0, 2.0, 3.0, 30.0])
    np.testing.assert_allclose(landing_times((1.0, 0.3), 1.5, 3), [0.3, 0.6, 0.9, 1.0, 1.3, 1.5])
    np.testing.assert_allclose(landing_times((0.1, 0.3), 0.35, 9), [0.1, 0.2, 0.3, 0.35])  # 0.1 + 0.1 + 0.1 and 0.3 are one time
    assert len(landing_times(tuple(np.sqrt(np.arange(2.0, 12.0))), 1e3, 9)) <= 4097


def test_the_history_is_interpolated_with_order_eight() -> None:
    """Polynomials of degree 7 exactly; sin with an error that falls like h^8."""
    grid = (np.arange(20.0) ** 7)[:, None]
    places = np.array([0.3, 2.9, 9.5, 17.7, 18.2])
    np.testing.assert_allclose(
        [interpolate(grid, 0, place, 20) for place in places], places**7, rtol=1e-12, atol=1e-9
    )  # rounding of numbers up to 1e6 near the ends
    assert interpolate(grid, 0, 4.0, 20) == 4.0**7
    errors = []
    for points in (12, 24):
        grid = np.sin(3.0 * np.linspace(0.0, 1.0, points + 1))[:, None]
        errors.append(max(abs(interpolate(grid, 0, x * points, points + 1) - np.sin(3.0 * x)) for x in np.linspace(0.41, 0.59, 50)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8.0, abs=0.7)
