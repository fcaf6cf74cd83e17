"""Iteration of maps."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState, Status


@pytest.fixture(scope="module")
def squaring() -> CompiledSystem:
    return compile_system(system_from({"x": "x**2"}, kind="maps"))


@pytest.fixture(scope="module")
def henon() -> CompiledSystem:
    return compile_system(system_from({"x": "1 - a*x**2 + y", "y": "b*x"}, kind="maps", parameters={"a": 1.4, "b": 0.3}))


def solve(system: CompiledSystem, states: list, times: list, **options):
    return load("integrators", "iteration")().solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def test_powers_of_two_are_exact_until_they_escape(squaring: CompiledSystem) -> None:
    """2^(2^n) is 4.3e9 after five squarings and 1.8e19 after six, beyond 1e12."""
    solution = solve(squaring, [[2.0], [0.5]], range(9))
    np.testing.assert_array_equal(solution.states[0, :6, 0], 2.0 ** (2.0 ** np.arange(6)))
    assert np.isnan(solution.states[0, 6:]).all()
    np.testing.assert_array_equal(solution.states[1, :, 0], 0.5 ** (2.0 ** np.arange(9)))
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    assert solution.evaluations.tolist() == [6, 8]
    assert solution.final.states[0, 0] == 2.0**32


def test_both_components_are_updated_from_the_old_state(henon: CompiledSystem) -> None:
    solution = solve(henon, [[0.1, 0.2]], [0, 1, 2])
    x1, y1 = 1 - 1.4 * 0.1**2 + 0.2, 0.3 * 0.1
    x2, y2 = 1 - 1.4 * x1**2 + y1, 0.3 * x1
    np.testing.assert_allclose(solution.states[0], [[0.1, 0.2], [x1, y1], [x2, y2]], rtol=1e-15)


def test_only_the_requested_counts_are_stored_and_only_differences_count(henon: CompiledSystem) -> None:
    every = solve(henon, [[0.1, 0.2]], range(101))
    some = solve(henon, [[0.1, 0.2]], [-7, 3, 93])
    np.testing.assert_array_equal(some.states[0], every.states[0, [0, 10, 100]])
    assert some.evaluations.tolist() == [100]


def test_times_and_parameters_may_differ_by_trajectory(henon: CompiledSystem) -> None:
    parameters = np.array([[1.4, 0.3], [1.0, 0.2]])
    together = solve(henon, [[0.1, 0.2], [0.3, 0.1]], [[0, 1, 5], [2, 3, 4]], parameters=parameters)
    alone = solve(henon, [[0.3, 0.1]], [0, 1, 2], parameters=parameters[1:])
    np.testing.assert_array_equal(together.states[1], alone.states[0])
    assert together.states[1, 1, 1] == pytest.approx(0.2 * 0.3, rel=1e-15)


def test_a_run_can_be_continued_bit_for_bit(henon: CompiledSystem) -> None:
    whole = solve(henon, [[0.1, 0.2]], [0, 40, 80])
    half = solve(henon, [[0.1, 0.2]], [0, 40])
    rest = load("integrators", "iteration")().solve(henon, half.final, np.array([40.0, 80.0]))
    np.testing.assert_array_equal(rest.states[0, 1], whole.states[0, 2])


def test_more_iterations_than_allowed_end_the_trajectory(henon: CompiledSystem) -> None:
    solution = solve(henon, [[0.1, 0.2]], [0, 5, 10], max_steps=9)
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(solution.states[0, :2]).all()
    assert np.isnan(solution.states[0, 2]).all()
