import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_mase import CompatMase

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.ones(2))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return CompatMase(argument).score(Answer(values[:, None], failed), truth, SCALES)


TRUTH = np.array([[[0.0, 0.0], [1.0, 4.0], [3.0, 0.0]]])


def test_the_mean_error_is_divided_by_the_mean_step_of_all_components_together() -> None:
    # steps 1 2 and 4 4: mean 11 / 4. errors 0 0 3 and 0 0 0: mean 1 / 2.
    values = TRUTH.copy()
    values[0, 2, 0] = 6.0
    assert _score(values, TRUTH) == pytest.approx([0.5 / (11 / 4)], rel=1e-14)
    assert _score(values, TRUTH, argument=2.0) == pytest.approx([0.5 / (3 / 2)], rel=1e-14)  # over two samples: 3 and 0


def test_shift_and_scale_do_not_matter() -> None:
    run, truth = np.random.default_rng(0).normal(size=(2, 4, 20, 2))
    value = _score(run, truth)
    assert _score(7 * run + 3, 7 * truth + 3) == pytest.approx(value, rel=1e-12)


def test_sampling_the_same_forecast_ten_times_as_finely_multiplies_the_score_by_ten() -> None:
    def both(samples: int) -> tuple[np.ndarray, np.ndarray]:
        t = np.arange(samples) * 20.0 / samples
        return np.stack([np.sin(t), np.cos(t)], axis=1)[None], np.stack([np.cos(t), np.sin(t)], axis=1)[None]

    assert _score(*both(10_000)) == pytest.approx(10 * _score(*both(1_000)), rel=0.01)


def test_failed_windows_score_a_thousand_and_so_does_an_error_on_a_truth_at_rest() -> None:
    truth = np.concatenate([TRUTH, TRUTH, np.ones((2, 3, 2))])
    values = truth.copy()
    values[3] += 1.0
    assert _score(values, truth, [3, 2, 3, 3]).tolist() == [0.0, 1000.0, 0.0, 1000.0]


def test_a_season_as_long_as_the_window_or_not_whole_is_misuse() -> None:
    with pytest.raises(MetricError, match="season of 3 samples: the forecasts have 3"):
        _score(TRUTH, TRUTH, argument=3.0)
    with pytest.raises(MetricError, match="season: a number of samples, whole and at least 1"):
        CompatMase(0.5)
