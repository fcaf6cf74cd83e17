import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.nrmse import Nrmse

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int], argument: float | None = None, scales: Scales = SCALES) -> np.ndarray:
    return Nrmse(argument).score(Answer(values[:, None], np.array(failed_at)), truth, scales)


def test_the_error_is_taken_at_the_lead_alone_and_each_component_in_its_own_standard_deviation() -> None:
    truth = np.zeros((1, 6, 2))
    values = np.full((1, 6, 2), 100.0)
    values[0, 3] = [3.0, 8.0]  # one Lyapunov time = 2.0 / 0.5 = 4 samples: sample index 3
    assert _score(values, truth, [6]) == pytest.approx([np.sqrt((3.0**2 + 4.0**2) / 2)], rel=1e-15)


def test_a_refused_lyapunov_time_is_replaced_by_the_dominant_period() -> None:
    scales = Scales(0.5, 4.0, float("nan"), np.array([0.0]), np.array([1.0, 2.0]))
    values = np.zeros((1, 9, 2))
    values[0, 7] = [1.0, 2.0]  # one period = 8 samples: index 7
    assert _score(values, np.zeros((1, 9, 2)), [9], scales=scales) == pytest.approx([1.0])


def test_errors_above_ten_count_as_ten_and_so_does_a_window_that_failed_at_or_before_the_lead() -> None:
    truth = np.zeros((4, 6, 2))
    values = np.zeros((4, 6, 2))
    values[0] = 1e6
    values[1, 3:] = np.nan
    values[2, 4:] = np.nan
    assert _score(values, truth, [6, 3, 4, 6]).tolist() == [10.0, 10.0, 0.0, 0.0]


def test_samples_of_an_ensemble_are_averaged_before_the_error() -> None:
    ensemble = np.stack([np.full((1, 4, 2), 1.0), np.full((1, 4, 2), 3.0)], axis=1)
    answer = Answer(ensemble, np.array([4]))
    assert Nrmse(1.0).score(answer, np.full((1, 4, 2), 2.0), SCALES) == pytest.approx([0.0])


def test_the_mean_scores_one_and_an_unrelated_state_scores_the_root_of_two() -> None:
    draws = np.random.default_rng(0).normal(size=(2, 20_000, 1, 3))
    scales = Scales(1.0, 1.0, 1.0, np.array([1.0]), np.ones(3))
    assert np.mean(_score(np.zeros_like(draws[0]), draws[0], [1] * 20_000, scales=scales) ** 2) == pytest.approx(1.0, rel=0.02)
    assert np.mean(_score(draws[1], draws[0], [1] * 20_000, scales=scales) ** 2) == pytest.approx(2.0, rel=0.02)


def test_a_lead_beyond_the_horizon_or_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match=r"lead 2: the forecasts reach 1\.5 units of time"):
        _score(np.zeros((1, 6, 2)), np.zeros((1, 6, 2)), [6], argument=2.0)
    with pytest.raises(MetricError, match="positive number of Lyapunov times"):
        Nrmse(-1.0)
