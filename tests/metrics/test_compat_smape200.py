from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_smape100 import CompatSmape100
from chaosbench.metrics.compat_smape200 import CompatSmape200

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(2))


def _score(values: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return CompatSmape200(argument).score(Answer(values[:, None], failed), truth, SCALES)


def test_every_sample_and_component_counts_its_own_percentage() -> None:
    # |3 - 1| / 4, |0 - 2| / 2, |1 + 1| / 2, 0 / 0: 200 (0.5 + 1 + 1 + 0) / 4 = 125
    values, truth = np.array([[[3.0, 0.0], [1.0, 0.0]]]), np.array([[[1.0, 2.0], [-1.0, 0.0]]])
    assert _score(values, truth) == pytest.approx([125.0], rel=1e-14)
    assert _score(values, truth, argument=0.5) == pytest.approx([150.0], rel=1e-14)  # the first sample alone


def test_the_scale_matters_in_no_way_and_the_shift_in_every_way(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    # Unrelated states, standardised: 144, and 11 with 10 added to both. A single pair of orbits of 50 units of time scatters by 10 around it: 141 and
    # 11 were measured before with one.
    states = lorenz(16, 5_000, seed=5)
    states = (states - states.mean(axis=(0, 1))) / states.std(axis=(0, 1))
    unrelated = states.reshape(-1, 3)[np.random.default_rng(0).permutation(80_000)].reshape(states.shape)
    scales = Scales(0.01, 0.75, 1.0, np.array([0.9056]), np.ones(3))
    answer, truth, whole = unrelated[:8, None], unrelated[8:], np.full(8, 5_000)
    value = CompatSmape200().score(Answer(answer, whole), truth, scales).mean()
    assert value == pytest.approx(144.3, abs=2.0)
    pairs = CompatSmape200().score(Answer(states[:8, None], whole), states[8:], scales)
    assert abs(pairs.mean() - 141.0) < 4 * pairs.std() * np.sqrt(1 / 8 + 1)
    assert CompatSmape200().score(Answer(7 * answer, whole), 7 * truth, scales).mean() == pytest.approx(value, rel=1e-12)
    assert CompatSmape200().score(Answer(answer + 10, whole), truth + 10, scales).mean() == pytest.approx(11.0, abs=0.5)
    half = CompatSmape100().score(Answer(answer, whole), truth, scales).mean()
    assert half == pytest.approx(value / 2, rel=1e-6)  # the 1e-10 in its denominator


def test_samples_at_and_after_a_failure_count_200() -> None:
    truth = np.ones((2, 4, 2))
    values = truth.copy()
    values[1, 1:] = np.nan
    assert _score(values, truth, [4, 1]).tolist() == [0.0, 150.0]
    assert _score(np.full((1, 4, 2), np.nan), truth[:1], [0]).tolist() == [200.0]


def test_a_lead_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="lead: a number of units of time, positive"):
        CompatSmape200(0.0)
    with pytest.raises(MetricError, match="lead 9: the forecasts reach"):
        _score(np.ones((1, 4, 2)), np.ones((1, 4, 2)), argument=9.0)
