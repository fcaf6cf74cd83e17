"""The implicit method keeps the contract of every method, and solves lattices at the cost of their band."""

import numpy as np
import pytest
from scipy.special import ellipj

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators._rodas5p_tableau import RODAS5P
from chaosbench.integrators.base import InitialState, Solution, Status

METHOD = load("integrators", "rodas5p")()
EXPLICIT = load("integrators", "dop853")()
MODULUS = 0.51


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def solve(system: CompiledSystem, states, times, method=METHOD, **options) -> Solution:
    return method.solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    """Euler's equations; through (0, 1, 1) they are solved by Jacobi's sn, cn, dn of parameter 0.51."""
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS})


def elliptic(times: np.ndarray) -> np.ndarray:
    return np.stack(ellipj(times, MODULUS)[:3], axis=-1)


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    equations = {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"}
    return flow(equations, parameters={"sigma": 10.0, "rho": 28.0, "beta": "8/3"})


def test_a_chaotic_flow_agrees_with_the_explicit_method(lorenz: CompiledSystem) -> None:
    times = np.linspace(0.0, 4.0, 81)
    one = solve(lorenz, [[1.0, 2.0, 20.0]], times, rtol=1e-11, atol=1e-11)
    other = solve(lorenz, [[1.0, 2.0, 20.0]], times, EXPLICIT, rtol=1e-12, atol=1e-12)
    assert np.abs(one.states - other.states).max() < 1e-6  # 1e-11 a step, thousands of steps, grown by e^(0.9 * 4)


@pytest.mark.parametrize("tolerance", [1e-5, 1e-8, 1e-11])
def test_the_error_follows_the_tolerance(rigid_body: CompiledSystem, tolerance: float) -> None:
    times = np.linspace(0.0, 75.0, 301)
    solution = solve(rigid_body, [[0.0, 1.0, 1.0]], times, rtol=tolerance, atol=tolerance)
    error = np.abs(solution.states[0] - elliptic(times)).max()
    assert tolerance < error < 3000.0 * tolerance


def test_results_do_not_depend_on_threads_or_company(lorenz: CompiledSystem) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(20, 3))
    times = np.linspace(0.0, 3.0, 50)
    one = solve(lorenz, states, times, threads=1)
    for threads in (2, 5):
        other = solve(lorenz, states, times, threads=threads)
        np.testing.assert_array_equal(other.states, one.states)
        np.testing.assert_array_equal(other.evaluations, one.evaluations)
    np.testing.assert_array_equal(solve(lorenz, states[7:8], times).states[0], one.states[7])


def test_outputs_change_no_step_and_the_last_is_the_final_state(lorenz: CompiledSystem) -> None:
    few = solve(lorenz, [[1.0, 2.0, 20.0]], [0.0, 5.0])
    many = solve(lorenz, [[1.0, 2.0, 20.0]], np.linspace(0.0, 5.0, 2001))
    np.testing.assert_array_equal(few.states[0, -1], many.states[0, -1])
    np.testing.assert_array_equal(many.states[:, -1], many.final.states)
    np.testing.assert_array_equal(many.states[0, 0], [1.0, 2.0, 20.0])
    assert few.rejected.tolist() == many.rejected.tolist()


def test_a_run_can_be_continued(lorenz: CompiledSystem) -> None:
    whole = solve(lorenz, [[1.0, 2.0, 20.0]], [0.0, 2.0, 4.0], rtol=1e-11)
    half = solve(lorenz, [[1.0, 2.0, 20.0]], [0.0, 2.0], rtol=1e-11)
    rest = METHOD.solve(lorenz, half.final, np.array([2.0, 4.0]), rtol=1e-11)
    np.testing.assert_allclose(rest.states[0, 1], whole.states[0, 2], atol=1e-6)


def test_times_and_parameters_may_differ_by_trajectory() -> None:
    times, rates = np.array([[0.0, 1.0, 2.0], [5.0, 5.5, 9.0]]), np.array([[0.5], [1e5]])
    solution = solve(flow({"x": "-k*x"}, parameters={"k": 1.0}), np.ones((2, 1)), times, parameters=rates, rtol=1e-11)
    np.testing.assert_allclose(solution.states[:, :, 0], np.exp(-rates * (times - times[:, :1])), rtol=1e-8, atol=1e-10)


def test_a_single_time_returns_the_initial_state(lorenz: CompiledSystem) -> None:
    solution = solve(lorenz, [[1.0, 2.0, 3.0]], [4.0])
    assert solution.states.tolist() == [[[1.0, 2.0, 3.0]]] == [solution.final.states.tolist()]
    assert solution.evaluations.tolist() == [0]


def test_a_fixed_point_stays(lorenz: CompiledSystem) -> None:
    solution = solve(lorenz, np.zeros((1, 3)), [0.0, 1e6])
    assert solution.status.tolist() == [Status.OK]
    np.testing.assert_array_equal(solution.states, np.zeros((1, 2, 3)))


