from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_hellinger20 import CompatHellinger20

SCALES = Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, argument: float | None = None) -> float:
    return float(CompatHellinger20(argument).score(Answer(run[None, None], np.array([len(run)])), truth[None], SCALES)[0])


def _wave(cycles: int, samples: int = 4_000) -> np.ndarray:
    return np.sin(2 * np.pi * cycles * np.arange(samples) / samples)[:, None]


def test_two_lines_smoothed_by_gaussians_score_the_distance_of_gaussians() -> None:
    # Lines at bins 500 and 500 + n become Gaussians of width s = 20 bins, cut at 4 s; without the cut H^2 = 1 - exp(-n^2 / (8 s^2)).
    for apart in (10, 30, 60):
        bins = np.arange(-80, 81)
        line = np.exp(-(bins**2) / (2 * 20.0**2)) / np.exp(-(bins**2) / (2 * 20.0**2)).sum()
        expected = np.sqrt(1 - np.sum(np.sqrt(line[apart:] * line[:-apart])))
        assert _score(_wave(500 + apart), _wave(500)) == pytest.approx(expected, rel=1e-6)
        assert expected == pytest.approx(np.sqrt(1 - np.exp(-(apart**2) / (8 * 20.0**2))), rel=5e-3)
    assert _score(_wave(503), _wave(500), 2.0) == pytest.approx(np.sqrt(1 - np.exp(-9 / 32)), rel=2e-3)


def test_neither_mean_nor_amplitude_nor_phase_shows() -> None:
    assert _score(5.0 - 3.0 * _wave(500), _wave(500)) < 1e-6


def test_a_constant_and_a_failed_run_score_one() -> None:
    assert _score(np.full((4_000, 1), 0.3), _wave(500)) == 1.0
    truth = _wave(500)[None]
    assert CompatHellinger20().score(Answer(truth[:, None], np.array([3_999])), truth, SCALES).tolist() == [1.0]


def test_lorenz63_has_the_floor_and_white_noise_the_distance_found_before(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    # 10 000 samples: truth against truth 0.052, white noise 0.877, measured before on other orbits
    states = lorenz(16, 10_000, seed=3)
    whole = np.full(8, 10_000)
    floor = CompatHellinger20().score(Answer(states[:8, None], whole), states[8:], lorenz_scales)
    assert np.median(floor) == pytest.approx(0.052, abs=0.02)  # eight pairs between 0.02 and 0.12
    noise = np.random.default_rng(0).normal(size=(8, 1, 10_000, 3))
    assert np.median(CompatHellinger20().score(Answer(noise, whole), states[8:], lorenz_scales)) == pytest.approx(0.877, abs=0.02)


def test_a_width_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="width: a number of bins, positive"):
        CompatHellinger20(0.0)
