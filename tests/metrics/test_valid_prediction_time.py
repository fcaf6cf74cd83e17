from dataclasses import replace

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.valid_prediction_time import ValidPredictionTime

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]))
TRUTH = np.zeros((1, 8, 2))


def _score(errors: list[float], failed_at: int = 8, argument: float | None = None, scales: Scales = SCALES) -> float:
    """Score one window whose normalised error at each of 8 leads is `errors`: both components are off by that many standard deviations."""
    values = np.array(errors)[None, :, None] * scales.standard_deviation
    return float(ValidPredictionTime(argument).score(Answer(values[:, None], np.array([failed_at])), TRUTH, scales)[0])


def test_the_score_is_the_lead_of_the_last_sample_before_the_first_wrong_one() -> None:
    # samples 1, 2, 3 are right (0.4 is not above 0.4), sample 4 is wrong; 3 * 0.5 / 2.0 = 0.75 Lyapunov times
    assert _score([0.1, 0.4, 0.2, 0.41, 0.0, 0.0, 0.0, 0.0]) == 0.75


def test_a_forecast_that_comes_back_later_gains_nothing_and_one_wrong_at_once_scores_zero() -> None:
    assert _score([1.0] + [0.0] * 7) == 0.0


def test_the_threshold_is_the_argument() -> None:
    errors = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert _score(errors, argument=0.25) == 2 * 0.5 / 2.0
    assert _score(errors, argument=0.65) == 6 * 0.5 / 2.0


def test_components_are_averaged_in_the_square_before_the_threshold() -> None:
    # one component off by 0.5 standard deviations, one exact: sqrt(0.25 / 2) = 0.354 <= 0.4, and 0.6: sqrt(0.36 / 2) = 0.424 > 0.4
    values = np.zeros((2, 8, 2))
    values[0, :, 1], values[1, :, 1] = 0.5 * 2.0, 0.6 * 2.0
    scores = ValidPredictionTime().score(Answer(values[:, None], np.array([8, 8])), np.zeros((2, 8, 2)), SCALES)
    assert scores.tolist() == [2.0, 0.0]


def test_a_failed_window_keeps_the_time_it_reached() -> None:
    errors = [0.1] * 5 + [float("nan")] * 3
    assert _score(errors, failed_at=5) == 5 * 0.5 / 2.0
    assert _score([0.1] * 8, failed_at=5) == 5 * 0.5 / 2.0


def test_the_dominant_period_is_the_unit_when_the_lyapunov_time_is_refused() -> None:
    assert _score([0.1] * 4 + [1.0] * 4, scales=replace(SCALES, lyapunov_time=float("nan"))) == 4 * 0.5 / 4.0


def test_the_trust_horizon_caps_the_score_and_both_caps_are_marked_as_censored() -> None:
    metric = ValidPredictionTime()
    errors = np.zeros((4, 8))
    errors[2, 3:] = errors[3, 1:] = 1.0
    values = errors[:, None, :, None] * SCALES.standard_deviation
    scales = replace(SCALES, trust=np.array([100.0, 3.0, 3.0, 3.0]))
    truth = np.zeros((4, 8, 2))
    scores = metric.score(Answer(values, np.full(4, 8)), truth, scales)
    assert scores.tolist() == [8 * 0.5 / 2.0, 3.0 / 2.0, 3 * 0.5 / 2.0, 1 * 0.5 / 2.0]
    assert metric.censored(scores, truth, scales).tolist() == [True, True, False, False]


def test_a_threshold_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="positive number of standard deviations"):
        ValidPredictionTime(0.0)
