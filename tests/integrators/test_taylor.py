"""Taylor series: orders, kinks that a step must not pass twice, and what no other method can do."""

import numpy as np
import pytest
from scipy.special import ellipj

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import IntegrationError
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState, Solution, Status
from chaosbench.integrators.taylor import Taylor, landing_order, order_of

MODULUS = 0.51


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def solve(system: CompiledSystem, states, times, **options) -> Solution:
    return Taylor().solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def elliptic(times: np.ndarray) -> np.ndarray:
    return np.stack(ellipj(times, MODULUS)[:3], axis=-1)


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    """Euler's equations; through (0, 1, 1) they are solved by Jacobi's sn, cn, dn of parameter 0.51."""
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS}, initial={"centre": [0.0, 1.0, 1.0], "spread": 0.0})


@pytest.mark.parametrize(("tolerance", "order"), [(1e-3, 8), (1e-6, 11), (1e-9, 15), (1e-12, 18), (1e-16, 23)])
def test_the_order_follows_the_tolerance(tolerance: float, order: int) -> None:
    """N = ceil(4 - ln(tolerance) / 2): 1e-9 gives 4 + 10.36, 1e-12 gives 4 + 13.8."""
    assert order_of(tolerance) == order


@pytest.mark.parametrize(("tolerance", "steps"), [(1e-3, (0.2, 0.14, 0.1)), (1e-6, (0.25, 0.2, 0.16)), (1e-9, (0.33, 0.29, 0.25))])
def test_steps_converge_with_the_order(rigid_body: CompiledSystem, tolerance: float, steps: tuple[float, ...]) -> None:
    """One step from 24 places on the orbit, shorter than the method would take: a local error that falls like h^(N + 1)."""
    starts = 0.3 * np.arange(24)
    errors = []
    for step in steps:
        solution = solve(rigid_body, elliptic(starts), [0.0, step], rtol=tolerance, atol=tolerance)
        assert (solution.evaluations == order_of(tolerance) + 1).all()  # one step, nothing halved
        errors.append(np.sqrt(np.mean((solution.states[:, -1] - elliptic(starts + step)) ** 2)))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope - 1.0 == pytest.approx(order_of(tolerance), abs=0.2)


