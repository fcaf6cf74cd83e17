from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.autocorrelation_error import AutocorrelationError
from chaosbench.metrics.base import Answer, Scales

SCALES = Scales(dt=1.0, period=4.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, argument: float | None = None, scales: Scales = SCALES) -> float:
    return float(AutocorrelationError(argument).score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def test_four_samples_score_what_is_worked_by_hand() -> None:
    # truth 1 -1 1 -1: C(1) = -3/4, C(2) = 2/4. run 1 1 -1 -1: C(1) = (1 - 1 + 1) / 4 = 1/4, C(2) = (-1 - 1) / 4 = -2/4. Both have mean 0.
    truth, run = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([[1.0], [1.0], [-1.0], [-1.0]])
    assert _score(run, truth, 1.0) == pytest.approx(1.0, rel=1e-14)
    assert _score(run, truth, 2.0) == pytest.approx(np.sqrt((1.0 + 1.0) / 2), rel=1e-14)
    assert _score(run, truth, 99.0) == _score(run, truth, 2.0)  # at most half the series


def test_lags_are_counted_in_units_of_time() -> None:
    run, truth = np.random.default_rng(0).normal(size=(2, 400, 1))
    slow = Scales(0.5, 4.0, 2.0, np.array([1.0]), np.ones(1))
    assert _score(run, truth, 3.0, slow) == pytest.approx(_score(run, truth, 12.0), rel=1e-14)  # 3 times 2.0 / 0.5 = 12 samples
    refused = Scales(0.5, 4.0, float("nan"), np.array([0.0]), np.ones(1))
    assert _score(run, truth, 3.0, refused) == pytest.approx(_score(run, truth, 24.0), rel=1e-14)


def test_shift_scale_and_reversal_do_not_matter() -> None:
    run, truth = np.cumsum(np.random.default_rng(1).normal(size=(2, 500, 1)), axis=1)
    value = _score(run, truth)
    assert _score(5.0 - 3.0 * run, truth) == pytest.approx(value, rel=1e-9)
    assert _score(run[::-1], truth) == pytest.approx(value, rel=1e-9)
    assert _score(truth, truth) == 0.0


def test_white_noise_scores_the_roots_mean_square_of_the_truths_autocorrelation() -> None:
    truth = np.sin(2 * np.pi * np.arange(40_000) / 40)[:, None]
    noise = np.random.default_rng(2).normal(size=(40_000, 1))
    assert _score(noise, truth, 400.0) == pytest.approx(np.sqrt(0.5), rel=0.02)  # mean of cos^2; the noise's own is 1 / sqrt(40 000)


def test_a_component_that_stands_still_scores_two_and_components_are_averaged() -> None:
    truth = np.random.default_rng(3).normal(size=(200, 2))
    scales = Scales(1.0, 4.0, 1.0, np.array([1.0]), np.ones(2))
    still = truth.copy()
    still[:, 1] = 0.7
    assert _score(still, truth, scales=scales) == pytest.approx((0.0 + 2.0) / 2, rel=1e-14)
    assert _score(still, still, scales=scales) == 0.0


def test_a_failed_run_scores_two() -> None:
    truth = np.random.default_rng(4).normal(size=(2, 100, 1))
    assert AutocorrelationError().score(Answer(truth[:, None], np.array([100, 99])), truth, SCALES).tolist() == [0.0, 2.0]


def test_the_floor_falls_with_length_and_a_shuffled_truth_stays(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(12, 10_000, seed=3)
    floors = []
    for length in (1_000, 10_000):
        scores = AutocorrelationError().score(Answer(states[:6, None, :length], np.full(6, length)), states[6:, :length], lorenz_scales)
        floors.append(np.median(scores))
    assert floors[1] < 0.6 * floors[0]
    order = np.random.default_rng(0).permutation(10_000)
    shuffled = AutocorrelationError().score(Answer(states[6:, None, order], np.full(6, 10_000)), states[6:], lorenz_scales)
    assert shuffled.min() > 2 * floors[1]


def test_a_lag_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="longest lag: a number of units of time, positive"):
        AutocorrelationError(0.0)
