from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_divergence_gmm import CompatDivergenceGmm


def _scales(deviation: list[float]) -> Scales:
    return Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.array(deviation))


def _score(run: np.ndarray, truth: np.ndarray, argument: float | None = None, deviation: float = 1.0) -> float:
    scales = _scales([deviation] * truth.shape[1])
    return float(CompatDivergenceGmm(argument).score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def test_two_states_at_rest_score_the_divergence_of_two_gaussians() -> None:
    # KL of Gaussians of variance s2 with means a distance d apart: d^2 / (2 s2); 1 000 draws give it a standard error of d / sqrt(1 000 s2)
    truth, run = np.zeros((20, 2)), np.full((20, 2), [0.6, 0.8])
    assert _score(run, truth) == pytest.approx(0.5, abs=4 / np.sqrt(1_000))
    assert _score(run, truth, 0.25) == pytest.approx(2.0, abs=4 * 2 / np.sqrt(1_000))
    assert _score(truth, truth) == 0.0


def test_units_and_the_order_of_samples_do_not_matter() -> None:
    run, truth = np.random.default_rng(0).normal(size=(2, 300, 2))
    value = _score(run, truth)
    assert _score(5 * run, 5 * truth, deviation=5.0) == pytest.approx(value, rel=1e-10)
    assert _score(run[::-1], truth) == pytest.approx(value, rel=1e-10)


def test_draws_where_a_density_vanishes_are_left_out_as_published() -> None:
    # Half of the run's samples are where the truth is, the other half far away: the truth's far half is invisible. ln 2 is the share that is gone.
    truth = np.concatenate([np.zeros((50, 1)), np.full((50, 1), 1e4)])
    assert _score(np.zeros((100, 1)), truth) == pytest.approx(-np.log(2.0), rel=1e-6)  # negative: the hole does not cost, the rest looks better
    assert _score(np.full((100, 1), -1e6), truth) == 1000.0  # nothing left


def test_a_failed_run_scores_a_thousand() -> None:
    truth = np.zeros((1, 30, 2))
    assert CompatDivergenceGmm().score(Answer(truth[:, None], np.array([29])), truth, _scales([1.0, 1.0])).tolist() == [1000.0]


def test_a_variance_of_one_sees_nothing_in_lorenz63_and_a_small_one_does(lorenz: Callable[..., np.ndarray]) -> None:
    # 2 000 states far apart in time: truth -0.001, Gaussian noise of the same covariance 0.027, constant 0.61; with 0.02: 0.08, 1.20, 69.5, measured
    # before on other orbits
    states = lorenz(40, 5_000, seed=7)[:, ::50]
    states = (states - states.mean(axis=(0, 1))) / states.std(axis=(0, 1))
    truth, other = states[:20].reshape(-1, 3), states[20:].reshape(-1, 3)
    noise = np.random.default_rng(0).normal(size=truth.shape) @ np.linalg.cholesky(np.cov(truth.T)).T
    wide = [_score(run, truth) for run in (other, noise, np.zeros_like(truth))]
    assert wide == pytest.approx([0.0, 0.027, 0.61], abs=0.03)
    narrow = [_score(run, truth, 0.02) for run in (other, noise, np.zeros_like(truth))]
    assert narrow[:2] == pytest.approx([0.08, 1.20], abs=0.12)
    assert narrow[2] == pytest.approx(69.5, rel=0.08)


def test_a_variance_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="variance: a number of variances of the data, positive"):
        CompatDivergenceGmm(0.0)
