"""DMD and HAVOK: exact on linear systems, and honest about what a linear map does on chaos."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.dmd import DynamicModeDecomposition
from chaosbench.forecasters.havok import HankelAlternativeView

MATRIX = np.array([[0.9, 0.3, 0.0], [-0.3, 0.9, 0.1], [0.0, 0.0, 0.7]])


def linear_run(start: list[float], samples: int) -> np.ndarray:
    states = [np.array(start)]
    for _ in range(samples - 1):
        states.append(MATRIX @ states[-1])
    return np.array(states)


def two_waves(samples: int) -> np.ndarray:
    """One component with two incommensurate frequencies."""
    t = np.arange(samples)
    return (np.sin(0.3 * t) + 0.6 * np.cos(np.sqrt(2.0) * 0.5 * t))[:, None]


def fitted(states: np.ndarray, **options: object) -> DynamicModeDecomposition:
    forecaster = DynamicModeDecomposition(**options)  # type: ignore[arg-type]
    forecaster.fit(Training([states], dt=1.0), seed=0)
    return forecaster


def test_a_linear_map_is_taken_apart_and_continued_exactly() -> None:
    forecaster = fitted(linear_run([1.0, -0.5, 2.0], 40), delays=1, rank="numerical")
    # eigenvalues of the block 0.9 +- 0.3i (modulus 0.949) and 0.7
    np.testing.assert_allclose(np.sort_complex(forecaster.eigenvalues), [0.7, 0.9 - 0.3j, 0.9 + 0.3j], atol=1e-10)
    for value, mode in zip(forecaster.eigenvalues, forecaster.modes, strict=True):
        np.testing.assert_allclose(MATRIX @ mode, value * mode, atol=1e-10)
    truth = linear_run([-2.0, 1.0, 0.3], 31)
    np.testing.assert_allclose(forecaster.forecast(truth[None, :1], 30)[0, 0], truth[1:], atol=1e-9)


def test_a_modal_map_starts_at_the_sample_it_was_given() -> None:
    model = fitted(linear_run([1.0, -0.5, 2.0], 40), delays=1, rank="numerical").as_map()
    np.testing.assert_allclose(model.observe(model.start(np.array([[0.4, 0.1, -1.0]]))), [0.4, 0.1, -1.0], atol=1e-10)


def test_delays_recover_two_incommensurate_frequencies() -> None:
    forecaster = fitted(two_waves(300), delays=8, rank=4)
    np.testing.assert_allclose(np.sort(np.abs(np.angle(forecaster.eigenvalues))), [0.3, 0.3, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-8)
    truth = two_waves(1300)
    np.testing.assert_allclose(forecaster.forecast(truth[None, 290:300], 1000)[0, 0], truth[300:], atol=1e-5)


def test_the_rank_rule_finds_the_modes_in_noise() -> None:
    noisy = two_waves(2000) + 0.1 * np.random.default_rng(0).normal(size=(2000, 1))
    assert len(fitted(noisy, delays=40, rank="gavish-donoho").eigenvalues) == 4
    assert len(fitted(noisy, delays=40, rank="numerical").eigenvalues) == 40


def test_a_linear_forecast_of_chaos_decays(lorenz_series: np.ndarray) -> None:
    states = (lorenz_series - lorenz_series.mean(axis=0)) / lorenz_series.std(axis=0)
    for forecaster in (DynamicModeDecomposition(), HankelAlternativeView()):
        forecaster.fit(Training([states], dt=0.02), seed=0)
        assert np.abs(forecaster.forecast(states[None, :100], 4000)[0, 0, 3500:]).max() < 0.3


def test_havok_without_noise_continues_a_linear_signal() -> None:
    series = two_waves(400)
    forecaster = HankelAlternativeView(delays=12, rank=5, forcing_order=4)
    forecaster.fit(Training([series[:300]], dt=1.0), seed=0)
    np.testing.assert_allclose(forecaster.forecast(series[None, :300], 100)[0, 0], series[300:], atol=1e-4)


def test_the_forcing_of_havok_is_the_last_singular_coordinate(lorenz_series: np.ndarray) -> None:
    states = (lorenz_series - lorenz_series.mean(axis=0)) / lorenz_series.std(axis=0)
    forecaster = HankelAlternativeView(delays=10, rank=6)
    forecaster.fit(Training([states], dt=0.02), seed=0)
    hankel = np.stack([states[t - 9 : t + 1][::-1].ravel() for t in range(9, len(states))])
    left, _, _ = np.linalg.svd(hankel[:-1], full_matrices=False)
    expected, signal = np.sqrt(len(left)) * left[:, 5], forecaster.forcing_signal(states)[:-1]
    np.testing.assert_allclose(signal * np.sign(signal @ expected), expected, atol=1e-7)


def test_without_forcing_the_last_coordinate_is_left_out() -> None:
    for forcing, size in (("none", 4), ("autoregression", 4 + 3)):
        forecaster = HankelAlternativeView(delays=10, rank=5, forcing=forcing, forcing_order=3)  # type: ignore[arg-type]
        forecaster.fit(Training([np.concatenate([two_waves(200), two_waves(201)[1:] ** 2], axis=1)], dt=1.0), seed=0)
        assert forecaster.as_map().dimension == size


def test_options_and_problems_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="rank = 'most': must be one of numerical, gavish-donoho"):
        DynamicModeDecomposition(rank="most")  # type: ignore[arg-type]
    with pytest.raises(ForecasterError, match="rank = 1"):
        HankelAlternativeView(rank=1)
    with pytest.raises(ForecasterError, match="delays = 1 of one component"):
        HankelAlternativeView(delays=1).fit(Training([two_waves(100)], dt=1.0), seed=0)
    with pytest.raises(ForecasterError, match="every value is 0"):
        fitted(np.zeros((100, 2)))
    assert DynamicModeDecomposition(delays=50).unsupported(Problem(3, 1.0, context=10, horizon=5, training_samples=100)) is not None
    assert HankelAlternativeView(delays=100).unsupported(Problem(40, 1.0, context=200, horizon=5, training_samples=1000)) is not None
