from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.log_spectrum_distance import LogSpectrumDistance

SCALES = Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, scales: Scales = SCALES) -> float:
    return float(LogSpectrumDistance().score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def _wave(period: float, samples: int = 4_000) -> np.ndarray:
    return np.sin(2 * np.pi * 0.1 * np.arange(samples) / period)[:, None]


def test_a_wrong_amplitude_scores_the_logarithm_of_its_square() -> None:
    truth = np.random.default_rng(0).normal(size=(4_000, 1))
    assert _score(np.sqrt(np.e) * truth, truth) == pytest.approx(1.0, rel=1e-12)
    assert _score(0.5 * truth, truth) == pytest.approx(np.log(4.0), rel=1e-12)


def test_only_the_frequencies_that_hold_the_power_count() -> None:
    # 400 samples a segment hold 20 waves of period 2 and 40 of period 1 exactly.
    # A Hann window gives each line three bins: 1/6, 2/3 and 1/6 of its power.
    truth, run = _wave(2.0) + 0.5 * _wave(1.0), 2.0 * _wave(2.0) + 0.5 * _wave(1.0)
    assert _score(run, truth) == pytest.approx(np.log(4.0) / np.sqrt(2.0), rel=1e-3)  # half of six bins with ln 4
    assert _score(_wave(2.0) + 0.02 * _wave(1.0), _wave(2.0)) < 1e-3  # the truth has nothing there


def test_shifts_and_order_of_components_do_not_matter_and_scales_are_the_trainings() -> None:
    stream = np.random.default_rng(1)
    run, truth = np.cumsum(stream.normal(size=(2, 4_000, 2)), axis=1) * 0.01 + stream.normal(size=(2, 4_000, 2))
    scales = Scales(0.1, 2.0, 1.0, np.array([1.0]), np.ones(2))
    value = _score(run, truth, scales)
    assert _score(run + 5.0, truth - 3.0, scales) == pytest.approx(value, rel=1e-9)
    assert _score(run[:, ::-1], truth[:, ::-1], scales) == pytest.approx(value, rel=1e-12)
    assert _score(4 * run, 4 * truth, Scales(0.1, 2.0, 1.0, np.array([1.0]), np.full(2, 4.0))) == pytest.approx(value, rel=1e-12)


def test_two_components_are_averaged() -> None:
    truth = np.random.default_rng(2).normal(size=(2_000, 2))
    scales = Scales(0.1, 2.0, 1.0, np.array([1.0]), np.ones(2))
    assert _score(truth * [1.0, np.e], truth, scales) == pytest.approx((0.0 + 2.0) / 2, rel=1e-12)


def test_a_constant_and_a_failed_run_score_ten() -> None:
    truth = np.random.default_rng(3).normal(size=(2, 1_000, 1))
    values = truth[:, None].copy()
    values[0] = 0.3
    scores = LogSpectrumDistance().score(Answer(values, np.array([1_000, 999])), truth, SCALES)
    assert scores.tolist() == [10.0, 10.0]


def test_the_floor_falls_as_one_over_the_root_of_the_length(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(12, 30_000, seed=3)
    floors = []
    for length in (7_500, 30_000):
        scores = LogSpectrumDistance().score(Answer(states[:6, None, :length], np.full(6, length)), states[6:, :length], lorenz_scales)
        floors.append(np.median(scores))
    assert floors[1] == pytest.approx(floors[0] / 2, rel=0.25)  # four times as long; six pairs


def test_noise_of_the_right_variance_is_far_away(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(2, 10_000, seed=1)
    noise = np.random.default_rng(0).normal(size=(1, 1, 10_000, 3)) * lorenz_scales.standard_deviation
    assert LogSpectrumDistance().score(Answer(noise, np.array([10_000])), states[:1], lorenz_scales)[0] > 1.5


def test_an_argument_is_misuse() -> None:
    with pytest.raises(MetricError, match="takes no argument"):
        LogSpectrumDistance(1.0)
