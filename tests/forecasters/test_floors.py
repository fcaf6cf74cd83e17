"""Seasonal naive, context parroting and the Hopfield memory: their answers on periodic series and separated patterns are known exactly."""

from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Forecaster, Training
from chaosbench.forecasters.context_parroting import ContextParroting
from chaosbench.forecasters.hopfield import Hopfield, _Memory
from chaosbench.forecasters.persistence import Persistence
from chaosbench.forecasters.seasonal_naive import SeasonalNaive


def circle(steps: np.ndarray) -> np.ndarray:
    """Return 12 points on a circle, visited in turn for ever, (T, 2): equal phases give equal bits."""
    phase = 2 * np.pi * (steps % 12) / 12
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def fitted(forecaster: Forecaster, states: list[np.ndarray]) -> Forecaster:
    forecaster.fit(Training(states, dt=1.0), seed=0)
    return forecaster


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_season_is_the_period_and_comes_again_exactly(pieces: int) -> None:
    series = [circle(np.arange(start, start + 120)) for start in range(pieces)]
    forecast = fitted(SeasonalNaive(), series).forecast(circle(np.arange(100, 130))[None], 200)
    np.testing.assert_array_equal(forecast[0, 0], circle(np.arange(130, 330)))


def test_a_context_shorter_than_the_season_is_repeated_whole() -> None:
    context = circle(np.arange(5))
    forecast = fitted(SeasonalNaive(), [circle(np.arange(120))]).forecast(context[None], 12)
    np.testing.assert_array_equal(forecast[0, 0], context[np.arange(12) % 5])


def test_without_a_season_the_last_state_stays() -> None:
    for series in (np.ones((50, 2)), np.linspace(0, 1, 4)[:, None].repeat(2, 1), np.zeros((1, 2))):
        context = np.random.default_rng(0).normal(size=(3, 9, 2))
        np.testing.assert_array_equal(fitted(SeasonalNaive(), [series]).forecast(context, 7), Persistence().forecast(context, 7))


@pytest.mark.parametrize("motif", [1, 2, 5])
def test_a_periodic_context_is_parroted_exactly(motif: int) -> None:
    forecast = ContextParroting(motif=motif).forecast(circle(np.arange(40))[None], 100)
    np.testing.assert_array_equal(forecast[0, 0], circle(np.arange(40, 140)))


def test_the_nearest_motif_is_followed_and_then_the_forecast_itself() -> None:
    context = np.array([1.0, 5.0, 7.0, 2.0, 9.0, 1.1, 5.0])[None, :, None]
    # (1.1, 5) is like (1, 5), which 7, 2, 9, 1.1, 5 followed: five samples that come again and again
    np.testing.assert_array_equal(ContextParroting(motif=2).forecast(context, 7)[0, 0, :, 0], [7.0, 2.0, 9.0, 1.1, 5.0, 7.0, 2.0])


def test_a_finely_sampled_flow_does_not_stand_still() -> None:
    steps = np.arange(400)
    growth = np.exp(0.003 * (steps - 300))[:, None]  # a turn of 97 samples ago is 0.25 away, the sample before 0.065
    series = growth * np.stack([np.sin(2 * np.pi * steps / 97), np.cos(2 * np.pi * steps / 97)], axis=1)
    forecast = ContextParroting().forecast(series[None, :300], 60)[0, 0]
    np.testing.assert_array_equal(forecast, series[203:263])
    stuck = ContextParroting(gap=1).forecast(series[None, :300], 60)[0, 0]
    assert np.abs(stuck - series[299]).max() == 0


@pytest.mark.parametrize("make", [lambda: ContextParroting(motif=0), lambda: ContextParroting(gap=0), lambda: Hopfield(patterns=0)])
def test_an_option_that_is_not_positive_is_refused(make: Callable[[], Forecaster]) -> None:
    with pytest.raises(ForecasterError, match="must be a positive integer"):
        make()


PATTERNS = 8.0 * np.linalg.qr(np.random.default_rng(3).normal(size=(20, 20)))[0]  # orthogonal, 11.3 apart


def test_separated_patterns_are_retrieved_in_one_update() -> None:
    memory = _Memory(PATTERNS, 1.0)
    disturbed = PATTERNS + 0.3 * np.random.default_rng(4).normal(size=PATTERNS.shape)
    # another pattern is exp(-(11.3^2 - 2 * 11.3 * 1.3) / 2) < 1e-20 as likely as the right one
    assert np.abs(memory.retrieved(disturbed) - PATTERNS).max() < 1e-8


def test_no_update_raises_the_energy() -> None:
    random = np.random.default_rng(5)
    for beta in (0.01, 0.3, 10.0):
        memory = _Memory(random.normal(size=(50, 6)), beta)
        points = 2.0 * random.normal(size=(40, 6))
        for _ in range(20):
            before = memory.energy(points)
            points = memory.retrieved(points)
            assert (memory.energy(points) <= before + 1e-12 * (1.0 + np.abs(before))).all()


def test_the_energy_is_that_of_a_sum_of_gaussians() -> None:
    random = np.random.default_rng(6)
    patterns, points = random.normal(size=(30, 4)), random.normal(size=(5, 4))
    distances = np.sum((points[:, None] - patterns) ** 2, axis=2)
    expected = -np.log(np.exp(-0.5 * 0.7 * distances).sum(axis=1)) / 0.7
    np.testing.assert_allclose(_Memory(patterns, 0.7).energy(points), expected, rtol=1e-12)


def test_a_sharp_memory_repeats_what_it_has_seen() -> None:
    forecaster = fitted(Hopfield(beta=1e4), [circle(np.arange(60))])
    np.testing.assert_allclose(forecaster.forecast(circle(np.arange(3, 10))[None], 50)[0, 0], circle(np.arange(10, 60)), atol=1e-9)
    chosen = fitted(Hopfield(), [circle(np.arange(60))])
    np.testing.assert_allclose(chosen.forecast(circle(np.arange(3, 10))[None], 12)[0, 0], circle(np.arange(10, 22)), atol=0.05)


def test_a_blunt_memory_takes_the_mean_step() -> None:
    series = np.cumsum(np.random.default_rng(7).normal(size=(80, 2)), axis=0)
    forecast = fitted(Hopfield(beta=1e-12), [series]).forecast(series[None, :5], 1)[0, 0, 0]
    np.testing.assert_allclose(forecast, series[4] + np.diff(series, axis=0).mean(axis=0), rtol=1e-6)
