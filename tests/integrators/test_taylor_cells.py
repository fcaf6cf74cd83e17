"""Taylor series of systems with cells: the trajectories of another method, whatever the equations are made of."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState, Solution, Status
from chaosbench.integrators.taylor import Taylor, order_of
from chaosbench.kernels.assemble import rolled_series

ADVECTION = "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"
MATRIX = {"formula": "sin(i + 2*j)/N", "shape": "NN"}
VECTOR = {"formula": "1 + i/N", "shape": "N"}


def lattice(equations: dict[str, str], size: int, **options) -> CompiledSystem:
    return compile_system(system_from(equations, size={"N": size}, **options))


def start(system: CompiledSystem, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.3, 0.9, (count, system.dimension))


def solve(system: CompiledSystem, states, times, **options) -> Solution:
    return Taylor().solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def agrees(system: CompiledSystem, states, end: float, tolerance: float, method: str = "dop853", rtol: float = 1e-15) -> None:
    """The same trajectory as another method's, which is the less accurate of the two even at its tightest tolerance."""
    times = np.linspace(0.0, end, 21)
    found = solve(system, states, times, rtol=1e-13, atol=1e-13)
    assert (found.status == 0).all()
    expected = load("integrators", method)().solve(system, InitialState(np.array(states, dtype=float)), times, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(found.states, expected.states, rtol=tolerance, atol=tolerance)


SMOOTH = {
    "products and quotients": {"x[i]": "2 + x[i-1]*x[i+2]/(1 + x[i]**2) - x[i]*sqrt(x[i] + 2) + x[i]**2.5/(x[i] + b[i+1])"},
    "functions of cells": {"x[i]": "sin(x[i+1] - x[i]) - tanh(x[i-1]) + exp(-x[i]*b[i])*log(2 + x[i]) + atan2(x[i], 2 + x[i+1]) - asin(x[i]/9)"},
    "pairs": {"x[i]": "sum(j, A[i,j]*sin(x[j+1] - x[i])) - x[i] + b[i]*sum(j, A[i,j]*x[j])"},
    "pairs after sums": {"x[i]": "sum(j, (x[j] - mean(x))*exp(-(x[j] - x[i])**2/(1 + (i - j)**2))) - sum(j, A[i,j]*x[j]/(1 + x[i]**2))*b[i-1]"},
    "a mean": {"x[i]": "b[i] - mean(x)*x[i]**3"},
    "scalars beside cells": {
        "m": "mean(x)*cos(m) - m + sum(j, y[j]*x[j])/N",
        "x[i]": "y[i+1] - x[i]*m + sin(m)*b[i]",
        "y[i]": "m",
        "z": "mean(y) - z + sum(j, cos(x[j])*b[j])",
        "w[i]": "b[i] - w[i]",
    },
}


@pytest.mark.parametrize("size", [4, 10, 40, 41])
def test_advection_agrees_with_runge_kutta(size: int) -> None:
    """One time unit: errors of 1e-13 a step grow by e^1.7 at most, and DOP853 makes steps of its own."""
    ring = lattice({"x[i]": ADVECTION}, size, parameters={"F": 8.0})
    agrees(ring, 8.0 + start(ring), 1.0, 2e-11)


@pytest.mark.parametrize(("size", "boundary"), [(5, "periodic"), (19, "zero")])
@pytest.mark.parametrize("name", SMOOTH)
def test_whatever_the_equations_hold(name: str, size: int, boundary: str) -> None:
    parameters = {key: value for key, value in {"A": MATRIX, "b": VECTOR}.items() if any(f"{key}[" in text for text in SMOOTH[name].values())}
    system = lattice(SMOOTH[name], size, boundary=boundary, parameters=parameters)
    agrees(system, start(system), 1.0, 1e-11)


KINKED = {
    "maxima of pairs": {"x[i]": "sum(j, max(x[j] - x[i], 0))/N - x[i] + b[i]*cos(y)", "y": "3"},
    "branches of cells": {
        "x[i]": "where(v[i] < 0, x[i-1], 1) - abs(v[i]) - min(v[i+1], m)*b[i]",
        "v[i]": "3*cos(b[i]*y)",
        "m": "abs(mean(v)) - m",
        "y": "2",
    },
    "steps of cells": {
        "x[i]": "floor(v[i])*x[i+1] - (2*v[i] % b[i]) - 5*x[i]",
        "v[i]": "2*b[i]",
        "z": "sign(mean(v) - 2) + mean(x) - z",
    },
}


@pytest.mark.parametrize("name", KINKED)
def test_kinks_are_not_stepped_over(name: str) -> None:
    """A pair with error control meets the same kinks by rejected steps."""
    system = lattice(KINKED[name], 9, parameters={"b": VECTOR})
    agrees(system, start(system), 1.5, 1e-11)


@pytest.mark.parametrize(("tolerance", "steps"), [(1e-3, (0.03, 0.025, 0.02)), (1e-6, (0.03, 0.026, 0.023))])
def test_steps_converge_with_the_order(tolerance: float, steps: tuple[float, ...]) -> None:
    """One step from 24 states of a ring, shorter than the method would take: a local error that falls like h^(N + 1)."""
    ring = lattice({"x[i]": ADVECTION}, 10, parameters={"F": 8.0})
    starts, errors = solve(ring, 8.0 + start(ring, 24), [0.0, 4.0]).states[:, -1], []
    for step in steps:
        solution = solve(ring, starts, [0.0, step], rtol=tolerance, atol=tolerance)
        assert (solution.evaluations == order_of(tolerance) + 1).all()  # one step, nothing halved
        truth = solve(ring, starts, [0.0, step], rtol=1e-16, atol=1e-16).states
        errors.append(np.sqrt(np.mean((solution.states - truth)[:, -1] ** 2)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] - 1.0 == pytest.approx(order_of(tolerance), abs=0.2)


def test_a_large_system_without_cells_integrates_too() -> None:
    """Twenty-five coupled pendulums: their straight-line code would take seconds to compile."""
    count = 25
    equations = {f"p{k}": f"sin(q{(k + 1) % count} - q{k}) - sin(q{k} - q{k - 1 if k else count - 1}) - q{k}/(1 + q{k}**2)" for k in range(count)}
    pendulums = compile_system(system_from(equations | {f"q{k}": f"p{k}" for k in range(count)}))
    assert rolled_series(pendulums.tape, order_of(1e-13))
    agrees(pendulums, start(pendulums), 1.0, 1e-11)


@pytest.mark.parametrize("dimension", [5, 8, 11, 40])
def test_outputs_lie_on_the_solution(dimension: int) -> None:
    """Samples inside the steps and at their ends, in vectors over the components: those of steps that end at each."""
    ring = lattice({"x[i]": ADVECTION}, dimension, parameters={"F": 8.0})
    times = np.array([0.0, 1e-3, 2e-3, 0.01, 0.2, 0.21, 0.25, 0.5])
    states = 8.0 + start(ring)
    together = solve(ring, states, times, rtol=1e-14, atol=1e-14).states
    for k in range(1, len(times)):
        np.testing.assert_allclose(together[:, k], solve(ring, states, [0.0, times[k]], rtol=1e-14, atol=1e-14).states[:, -1], rtol=1e-12, atol=1e-12)


def test_every_trajectory_has_its_own_parameters() -> None:
    """What depends on parameters alone is found once a trajectory, not once for all of them."""
    system = lattice({"x[i]": "exp(-k)*sum(j, A[i,j]*x[j])/(1 + k**2) - b[i+1]*x[i]**3"}, 10, parameters={"A": MATRIX, "b": VECTOR, "k": 1.0})
    states, times = start(system, 3), np.linspace(0.0, 2.0, 9)
    rows = system.parameter_values * np.array([[1.0], [0.3], [1.7]])
    together = solve(system, states, times, parameters=rows, threads=1).states
    for k in range(3):
        np.testing.assert_array_equal(solve(system, states[k : k + 1], times, parameters=rows[k : k + 1]).states[0], together[k])
    agrees(system, states, 2.0, 1e-12)


def test_a_cell_that_blows_up_ends_its_trajectory_alone() -> None:
    """Uncoupled x' = x^2: the first trajectory has a cell with its pole at 0.5, the second none before 2.5."""
    poles = lattice({"x[i]": "x[i]**2"}, 11)
    states = np.full((2, 11), 0.1)
    states[0, 9] = 2.0
    solution = solve(poles, states, np.linspace(0.0, 2.5, 26))
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    assert np.isnan(solution.states[0, 6:]).all()
    np.testing.assert_allclose(solution.states[0, :5, 9], 2.0 / (1.0 - 2.0 * np.linspace(0.0, 0.4, 5)), rtol=1e-8)
    np.testing.assert_allclose(solution.states[1, -1], 0.1 / 0.75, rtol=1e-8)
