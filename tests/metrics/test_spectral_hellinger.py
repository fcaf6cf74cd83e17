from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.spectral_hellinger import SpectralHellinger

SCALES = Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, scales: Scales = SCALES) -> float:
    return float(SpectralHellinger().score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def _wave(period: float, samples: int = 4_000) -> np.ndarray:
    return np.sin(2 * np.pi * 0.1 * np.arange(samples) / period)[:, None]


def test_the_same_spectrum_scores_zero_whatever_phase_and_amplitude() -> None:
    # 1 - sum(p) is not exactly 0 in floating point: sqrt(1e-15) = 3e-8. A segment of 20 periods of 2.0 holds the wave exactly.
    assert _score(_wave(2.0), _wave(2.0)) < 1e-6
    assert _score(-3.0 * _wave(2.0), _wave(2.0)) < 1e-6


def test_two_separate_lines_have_nothing_in_common() -> None:
    # The lines lie 10 resolution cells apart; what is left in common are the side lobes of a Hann window.
    assert _score(_wave(1.0), _wave(2.0)) > 0.99


def test_a_mixture_of_half_the_truths_line_scores_the_hellinger_distance_of_the_mixture() -> None:
    # q = (line A + line B) / 2 in power against p = line A: sum sqrt(p q) = sqrt(1/2), H = sqrt(1 - 0.7071) = 0.5412
    mixture = _wave(2.0) + _wave(1.0)
    assert _score(mixture, _wave(2.0)) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)), abs=0.005)


def test_a_shifted_mean_is_visible_and_a_constant_shares_nothing() -> None:
    assert _score(_wave(2.0) + 1.0, _wave(2.0)) > 0.3
    assert _score(np.full((4_000, 1), 2.0), _wave(2.0)) > 0.99
    assert _score(np.zeros((4_000, 1)), _wave(2.0)) == 1.0


def test_the_resolution_does_not_depend_on_the_sampling_interval() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 400_000))
    smooth = np.array([np.convolve(series, np.hanning(40), mode="valid") for series in noise])[..., None]
    fine = _score(smooth[0], smooth[1], SCALES)
    coarse = _score(smooth[0][::2], smooth[1][::2], Scales(0.2, 2.0, 1.0, np.array([1.0]), np.ones(1)))
    assert coarse == pytest.approx(fine, rel=0.15)  # both are floors of about 1 000 segments of 40 time units: a few per cent of scatter


def test_a_failed_run_scores_one_and_leaves_the_others_alone() -> None:
    truth = np.stack([_wave(2.0), _wave(2.0)])
    run = truth[:, None].copy()
    run[1, 0, 3_999:] = np.nan
    scores = SpectralHellinger().score(Answer(run, np.array([4_000, 3_999])), truth, SCALES)
    assert scores[0] < 1e-6
    assert scores[1] == 1.0


def test_a_time_shuffled_truth_is_far_away_although_it_fills_the_same_cells(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(6, 10_000, seed=1)
    truth, other = states[:3], states[3:]
    whole = np.full(3, 10_000)
    floor = SpectralHellinger().score(Answer(other[:, None], whole), truth, lorenz_scales)
    order = np.random.default_rng(0).permutation(10_000)
    shuffled = SpectralHellinger().score(Answer(truth[:, None, order], whole), truth, lorenz_scales)
    assert shuffled.min() > 0.8
    assert floor.max() < 0.25
