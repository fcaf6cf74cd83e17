"""Correlation sums against brute force; dimensions of sets that are known; what is refused or reported."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.errors import InvariantError
from chaosbench.invariants._correlation_sum import count_pairs, pairs_looked_at
from chaosbench.invariants._scaling_region import fit_scaling
from chaosbench.invariants.base import Estimate, Samples

ROOT = load("invariants", "correlation_dimension")


def samples_of(points: np.ndarray, dt: float = 1.0) -> Samples:
    return Samples(points[None], dt, tuple(f"x{k}" for k in range(points.shape[1])), np.full(points.shape[1], np.nan))


def dimension_of(points: np.ndarray) -> Estimate:
    """Random points have no order in time; duration takes all of them."""
    return ROOT().estimate(samples_of(points), seed=0, duration=float(len(points)))


def cantor(weights: tuple[float, float], n: int, stream: np.random.Generator) -> np.ndarray:
    """Points of the middle-thirds set, left and right third chosen with the given weights."""
    digits = 2 * (stream.random((n, 34)) < weights[1])
    return (digits * 3.0 ** -np.arange(1, 35)).sum(axis=1)[:, None]


@pytest.mark.parametrize(("n", "dimensions", "largest", "apart"), [(1200, 2, 0.3, 5), (700, 1, 0.05, 0), (900, 3, 0.7, 20), (500, 5, 1.5, 3)])
def test_counts_are_those_of_all_pairs(n: int, dimensions: int, largest: float, apart: int) -> None:
    stream = np.random.default_rng(n)
    points, stamps, groups = stream.normal(size=(n, dimensions)), np.arange(n), np.arange(n) * 4 // n
    found = count_pairs(points, stamps, groups, largest=largest, octaves=6, apart=apart)
    first, second = np.triu_indices(n, apart + 1)
    distances = np.sqrt(((points[first] - points[second]) ** 2).sum(axis=1))
    assert found.possible == len(distances)
    assert found.radii[-1] == largest
    inside = distances[:, None] < found.radii
    inside[:, -1] = distances <= largest
    assert np.array_equal(found.total, inside.sum(axis=0))
    for group in range(4):
        away = (groups[first] != group) & (groups[second] != group)
        assert np.array_equal(found.without[group], inside[away].sum(axis=0))


def test_the_radii_are_four_an_octave_of_the_square_and_increase() -> None:
    found = count_pairs(np.random.default_rng(0).normal(size=(50, 2)), np.arange(50), np.zeros(50, dtype=int), largest=0.9, octaves=5, apart=0)
    ratios = (found.radii[1:] / found.radii[:-1]) ** 2
    assert (np.diff(found.radii) > 0).all()
    assert ratios[:-1].max() <= 1.25 + 1e-12
    assert found.radii[-1] / found.radii[0] >= 2**4.7


def test_pairs_of_different_runs_count_however_close_in_time() -> None:
    points = np.array([[0.0], [0.1], [0.0], [0.1]])
    stamps = np.array([0, 1, 1 << 40, (1 << 40) + 1])
    found = count_pairs(points, stamps, np.zeros(4, dtype=int), largest=1.0, octaves=4, apart=5)
    assert found.possible == 4  # of six pairs the two within a run are left out
    assert found.total[-1] == 4


def test_the_cost_is_known_beforehand() -> None:
    # one box: every pair is looked at
    points = np.random.default_rng(0).random((200, 2))
    assert pairs_looked_at(points, 10.0) == pytest.approx(200 * 200 / 2)
    # many boxes: at most a few per point
    assert pairs_looked_at(np.random.default_rng(0).random((20_000, 2)), 0.01) < 20_000 * 30


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("square", 2.0),
        ("torus", 2.0),
        ("cantor", np.log(2) / np.log(3)),
        ("uneven cantor", -np.log(0.3**2 + 0.7**2) / np.log(3)),
        ("cantor times line", 1 + np.log(2) / np.log(3)),
    ],
)
def test_sets_of_known_dimension(name: str, exact: float) -> None:
    n, stream = 20_000, np.random.default_rng(7)
    turns = 2 * np.pi * stream.random((n, 2))
    points = {
        "square": stream.random((n, 2)),
        "torus": np.concatenate([np.cos(turns), np.sin(turns)], axis=1),
        "cantor": cantor((0.5, 0.5), n, stream),
        "uneven cantor": cantor((0.7, 0.3), n, stream),
        "cantor times line": np.concatenate([cantor((0.5, 0.5), n, stream), stream.random((n, 1))], axis=1),
    }[name]
    found = dimension_of(points)
    assert found.status == "converged"
    assert abs(found.value - exact) <= max(0.03, 2 * found.standard_error)
    assert found.standard_error < 0.06
    assert found.interval[0] < found.value < found.interval[1]


def test_error_bars_cover_the_dimension_of_a_cantor_set() -> None:
    exact = np.log(2) / np.log(3)
    hits = []
    for seed in range(40):
        found = dimension_of(cantor((0.5, 0.5), 4000, np.random.default_rng(seed)))
        hits.append(abs(found.value - exact) <= 2 * found.standard_error)
    assert sum(hits) >= 35  # 40 draws at 95 %: fewer than 35 has probability 1.4 %; the shape error makes it conservative


def test_the_dimension_does_not_change_under_an_invertible_linear_map() -> None:
    stream = np.random.default_rng(0)
    points = np.concatenate([cantor((0.5, 0.5), 20_000, stream), stream.random((20_000, 1))], axis=1)
    mixed = points @ np.array([[1.0, 1000.0], [0.3, -200.0]]) + [5.0, -1e6]
    one, other = dimension_of(points), dimension_of(mixed)
    assert one.value == pytest.approx(other.value, abs=0.03)


def test_angles_close() -> None:
    turns = np.random.default_rng(0).random((20_000, 1)) * 7.0
    circle = Samples(turns[None], 1.0, ("theta",), np.array([7.0]))
    found = ROOT().estimate(circle, seed=0, duration=20_000.0)
    assert found.value == pytest.approx(1.0, abs=0.03)


def test_henon_at_1e5_points_agrees_with_the_literature() -> None:
    found = ROOT().estimate(compile_system(system("henon")), seed=0, duration=1e5)
    assert found.status == "converged"
    assert found.value == pytest.approx(1.22, abs=0.03)
    assert found.standard_error <= 0.03


def test_lorenz_1963_agrees_with_the_literature() -> None:
    found = ROOT().estimate(compile_system(system("lorenz63")), seed=0, target_error=0.03)
    assert found.status == "converged"
    assert found.value == pytest.approx(2.05, abs=0.03)
    assert found.standard_error <= 0.03


def test_a_delay_system_is_measured_in_the_space_of_its_past() -> None:
    found = ROOT(max_points=20_000).estimate(compile_system(system("mackey_glass", {"tau": 17.0})), seed=0, target_error=0.2)
    assert 1.7 < found.value < 2.5  # Farmer (1982) counts 2.13 at delay 17; one present value alone could not exceed 1


def test_noise_in_many_dimensions_has_no_scaling_region() -> None:
    found = dimension_of(np.random.default_rng(0).normal(size=(2000, 10)))
    assert found.status == "no_scaling_region"
    assert np.isnan(found.value)
    assert "2000 points" in found.reason


def test_a_system_at_rest_has_dimension_zero_and_one_that_settles_is_refused() -> None:
    still = dimension_of(np.full((5000, 2), 3.7))
    assert still.value == 0.0
    assert still.status == "converged"
    settling = np.exp(-np.arange(5000) / 500.0)[:, None] * np.ones((1, 2))
    assert dimension_of(settling).status == "non_stationary"


def test_few_points_give_no_fit() -> None:
    stream = np.random.default_rng(0)
    counts = count_pairs(stream.random((30, 2)), np.arange(30), np.arange(30) // 10, largest=0.1, octaves=10, apart=0)
    assert fit_scaling(counts) is None


def test_more_points_are_taken_until_the_target_is_met_or_forbidden() -> None:
    henon = compile_system(system("henon"))
    limited = ROOT(max_points=4000).estimate(henon, seed=0, target_error=0.001)
    assert limited.status == "short"
    assert limited.settings["points"] == 4000
    met = ROOT().estimate(henon, seed=0, target_error=0.02)
    assert met.standard_error <= 0.02


@pytest.mark.parametrize("goal", [{}, {"target_error": 0.1, "duration": 1.0}, {"target_error": 0.0}])
def test_exactly_one_sensible_goal_is_asked_for(goal: dict[str, float]) -> None:
    with pytest.raises(InvariantError):
        ROOT().estimate(samples_of(np.zeros((10, 1))), seed=0, **goal)
