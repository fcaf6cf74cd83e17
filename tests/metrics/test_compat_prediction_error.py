import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_prediction_error import CompatPredictionError

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return CompatPredictionError(argument).score(Answer(values[:, None], failed), truth, SCALES)


def test_the_squared_error_of_one_sample_alone_counts() -> None:
    truth = np.zeros((1, 25, 2))
    values = np.full((1, 25, 2), 50.0)
    values[0, 19] = [3.0, 8.0]  # the twentieth sample: (3^2 + 4^2) / 2
    values[0, 2] = [1.0, 0.0]
    assert _score(values, truth) == pytest.approx([12.5], rel=1e-14)
    assert _score(values, truth, argument=3.0) == pytest.approx([0.5], rel=1e-14)


def test_windows_are_averaged_as_published() -> None:
    assert CompatPredictionError.aggregate == "mean"


def test_windows_that_failed_at_or_before_the_sample_score_a_hundred() -> None:
    truth = np.zeros((4, 6, 2))
    values = truth.copy()
    values[3] = 1e6
    assert _score(values, truth, [6, 2, 3, 6], argument=3.0).tolist() == [0.0, 100.0, 0.0, 100.0]


def test_a_sample_beyond_the_window_or_not_whole_is_misuse() -> None:
    with pytest.raises(MetricError, match="@20: the forecasts have 6 samples"):
        _score(np.zeros((1, 6, 2)), np.zeros((1, 6, 2)))
    with pytest.raises(MetricError, match="lead: a number of samples, whole and at least 1"):
        CompatPredictionError(2.5)
