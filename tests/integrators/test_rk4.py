"""The classical method: order, steps that end on the samples, default step, statuses, and what a recipe tells of it."""

import numpy as np
import pytest
from scipy.special import ellipj

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators.base import InitialState, Solution, Status
from chaosbench.requests import checked_request
from chaosbench.trajectories import recipe_of

METHOD = load("integrators", "rk4")
MODULUS = 0.51


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def solve(system: CompiledSystem, states, times, step: float | None = None, **options) -> Solution:
    return METHOD(step).solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS})


def elliptic(times: np.ndarray) -> np.ndarray:
    return np.stack(ellipj(times, MODULUS)[:3], axis=-1)


def test_one_step_is_the_taylor_polynomial_of_degree_four() -> None:
    step = 0.3
    reached = solve(flow({"x": "-x"}), [[1.0]], [0.0, step], step).states[0, 1, 0]
    assert reached == pytest.approx(1.0 - step + step**2 / 2.0 - step**3 / 6.0 + step**4 / 24.0, rel=1e-15)


def test_all_outputs_converge_with_the_declared_order(rigid_body: CompiledSystem) -> None:
    """Samples at uneven times, each a state of the method itself."""
    times, steps = np.array([0.0, 0.7, 1.9, 2.0, 4.3, 6.0]), np.array([0.1, 0.05, 0.025])
    errors = [np.abs(solve(rigid_body, [[0.0, 1.0, 1.0]], times, step).states[0] - elliptic(times)).max() for step in steps]
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(METHOD.order, abs=0.2)


def test_an_interval_is_divided_into_equal_steps_no_longer_than_asked(rigid_body: CompiledSystem) -> None:
    """1.0 takes 4 steps of 0.25, 0.1 takes one, 1.01 takes 5; a step that fits a whole number of times is not cut by rounding."""
    assert solve(rigid_body, [[0.0, 1.0, 1.0]], [0.0, 1.0, 1.1, 2.11], 0.25).evaluations.tolist() == [4 * (4 + 1 + 5)]
    assert solve(rigid_body, [[0.0, 1.0, 1.0]], 0.1 * np.arange(11), 0.01).evaluations.tolist() == [4 * 100]


def test_the_default_step_is_a_hundredth_of_each_trajectorys_own_time_scale(rigid_body: CompiledSystem) -> None:
    """x' = -k x: the time scale is 1 / k; a hundredth of 1/2 and of 1/300, rounded down to powers of two: 2^-8 and 2^-15."""
    system = flow({"x": "-k*x"}, parameters={"k": 1.0})
    solution = solve(system, [[1.0], [1.0]], [0.0, 1.0], parameters=np.array([[2.0], [300.0]]))
    assert solution.evaluations.tolist() == [4 * 2**8, 4 * 2**15]
    np.testing.assert_allclose(solution.states[:, 1, 0], np.exp([-2.0, -300.0]), rtol=1e-7)
    alone = solve(system, [[1.0]], [0.0, 1.0], parameters=np.array([[300.0]]))
    np.testing.assert_array_equal(alone.states[0], solution.states[1])
    times = np.linspace(0.0, 10.0, 11)
    assert np.abs(solve(rigid_body, [[0.0, 1.0, 1.0]], times).states[0] - elliptic(times)).max() < 1e-9


def test_without_a_time_scale_an_interval_is_one_step() -> None:
    solution = solve(flow({"x": "1"}), [[0.0]], [0.0, 1.0, 3.0])
    assert solution.states[0, :, 0].tolist() == [0.0, 1.0, 3.0]
    assert solution.evaluations.tolist() == [8]


def test_a_run_in_pieces_is_the_whole_run_bit_for_bit(rigid_body: CompiledSystem) -> None:
    whole = solve(rigid_body, [[0.0, 1.0, 1.0]], [0.0, 1.0, 2.0, 3.0], 0.01)
    half = solve(rigid_body, [[0.0, 1.0, 1.0]], [0.0, 1.0], 0.01)
    rest = METHOD(0.01).solve(rigid_body, half.final, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(rest.states[0], whole.states[0, 1:])


def test_results_do_not_depend_on_threads(rigid_body: CompiledSystem) -> None:
    states = np.random.default_rng(1).normal(size=(20, 3))
    one, other = (solve(rigid_body, states, np.linspace(0.0, 3.0, 5), threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.states, other.states)


def test_an_escape_a_budget_and_a_step_too_small_are_told() -> None:
    square = flow({"x": "x**2"})
    solution = solve(square, [[1.0], [-1.0]], [0.0, 0.5, 3.0], 0.01)
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    assert np.isnan(solution.states[0, 2]).all()
    assert solve(square, [[-1.0]], [0.0, 0.5, 3.0], 0.01, max_steps=100).status.tolist() == [Status.TOO_MANY_STEPS]
    assert solve(square, [[-1.0]], [1e9, 1e9 + 1.0], 1e-9).status.tolist() == [Status.STEP_UNDERFLOW]


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_a_step_must_be_finite_and_positive(step: float) -> None:
    with pytest.raises(IntegrationError, match="it must be finite and positive"):
        METHOD(step)


def test_the_step_is_part_of_the_recipe() -> None:
    definition = system_from({"x": "v", "v": "-x"})
    recipes = [
        recipe_of(checked_request(definition, 1, 2, 0, 0.1, 0.0, None, method, 1e-9, 1e-12, 0), certified=False)
        for method in ("rk4", METHOD(0.05), METHOD(0.1))
    ]
    assert [recipe.get("integrator_options") for recipe in recipes] == [None, {"step": 0.05}, {"step": 0.1}]
    assert {recipe["integrator"] for recipe in recipes} == {"rk4"}
