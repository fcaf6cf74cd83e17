import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_smape100 import CompatSmape100

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(2))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return CompatSmape100(argument).score(Answer(values[:, None], failed), truth, SCALES)


def test_every_sample_and_component_counts_its_own_percentage() -> None:
    # |3 - 1| / 4, |0 - 2| / 2, |1 + 1| / 2, 0 / 1e-10: 100 (0.5 + 1 + 1 + 0) / 4 = 62.5
    values, truth = np.array([[[3.0, 0.0], [1.0, 0.0]]]), np.array([[[1.0, 2.0], [-1.0, 0.0]]])
    assert _score(values, truth) == pytest.approx([62.5], rel=1e-9)
    assert _score(values, truth, argument=0.5) == pytest.approx([75.0], rel=1e-9)


def test_samples_at_and_after_a_failure_count_100() -> None:
    truth = np.ones((2, 4, 2))
    values = truth.copy()
    values[1, 1:] = np.nan
    assert _score(values, truth, [4, 1]).tolist() == [0.0, 75.0]
    assert _score(np.full((1, 4, 2), np.nan), truth[:1], [0]).tolist() == [100.0]


def test_a_lead_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="lead: a number of units of time, positive"):
        CompatSmape100(-1.0)
