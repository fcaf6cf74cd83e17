from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.attractor_divergence import AttractorDivergence
from chaosbench.metrics.base import Answer, Scales


def _score(run: np.ndarray, truth: np.ndarray, failed_at: int | None = None) -> float:
    """Score one run (T, D) against one truth (T, D)."""
    scales = Scales(0.01, 0.75, 1.1, np.array([0.9]), np.ones(truth.shape[1]))
    end = len(run) if failed_at is None else failed_at
    return float(AttractorDivergence().score(Answer(run[None, None], np.array([end])), truth[None], scales)[0])


def test_the_truth_itself_scores_exactly_zero_in_any_order_of_time() -> None:
    truth = np.random.default_rng(0).normal(size=(500, 3))
    assert _score(truth, truth) == 0.0
    assert _score(truth[::-1], truth) == 0.0


def test_two_occupied_cells_give_the_divergence_worked_out_by_hand() -> None:
    # One component, truth half at 0 and half at 1; the run three quarters at 0. 30 bins + 1 outside cell, pseudo-count 1e-5.
    truth, run = np.array([0.0, 0.0, 1.0, 1.0])[:, None], np.array([0.0, 0.0, 0.0, 1.0])[:, None]
    total = 4 + 31e-5
    expected = (2 + 1e-5) / total * np.log((2 + 1e-5) / (3 + 1e-5)) + (2 + 1e-5) / total * np.log((2 + 1e-5) / (1 + 1e-5))
    assert _score(run, truth) == pytest.approx(expected, rel=1e-12)


def test_a_run_outside_the_grid_pays_through_the_outside_cell_and_does_not_vanish() -> None:
    # All of the run outside: every occupied cell of the truth has run probability 1e-5 / total, the outside cell (N + 1e-5) / total.
    truth, run = np.array([0.0, 0.0, 1.0, 1.0])[:, None], np.full((4, 1), 50.0)
    total = 4 + 31e-5
    expected = 2 * (2 + 1e-5) / total * np.log((2 + 1e-5) / 1e-5) + 1e-5 / total * np.log(1e-5 / (4 + 1e-5))
    assert _score(run, truth) == pytest.approx(expected, rel=1e-12)


def test_the_edges_of_the_grid_are_a_tenth_of_a_standard_deviation_beyond_the_truth() -> None:
    truth = np.array([0.0, 0.0, 1.0, 1.0])[:, None]  # standard deviation 0.5: grid from -0.05 to 1.05, bins 1.1 / 30 wide
    same_cell, outside = truth.copy(), truth.copy()
    same_cell[0], outside[0] = -0.049, -0.051  # the cell of 0 is bin 1: -0.0133 .. 0.0233, so -0.049 is bin 0, inside
    inside_score, outside_score = _score(same_cell, truth), _score(outside, truth)
    total = 4 + 31e-5
    moved = (2 + 1e-5) / total * np.log((2 + 1e-5) / (1 + 1e-5)) + 1e-5 / total * np.log(1e-5 / (1 + 1e-5))
    assert inside_score == pytest.approx(moved, rel=1e-12)
    assert outside_score == pytest.approx(moved, rel=1e-12)
    run = np.array([-0.051, 2.0, 1.0, 1.0])[:, None]  # below and above share the one outside cell
    both = (2 + 1e-5) / total * np.log((2 + 1e-5) / 1e-5) + 1e-5 / total * np.log(1e-5 / (2 + 1e-5))
    assert _score(run, truth) == pytest.approx(both, rel=1e-12)


def test_no_score_reaches_that_of_a_failed_run() -> None:
    assert _score(np.full((1000, 3), 9.0), np.zeros((1000, 3))) < np.log(1000 / 1e-5 + 27_001) + 1e-9 < AttractorDivergence.failed_value
    assert _score(np.zeros((1000, 3)), np.zeros((1000, 3)), failed_at=999) == AttractorDivergence.failed_value


def test_beyond_three_components_the_score_is_the_mean_over_pairs() -> None:
    truth, run = np.random.default_rng(0).normal(size=(2, 400, 4))
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    expected = np.mean([_score(run[:, pair], truth[:, pair]) for pair in pairs])
    assert _score(run, truth) == pytest.approx(expected, rel=1e-12)


def test_in_many_components_the_same_45_pairs_are_used_every_time() -> None:
    truth, run = np.random.default_rng(0).normal(size=(2, 200, 40))
    assert _score(run, truth) == _score(run.copy(), truth.copy())
    spoiled = run.copy()
    spoiled[:, 0] = 99.0
    assert _score(spoiled, truth) != _score(run, truth)


def test_runs_of_another_length_than_the_truth_are_misuse() -> None:
    with pytest.raises(MetricError, match="both sides need the same number"):
        _score(np.zeros((10, 2)), np.zeros((11, 2)))


def _floor(lorenz: Callable[..., np.ndarray], scales: Scales, pairs: int, lengths: tuple[int, ...]) -> dict[int, np.ndarray]:
    states = lorenz(2 * pairs, max(lengths))
    metric = AttractorDivergence()
    return {
        length: metric.score(Answer(states[pairs:, None, :length], np.full(pairs, length)), states[:pairs, :length], scales) for length in lengths
    }


def test_the_floor_of_lorenz63_falls_more_than_tenfold_from_1k_to_30k_samples(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    floor = _floor(lorenz, lorenz_scales, 5, (1_000, 30_000))
    assert np.median(floor[1_000]) > 10 * np.median(floor[30_000])


def test_a_time_shuffled_truth_lies_within_the_floor(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(10, 10_000, seed=1)
    truth, other = states[:5], states[5:]
    whole = np.full(5, 10_000)
    floor = AttractorDivergence().score(Answer(other[:, None], whole), truth, lorenz_scales)
    order = np.random.default_rng(0).permutation(10_000)
    shuffled = AttractorDivergence().score(Answer(other[:, None, order], whole), truth, lorenz_scales)
    assert shuffled.tolist() == floor.tolist()  # occupation of cells knows no order
    noise = np.random.default_rng(1).normal(size=(5, 1, 10_000, 3)) * truth.std(axis=1)[:, None, None] + truth.mean(axis=1)[:, None, None]
    assert AttractorDivergence().score(Answer(noise, whole), truth, lorenz_scales).min() > 3 * floor.max()


@pytest.mark.slow
def test_the_floor_table_of_the_guide_holds(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    floor = _floor(lorenz, lorenz_scales, 20, (1_000, 3_000, 10_000, 30_000))
    medians = [float(np.median(floor[length])) for length in floor]
    assert medians[0] > 10 * medians[-1]
    assert sorted(medians, reverse=True) == medians
    # The guide's medians are of other trajectories. A median of 20 values scatters by 1.25 / sqrt(20) of their standard deviation: up to 26 % here
    # (at 10 000 samples, 10-90 % from 0.36 to 1.9), and two independent medians differ by 1.4 times that.
    assert medians == pytest.approx([5.72, 2.00, 0.664, 0.186], rel=0.4)