def test_outputs_converge_with_the_order(rigid_body: CompiledSystem) -> None:
    """The polynomial is as good inside the step as at its end."""
    starts, steps = 0.3 * np.arange(24), np.array([0.25, 0.2, 0.16])
    errors = []
    for step in steps:
        times = step * np.arange(22) / 21
        states = solve(rigid_body, elliptic(starts), times, rtol=1e-6, atol=1e-6).states
        errors.append(np.sqrt(np.mean((states - elliptic(starts[:, None] + times))[:, 1:-1] ** 2)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] - 1.0 == pytest.approx(order_of(1e-6), abs=0.2)


@pytest.mark.parametrize("depth", [1e-2, 1e-4, 1e-7])
def test_a_dip_below_a_threshold_is_not_stepped_over(depth: float) -> None:
    """x = (t - 1)^2 - depth is negative for 2 sqrt(depth) about t = 1, and y counts that time; coefficients at t = 0 know nothing of it."""
    dip = flow({"x": "v", "v": "2", "y": "where(x < 0, 1, 0)"})
    solution = solve(dip, [[1.0 - depth, -2.0, 0.0]], [0.0, 0.5, 2.0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(solution.states[0, -1], [1.0 - depth, 2.0, 2.0 * np.sqrt(depth)], atol=1e-7)


def test_a_square_wave_is_integrated_exactly() -> None:
    """y' = sign(sin(t)): a triangle between 0 and pi. Each corner costs halvings and ten tolerances."""
    wave = flow({"y": "sign(sin(t))"}, forcing_period="2*pi")
    times = np.linspace(0.0, 12.0, 241)
    solution = solve(wave, [[0.0, 0.0]], times, rtol=1e-11, atol=1e-11)
    turns = times % (2.0 * np.pi)
    np.testing.assert_allclose(solution.states[0, :, 0], np.where(turns < np.pi, turns, 2.0 * np.pi - turns), atol=1e-9)


def test_a_floor_is_seen_where_it_jumps() -> None:
    """y' = floor(x) with x = 3 t: the integral is 0 + 1 + 2 thirds after three steps of the stairs."""
    stairs = flow({"x": "3", "y": "floor(x)"})
    solution = solve(stairs, [[0.25, 0.0]], [0.0, 0.25, 0.9], rtol=1e-10, atol=1e-10)
    assert solution.states[0, 1, 1] == pytest.approx(0.0, abs=1e-8)
    assert solution.states[0, 2, 1] == pytest.approx(1.0 / 3.0 + 2.0 * (2.95 - 2.0) / 3.0, abs=1e-8)


def test_energy_is_kept_to_rounding_at_the_tightest_tolerance() -> None:
    """Henon-Heiles over 1000 time units: rounding errors of 1e-16 a step add up like a random walk, far below 1e-13."""
    definition = system("henon_heiles")
    compiled = compile_system(definition)
    start = draw_initial(compiled, seed=1, n=3)
    states = solve(compiled, start.states, np.linspace(0.0, 1000.0, 101), rtol=1e-16, atol=1e-16).states
    [tree] = (definition.integrals or {}).values()
    energy = compiled.quantity(tree)
    values = np.array([energy.value(row, compiled.parameter_values) for row in states])
    assert np.abs(values - values[:, :1]).max() < 1e-13


def test_a_system_without_dynamics_takes_one_step() -> None:
    solution = solve(flow({"x": "2", "y": "0"}), [[1.0, 5.0]], [0.0, 1e6])
    assert solution.states[0, -1].tolist() == [1.0 + 2e6, 5.0]
    assert solution.evaluations[0] == order_of(1e-9) + 1


def test_large_numbers_do_not_stop_the_step_size() -> None:
    """x' = y, y' = -x from 1e11, and from 1e-200: the step depends on the ratio of coefficients, not on their size."""
    oscillator = flow({"x": "y", "y": "-x"})
    large = solve(oscillator, [[1e11, 0.0]], [0.0, 6.0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(large.states[0, -1] / 1e11, [np.cos(6.0), -np.sin(6.0)], atol=1e-11)
    small = solve(oscillator, [[1e-200, 0.0]], [0.0, 6.0], rtol=1e-12, atol=1e-220)
    np.testing.assert_allclose(small.states[0, -1] / 1e-200, [np.cos(6.0), -np.sin(6.0)], atol=1e-11)
    assert large.evaluations[0] < 2 * small.evaluations[0] < 4 * large.evaluations[0]


def test_all_eight_lanes_end_as_they_would_alone() -> None:
    """x' = x^2: lanes blow up at 1 / x_0, others decay, one stands still; each as if it were alone."""
    pole = flow({"x": "x**2"})
    states = np.array([[1.0], [-1.0], [0.0], [0.5], [-2.0], [4.0], [0.1], [1e-3], [2.0], [-0.3]])
    times = np.linspace(0.0, 2.5, 26)
    together = solve(pole, states, times)
    assert together.status.tolist() == [Status.BLOW_UP if x > 0.4 else Status.OK for [x] in states]
    for k in range(len(states)):
        alone = solve(pole, states[k : k + 1], times)
        np.testing.assert_array_equal(alone.states[0], together.states[k])
        assert (alone.status[0], alone.evaluations[0], alone.rejected[0]) == (together.status[k], together.evaluations[k], together.rejected[k])


def test_taylor_needs_fewer_evaluations_than_runge_kutta_at_equal_error() -> None:
    """Lorenz-63 over 10 units at an error of about 1e-9 relative to the truth at 1e-15."""
    lorenz = compile_system(system("lorenz63"))
    start, times = [[1.0, 2.0, 20.0]], np.linspace(0.0, 10.0, 201)
    truth = solve(lorenz, start, times, rtol=1e-16, atol=1e-16).states
    series = solve(lorenz, start, times, rtol=1e-13, atol=1e-13)
    pair = load("integrators", "dop853")().solve(lorenz, InitialState(np.array(start)), times, rtol=1e-13, atol=1e-13)
    assert np.abs(series.states - truth).max() < np.abs(pair.states - truth).max()
    assert series.evaluations[0] < 0.6 * pair.evaluations[0]


def test_steps_can_end_on_the_samples(rigid_body: CompiledSystem) -> None:
    """A sampling interval of 0.05 is one step of low order, and the samples are the states themselves."""
    times, states = 0.05 * np.arange(401), elliptic(0.3 * np.arange(11))
    landing = Taylor(on_samples=True)
    solution = landing.solve(rigid_body, InitialState(states), times, rtol=1e-10, atol=1e-10)
    order = landing_order(rigid_body, 0.05, 1e-10, 1e-10)
    assert order < order_of(1e-10) - 3
    assert (solution.evaluations == 400 * (order + 1)).all()
    exact = elliptic(0.3 * np.arange(11)[:, None] + times)
    assert np.abs(solution.states - exact).max() < 1e-8  # 400 steps of 1e-10, growing with the phase
    alone = landing.solve(rigid_body, InitialState(states[7:8]), times, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(alone.states[0], solution.states[7])


def test_a_sampling_interval_beyond_the_radius_takes_several_steps(rigid_body: CompiledSystem) -> None:
    times = np.array([0.0, 3.0, 3.1, 9.0])
    solution = Taylor(on_samples=True).solve(rigid_body, InitialState(elliptic(np.zeros(1))), times, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(solution.states[0], elliptic(times), atol=1e-8)
    assert solution.evaluations[0] > 10 * (order_of(1e-10) + 1)


def test_landing_lanes_end_as_they_would_alone() -> None:
    pole, landing = flow({"x": "x**2"}), Taylor(on_samples=True)
    states, times = np.array([[1.0], [-1.0], [0.0], [0.5], [-2.0], [4.0], [0.1], [1e-3], [2.0], [-0.3]]), np.linspace(0.0, 2.5, 26)
    together = landing.solve(pole, InitialState(states), times)
    assert together.status.tolist() == [Status.BLOW_UP if x > 0.4 else Status.OK for [x] in states]
    for k in range(len(states)):
        np.testing.assert_array_equal(landing.solve(pole, InitialState(states[k : k + 1]), times).states[0], together.states[k])
    assert landing.solve(pole, InitialState(states), [0.0]).states.shape == (10, 1, 1)


def test_cells_do_not_land_on_samples_and_say_so() -> None:
    ring = compile_system(system("lorenz96"))
    with pytest.raises(IntegrationError, match="on_samples is for systems without cells"):
        Taylor(on_samples=True).solve(ring, InitialState(np.ones((1, ring.dimension))), np.arange(3.0))
    assert Taylor(on_samples=True).options == {"on_samples": 1.0}
