from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.maximum_mean_discrepancy import WIDTHS, MaximumMeanDiscrepancy

# A period of one sample: only a sample with itself is left out.
SCALES = Scales(dt=1.0, period=1.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, scales: Scales = SCALES) -> float:
    return float(MaximumMeanDiscrepancy().score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def _kernel(squared: float) -> float:
    return float(np.mean([a * a / (a * a + squared) for a in WIDTHS]))


def test_three_states_each_score_the_unbiased_estimate_worked_by_hand() -> None:
    truth, run = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [0.0], [2.0]])
    # squared distances of the truth 1, 4, 9, median 4: the unit. Of the run 0, 4, 4. Between them, run 0 twice: 0, 1, 9; run 2: 4, 1, 1.
    within = (_kernel(1 / 4) + _kernel(1.0) + _kernel(9 / 4)) / 3
    own = (_kernel(0.0) + 2 * _kernel(1.0)) / 3
    across = (2 * (_kernel(0.0) + _kernel(1 / 4) + _kernel(9 / 4)) + _kernel(1.0) + 2 * _kernel(1 / 4)) / 9
    assert _score(run, truth) == pytest.approx(within + own - 2 * across, rel=1e-13)


def test_pairs_closer_than_a_period_are_left_out() -> None:
    # period 2 samples, 8 samples: pairs at least 2 apart count. Neighbours that are equal would lift the mean of k otherwise.
    truth = np.repeat(np.arange(4.0), 2)[:, None]
    number = np.arange(8)
    kept = np.abs(number[:, None] - number) >= 2
    squared = (truth - truth.T) ** 2
    unit = np.median(squared[kept])
    k = np.vectorize(_kernel)(squared / unit)
    scales = Scales(1.0, 2.0, 1.0, np.array([1.0]), np.ones(1))
    assert _score(truth[::-1], truth, scales) == pytest.approx(2 * k[kept].mean() - 2 * k.mean(), rel=1e-12)


def test_units_shifts_and_rotations_do_not_matter() -> None:
    stream = np.random.default_rng(0)
    run, truth = stream.normal(size=(200, 2)), stream.normal(size=(200, 2)) * 1.4
    scales = Scales(1.0, 1.0, 1.0, np.array([1.0]), np.ones(2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    value = _score(run, truth, scales)
    assert _score(run @ turn + 5.0, truth @ turn + 5.0, scales) == pytest.approx(value, rel=1e-9)
    assert _score(3 * run, 3 * truth, Scales(1.0, 1.0, 1.0, np.array([1.0]), np.full(2, 3.0))) == pytest.approx(value, rel=1e-12)
    assert _score(run[::-1], truth, scales) == pytest.approx(value, rel=1e-12)


def test_independent_draws_of_one_law_score_zero_on_average_and_another_law_more() -> None:
    stream = np.random.default_rng(1)
    same = [_score(*stream.normal(size=(2, 100, 1))) for _ in range(200)]
    error = np.std(same) / np.sqrt(len(same))
    assert abs(np.mean(same)) < 4 * error  # unbiased
    assert _score(stream.normal(size=(1_000, 1)) + 1.0, stream.normal(size=(1_000, 1))) > 10 * np.std(same)


def test_failed_runs_score_two_and_a_constant_less() -> None:
    truth = np.random.default_rng(2).normal(size=(3, 60, 1))
    values = truth[:, None].copy()
    values[0] = 1e9
    values[1] = 0.0
    scores = MaximumMeanDiscrepancy().score(Answer(values, np.array([60, 60, 3])), truth, SCALES)
    assert 1.0 < scores[0] < 2.0  # a point at infinity: 1 + mean k(truth)
    assert 0.2 < scores[1] < 1.0
    assert scores[2] == 2.0


def test_long_series_are_thinned_to_a_thousand_states(monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.random.default_rng(3).normal(size=(2, 4_500, 1))
    assert _score(states[0], states[1]) == _score(states[0][::5], states[1][::5])


def test_the_floor_falls_with_length(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(12, 10_000, seed=3)
    scatter = []
    for length in (1_000, 10_000):
        scores = MaximumMeanDiscrepancy().score(Answer(states[:6, None, :length], np.full(6, length)), states[6:, :length], lorenz_scales)
        scatter.append(np.sqrt(np.mean(scores**2)))
    assert scatter[1] < 0.6 * scatter[0]


def test_an_argument_is_misuse() -> None:
    with pytest.raises(MetricError, match="takes no argument"):
        MaximumMeanDiscrepancy(1.0)
