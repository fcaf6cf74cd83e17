from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.sliced_wasserstein import SlicedWasserstein, _directions


def _scales(deviation: list[float]) -> Scales:
    return Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.array(deviation))


def _score(run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
    return float(SlicedWasserstein().score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def test_one_component_scores_the_mean_difference_of_the_sorted_values_in_standard_deviations() -> None:
    # sorted: 0 2 4 against 1 2 9: (1 + 0 + 5) / 3 = 2, in units of sigma = 2 it is 1
    assert _score(np.array([[9.0], [1.0], [2.0]]), np.array([[4.0], [0.0], [2.0]]), _scales([2.0])) == pytest.approx(1.0, rel=1e-14)


def test_one_component_agrees_with_another_program() -> None:
    run, truth = np.random.default_rng(4).normal(size=(2, 400))
    assert _score(run[:, None], truth[:, None], _scales([1.0])) == pytest.approx(wasserstein_distance(run, truth), rel=1e-12)


def test_a_shift_scores_its_mean_length_over_directions() -> None:
    # Every projection moves by |s . theta|: with s = (3, 4), |s| = 5 and the mean of |cos| 2 / pi in the plane; in space it is 1 / 2.
    truth = np.random.default_rng(0).normal(size=(500, 2))
    exact = np.mean(np.abs(_directions(2) @ [3.0, 4.0]))
    assert _score(truth + np.array([3.0, 4.0]), truth, _scales([1.0, 1.0])) == pytest.approx(exact, rel=1e-12)
    assert exact == pytest.approx(5.0 * 2.0 / np.pi, rel=0.05)  # 64 directions for all of them
    assert np.mean(np.abs(_directions(3) @ [0.0, 2.0, 0.0])) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("dimension", [2, 3, 40, 100])
def test_directions_are_unit_vectors_orthogonal_within_a_block_and_always_the_same(dimension: int) -> None:
    lines = _directions(dimension)
    assert lines.shape == (64, dimension)
    block = lines[:dimension]
    assert block @ block.T == pytest.approx(np.eye(len(block)), abs=1e-12)
    assert (lines == _directions(dimension)).all()


def test_units_order_in_time_and_a_common_shift_do_not_matter() -> None:
    stream = np.random.default_rng(1)
    run, truth = stream.normal(size=(300, 3)), stream.normal(size=(300, 3)) * 1.5
    value = _score(run, truth, _scales([1.0, 1.0, 1.0]))
    assert _score(10 * run, 10 * truth, _scales([10.0] * 3)) == pytest.approx(value, rel=1e-12)
    assert _score(run + 7.0, truth + 7.0, _scales([1.0] * 3)) == pytest.approx(value, rel=1e-10)
    assert _score(run[::-1], truth, _scales([1.0] * 3)) == value
    assert _score(truth, run, _scales([1.0] * 3)) == pytest.approx(value, rel=1e-14)
    assert _score(truth, truth, _scales([1.0] * 3)) == 0.0


def test_wrong_correlations_show_although_every_component_is_right() -> None:
    stream = np.random.default_rng(2)
    x = stream.normal(size=20_000)
    together, apart = np.stack([x, x], axis=1), np.stack([x, -x], axis=1)
    # along the diagonal the deviations are sqrt 2 and 0: sqrt 2 * sqrt(2 / pi); the mean over directions theta of | |c + s| - |c - s| | sqrt(2 / pi)
    lines = _directions(2)
    expected = np.mean(np.abs(np.abs(lines.sum(axis=1)) - np.abs(lines @ [1.0, -1.0]))) * np.sqrt(2 / np.pi)
    assert _score(apart, together, _scales([1.0, 1.0])) == pytest.approx(expected, rel=0.02)  # 20 000 draws


def test_failed_runs_and_runs_far_away_score_ten() -> None:
    truth = np.random.default_rng(3).normal(size=(3, 50, 2))
    values = truth[:, None].copy()
    values[0] += 100.0
    scores = SlicedWasserstein().score(Answer(values, np.array([50, 49, 50])), truth, _scales([1.0, 1.0]))
    assert scores.tolist() == [10.0, 10.0, 0.0]


def test_the_floor_falls_with_length(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(12, 10_000, seed=3)
    floors = []
    for length in (1_000, 10_000):
        answer = Answer(states[:6, None, :length], np.full(6, length))
        floors.append(np.median(SlicedWasserstein().score(answer, states[6:, :length], lorenz_scales)))
    assert floors[1] < 0.6 * floors[0]  # 1 / sqrt(10) = 0.32 on average, six pairs scatter


def test_an_argument_is_misuse() -> None:
    with pytest.raises(MetricError, match="sliced_wasserstein takes no argument"):
        SlicedWasserstein(3.0)
