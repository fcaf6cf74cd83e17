"""Exponents of trained models: the same numbers as for systems, and an error that covers."""

import numpy as np
import pytest

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import InvariantError
from chaosbench.invariants._map_exponents import exponents_of_map


class Henon(AutonomousMap):
    dt = 0.5
    dimension = 2

    def start(self, context: np.ndarray) -> np.ndarray:
        return context[-1]

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        jacobian = np.array([[-2.8 * state[0], 1.0], [0.3, 0.0]])
        return np.array([1 - 1.4 * state[0] ** 2 + state[1], 0.3 * state[0]]), tangents @ jacobian.T

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


class Diagonal(Henon):
    dimension = 3

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rates = np.array([1.1, 0.9, 1e-4])
        return 0.5 * state, tangents * rates


class Diverging(Diagonal):
    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return state**2 * 10, tangents


START = np.array([0.1, 0.1])


def test_a_diagonal_map_gives_its_logarithms_per_unit_time() -> None:
    found = exponents_of_map(Diagonal(), np.ones(3), n_exponents=3, steps=500, transient=300, seed=0)
    assert found.value == pytest.approx(np.log([1.1, 0.9, 1e-4]) / 0.5, abs=1e-9)
    assert found.status == "converged"


def test_henons_sum_is_exact_and_its_exponents_agree_with_the_literature() -> None:
    # ln 0.3 = -1.2039728 per step of 0.5 units of time; 0.41922 and -1.62319 per step (Sprott 2003)
    found = exponents_of_map(Henon(), START, n_exponents=2, steps=20_000, transient=200, seed=0)
    assert found.value.sum() * 0.5 == pytest.approx(np.log(0.3), abs=1e-12)
    assert abs(found.value * 0.5 - [0.41922, -1.62319]).max() <= 4 * 0.5 * found.standard_error.max()
    assert 0.5 * found.standard_error.max() < 0.005


def test_the_error_covers_the_truth() -> None:
    hits = 0
    for seed in range(40):
        start = START + 1e-3 * seed
        found = exponents_of_map(Henon(), start, n_exponents=1, steps=1500, transient=100, seed=seed)
        hits += abs(found.value[0] * 0.5 - 0.41922) <= 2 * 0.5 * found.standard_error[0]
    assert hits >= 33  # 40 draws at 95 %: 33 or fewer has probability 0.2 %


def test_the_first_exponent_alone_is_the_first_of_all() -> None:
    one = exponents_of_map(Henon(), START, n_exponents=1, steps=4000, transient=200, seed=0)
    two = exponents_of_map(Henon(), START, n_exponents=2, steps=4000, transient=200, seed=0)
    assert one.value[0] == pytest.approx(two.value[0], abs=0.01)


def test_a_model_that_diverges_is_a_status_not_an_exception() -> None:
    found = exponents_of_map(Diverging(), np.ones(3), n_exponents=2, steps=200, transient=0, seed=0)
    assert found.status == "escaped"
    assert np.isnan(found.value).all()
    assert found.to_json()["value"] == [None, None]


@pytest.mark.parametrize("changes", [{"n_exponents": 0}, {"n_exponents": 3}, {"steps": 10}, {"transient": -1}])
def test_settings_that_cannot_be_are_refused(changes: dict[str, int]) -> None:
    settings = {"n_exponents": 1, "steps": 100, "transient": 10, **changes}
    with pytest.raises(InvariantError):
        exponents_of_map(Henon(), START, seed=0, **settings)
    with pytest.raises(InvariantError, match=r"\(2,\) needed"):
        exponents_of_map(Henon(), np.ones(3), n_exponents=1, steps=100, transient=10, seed=0)
