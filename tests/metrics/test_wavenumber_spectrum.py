"""Power by wavenumber: distances of sums of cosines worked by hand, shells of a plane, axes without a wrap, and the refusal without space."""

import numpy as np
import pytest

from chaosbench.errors import MetricError, TaskError
from chaosbench.geometry import Geometry
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.wavenumber_spectrum import WavenumberSpectrum, _power, _shells
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare

N = 32
CHAIN = Geometry(1, (N,))


def scales(geometry: Geometry | None, size: int) -> Scales:
    return Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(size), geometry=geometry)


def score(run: np.ndarray, truth: np.ndarray, geometry: Geometry = CHAIN) -> float:
    answer = Answer(run[None, None], np.array([len(run)]))
    return float(WavenumberSpectrum().score(answer, truth[None], scales(geometry, truth.shape[1]))[0])


def wave(number: int, samples: int = 40, speed: float = 0.7) -> np.ndarray:
    """Return (T, N): a cosine of `number` waves that travels."""
    return np.cos(2 * np.pi * number * np.arange(N) / N - speed * np.arange(samples)[:, None])


def test_all_shells_together_are_the_mean_square() -> None:
    states = np.random.default_rng(0).normal(size=(7, 2 * 12 * 8))
    for periodic in (True, False):
        geometry = Geometry(2, (12, 8), periodic)
        power = _power(states, geometry, _shells(geometry))
        np.testing.assert_allclose(power.sum(axis=1), (states.reshape(7, 2, -1) ** 2).mean(axis=(0, 2)), rtol=1e-13)


def test_two_cosines_score_the_mean_of_their_log_ratios() -> None:
    # amplitudes 1 and 0.5 of 2 and 5 waves; the run doubles the first and keeps the second: ln 4 and 0, root mean square ln 4 / sqrt 2
    truth, run = wave(2) + 0.5 * wave(5), 2.0 * wave(2, speed=0.3) + 0.5 * wave(5, speed=0.1)
    assert score(run, truth) == pytest.approx(np.log(4.0) / np.sqrt(2.0), rel=1e-10)
    # a third wave with a thousandth of 99.9 % of the power does not count, one with a hundredth does
    assert score(wave(2) + 0.02 * wave(7), wave(2) + 0.03 * wave(7)) == pytest.approx(0.0, abs=1e-10)
    assert score(wave(2) + 0.05 * wave(7), wave(2) + 0.1 * wave(7)) == pytest.approx(np.log(4.0) / np.sqrt(2.0), rel=1e-10)


def test_a_missing_wave_and_a_constant_count_as_ten() -> None:
    truth = wave(2) + wave(5)
    assert score(wave(2), truth) == pytest.approx(10.0 / np.sqrt(2.0), rel=1e-10)
    assert score(np.full_like(truth, 0.3), truth) == 10.0


def test_phases_places_and_time_do_not_matter() -> None:
    truth = np.random.default_rng(1).normal(size=(50, N))
    assert score(np.roll(truth, 5, axis=1)[::-1], truth) == pytest.approx(0.0, abs=1e-12)
    assert score(truth * np.sqrt(np.e), truth) == pytest.approx(1.0, rel=1e-12)


def test_fields_are_scored_apart_and_averaged() -> None:
    truth = np.concatenate([wave(1), wave(3)], axis=1)
    run = np.concatenate([wave(1), np.e * wave(3)], axis=1)
    assert score(run, truth, Geometry(2, (N,))) == pytest.approx((0.0 + 2.0) / 2, abs=1e-10)


def test_shells_of_a_plane_count_waves_in_the_longest_side() -> None:
    shells = _shells(Geometry(1, (4, 8)))
    assert shells[0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert shells[:, 0].tolist() == [0, 2, 4, 2]  # one wave in the short side is two in the length of the long one
    assert shells[1, 1] == round(np.sqrt(5.0))


def test_a_chain_with_ends_is_spread_over_cosines() -> None:
    geometry = Geometry(1, (N,), periodic=False)
    site = (np.arange(N) + 0.5) / N
    assert _power(np.cos(np.pi * 6 * site)[None], geometry, _shells(geometry))[0, 3] == pytest.approx(0.5, rel=1e-13)  # six half waves
    truth = np.tile(np.cos(np.pi * 6 * site), (10, 1))
    assert score(3.0 * truth, truth, geometry) == pytest.approx(np.log(9.0), rel=1e-12)


def test_a_failed_run_scores_ten_and_leaves_the_others_alone() -> None:
    truth = np.stack([wave(2), wave(3)])
    run = truth[:, None].copy()
    run[0, 0, 30:] = np.nan
    scores = WavenumberSpectrum().score(Answer(run, np.array([30, 40])), truth, scales(CHAIN, N))
    assert scores[0] == 10.0
    assert scores[1] < 1e-12


def test_components_without_places_are_refused_before_any_fit() -> None:
    truth = np.zeros((1, 40, 3))
    with pytest.raises(MetricError, match="needs components on a chain or in a plane"):
        WavenumberSpectrum().score(Answer(truth[:, None], np.array([40])), truth, scales(None, 3))
    spec = TaskSpec("henon", training_samples=200, context=5, horizon=1.0, windows=2, climate_runs=2, climate_samples=100)
    with pytest.raises(TaskError, match=r"task 'henon': metric 'wavenumber_spectrum' needs components on a chain .* leave it out of the suite"):
        prepare(spec, Suite("own", 1, 0, ("wavenumber_spectrum",), (spec,)))


def test_a_task_on_a_chain_tells_the_metric_where_its_sites_are() -> None:
    spec = TaskSpec(
        "coupled_logistic", training_samples=200, context=5, horizon=1.0, windows=2, climate_runs=2, climate_samples=400, parameters=(("N", 16.0),)
    )
    prepared = prepare(spec, Suite("own", 1, 0, ("wavenumber_spectrum",), (spec,)))
    assert prepared.final_scales().geometry == prepared.problem.geometry == Geometry(1, (16,))
    assert 0.0 < prepared.floors()["wavenumber_spectrum"][0] < 0.3  # one orbit of 300 samples against another