def test_a_pole_is_a_blow_up_and_leaves_the_others_alone() -> None:
    """x' = x^2 from 1 is 1/(1 - t): infinite at t = 1. From -1 it is -1/(1 + t)."""
    times = np.linspace(0.0, 2.0, 41)
    solution = solve(flow({"x": "x**2"}), [[1.0], [-1.0]], times, rtol=1e-10)
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    np.testing.assert_allclose(solution.states[0, :20, 0], 1.0 / (1.0 - times[:20]), rtol=1e-6)
    assert np.isnan(solution.states[0, 21:]).all()
    np.testing.assert_allclose(solution.states[1, :, 0], -1.0 / (1.0 + times), rtol=1e-8)


def test_the_end_of_the_domain_is_a_step_underflow() -> None:
    """x' = -1 - sqrt(x) from 1 reaches 0 at 2 - 2 log 2 = 0.6137 with slope -1; there the Jacobian is infinite."""
    solution = solve(flow({"x": "-1 - sqrt(x)"}), [[1.0]], [0.0, 0.6, 0.7])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW]
    assert np.isfinite(solution.states[0, 1, 0])
    assert np.isnan(solution.states[0, 2, 0])
    assert 0.0 <= solution.final.states[0, 0] < 1e-6


def test_an_infinite_jacobian_is_a_step_underflow_and_never_a_frozen_state() -> None:
    """At x = 0 the slope of sqrt is infinite; W would be infinite and every stage 0."""
    solution = solve(flow({"x": "1 + sqrt(x)"}), [[0.0]], [0.0, 1.0])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW]


def test_a_step_budget_ends_the_trajectory(lorenz: CompiledSystem) -> None:
    solution = solve(lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.01, 100.0], max_steps=40)
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(solution.states[0, 1]).all()
    assert np.isnan(solution.states[0, 2]).all()
    assert solution.evaluations[0] <= 2 + 40 * (RODAS5P.stages - 1) + 41 * 4


# lattices


@pytest.mark.parametrize("cells", [8, 64, 257])
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_diffusion_on_a_lattice_damps_every_mode_at_its_own_rate(cells: int, boundary: str) -> None:
    """The modes of the discrete Laplacian are exact: on a ring cos(2 pi m i / N), on a chain between zeros sin(pi m (i + 1) / (N + 1))."""
    rate, place = float(cells**2) / 4.0, np.arange(cells)
    system = flow({"u[i]": "k*(u[i-1] - 2*u[i] + u[i+1])"}, parameters={"k": rate}, size={"N": cells}, boundary=boundary)
    angles = 2.0 * np.pi * np.array([1, 3, cells // 2]) / cells if boundary == "periodic" else np.pi * np.array([1, 3, cells]) / (cells + 1)
    modes = np.cos(np.outer(angles, place)) if boundary == "periodic" else np.sin(np.outer(angles, place + 1))
    times = np.array([0.0, 1e-3, 0.01, 0.1])
    exact = np.exp(-4.0 * rate * np.outer(times, np.sin(angles / 2.0) ** 2)) @ modes
    solution = solve(system, [modes.sum(axis=0)], times, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(solution.states[0], exact, atol=2e-7)
    assert solution.evaluations[0] < 12_000  # a Jacobian takes a few tangents, however many the cells


def test_two_coupled_fields_agree_with_an_explicit_method() -> None:
    """Reaction and diffusion of an activator and an inhibitor; the two fields of a cell lie N slots apart in the state."""
    equations = {"u[i]": "u[i] - u[i]**3 - v[i] + k*(u[i-1] - 2*u[i] + u[i+1])", "v[i]": "0.1*(u[i] - v[i]) + 2*k*(v[i-1] - 2*v[i] + v[i+1])"}
    system = flow(equations, parameters={"k": 40.0}, size={"N": 24})
    start = np.random.default_rng(3).normal(size=(2, 48))
    one, other = (solve(system, start, [0.0, 0.5, 3.0], method, rtol=1e-9, atol=1e-9) for method in (METHOD, EXPLICIT))
    np.testing.assert_allclose(one.states, other.states, atol=1e-6)


def test_a_coupling_of_all_cells_agrees_with_an_explicit_method() -> None:
    system = flow({"theta[i]": "w*i + k/N*sum(j, sin(theta[j] - theta[i]))"}, parameters={"k": 2.0, "w": 0.05}, size={"N": 20})
    start = np.random.default_rng(3).uniform(0.0, 6.0, size=(1, 20))
    one, other = (solve(system, start, [0.0, 1.0, 4.0], method, rtol=1e-9, atol=1e-9) for method in (METHOD, EXPLICIT))
    np.testing.assert_allclose(one.states, other.states, atol=1e-6)
