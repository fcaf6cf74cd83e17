import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_ctf_short import CompatCtfShort

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.ones(2))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return CompatCtfShort(argument).score(Answer(values[:, None], failed), truth, SCALES)


def test_the_norm_is_the_largest_singular_value() -> None:
    # truth diag(4, 3), error diag(1, 1): singular values 4 and 1; with Frobenius norms it would be sqrt 2 / 5 = 0.283
    truth, error = np.array([[[4.0, 0.0], [0.0, 3.0]]]), np.array([[[1.0, 0.0], [0.0, 1.0]]])
    assert _score(truth + error, truth) == pytest.approx([75.0], rel=1e-14)
    # the first sample alone: both matrices have one row
    assert _score(truth + error, truth, argument=1.0) == pytest.approx([75.0], rel=1e-14)


def test_an_error_in_another_direction_is_free_as_published() -> None:
    truth = np.array([[[4.0, 0.0], [0.0, 3.0]]])
    one, two = np.diag([1.0, 0.0])[None], np.diag([1.0, 1.0])[None]
    assert _score(truth + one, truth) == pytest.approx(_score(truth + two, truth), rel=1e-14)


def test_zeros_score_nothing_and_the_truth_a_hundred_and_scale_does_not_matter_but_shift_does() -> None:
    run, truth = np.random.default_rng(0).normal(size=(2, 3, 20, 2))
    assert _score(0 * truth, truth) == pytest.approx([0.0] * 3, abs=1e-12)
    assert _score(truth, truth).tolist() == [100.0] * 3
    assert _score(3 * run, 3 * truth) == pytest.approx(_score(run, truth), rel=1e-10)
    # on data far from zero the constant mean looks skilful: finding on raw Lorenz-63 in the metric's documentation
    far = truth + 10.0
    assert (_score(np.broadcast_to(far.mean(axis=1, keepdims=True), far.shape), far) > 80.0).all()


def test_bad_and_failed_windows_score_minus_a_hundred() -> None:
    truth = np.ones((4, 6, 2))
    values = truth.copy()
    values[1] = 1e6
    assert _score(values, truth, [6, 6, 5, 6]).tolist() == [100.0, -100.0, -100.0, 100.0]
    assert _score(values, truth, [6, 6, 5, 6], argument=5.0).tolist() == [100.0, -100.0, 100.0, 100.0]
    assert _score(np.ones((1, 6, 2)), np.zeros((1, 6, 2))).tolist() == [-100.0]


def test_more_samples_than_there_are_is_misuse() -> None:
    with pytest.raises(MetricError, match="@7: the forecasts have 6 samples"):
        _score(np.ones((1, 6, 2)), np.ones((1, 6, 2)), argument=7.0)
    with pytest.raises(MetricError, match="length: a number of samples, whole and at least 1"):
        CompatCtfShort(0.0)
