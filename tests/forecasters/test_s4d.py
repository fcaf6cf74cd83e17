"""Diagonal state-space filters: a trained network behaves beyond its training length, and options start where they say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.s4d import S4D

DT = 0.02


@pytest.fixture(scope="session")
def standardised(lorenz_windows: np.ndarray) -> np.ndarray:
    """(100, 984, 3): 6 trajectories to train on, 2 to validate on, the rest to test on."""
    train = lorenz_windows[:6].reshape(-1, 3)
    scaled: np.ndarray = (lorenz_windows - train.mean(axis=0)) / train.std(axis=0)
    return scaled


@pytest.fixture(scope="session")
def data(standardised: np.ndarray) -> Training:
    return Training(list(standardised[:6]), DT, validation=Training(list(standardised[6:8]), DT))


@pytest.fixture(scope="session")
def trained(data: Training) -> S4D:
    model = S4D(width=32, updates=500, carried=6)
    model.fit(data, seed=0)
    return model


def test_one_step_errors_do_not_grow_beyond_the_training_length(trained: S4D, standardised: np.ndarray) -> None:
    assert trained.error_growth(standardised[10:]) <= 2.0


@pytest.mark.slow
def test_without_a_carried_state_they_do_grow(data: Training, standardised: np.ndarray) -> None:
    zero_state = S4D(width=32, updates=500, carried=1, burn_in=0)
    zero_state.fit(data, seed=0)
    assert zero_state.error_growth(standardised[10:]) > 4.0


def test_the_filters_forget_and_the_closed_loop_is_chaotic(trained: S4D, standardised: np.ndarray) -> None:
    assert trained.driven_exponents(standardised[10, :300]) < 0.0
    model = trained.as_map()
    state = model.start(standardised[10, :100])
    tangent = np.random.default_rng(0).normal(size=(1, model.dimension))
    growth = []
    for t in range(3300):
        state, tangent = model.step_tangents(state, tangent)
        size = np.linalg.norm(tangent)
        tangent /= size
        if t >= 300:
            growth.append(np.log(size))
    assert 0.5 < np.mean(growth) / DT < 1.3  # Lorenz: 0.906; 3000 steps are 54 Lyapunov times


def test_a_short_training_already_forecasts_a_lyapunov_time(
    trained: S4D, standardised: np.ndarray, prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray], lorenz_windows: np.ndarray
) -> None:
    scale = lorenz_windows[:6].reshape(-1, 3).std(axis=0)
    forecast = trained.forecast(standardised[:, :100], 884)[:, 0]
    assert np.median(prediction_times(forecast - standardised[:, 100:], scale)[10:]) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_defaults_forecast_more_than_a_lyapunov_time(
    seed: int, data: Training, standardised: np.ndarray, prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray], lorenz_windows: np.ndarray
) -> None:
    model = S4D()
    model.fit(data, seed=seed)
    forecast = model.forecast(standardised[:, :100], 884)[:, 0]
    scale = lorenz_windows[:6].reshape(-1, 3).std(axis=0)
    assert np.median(prediction_times(forecast - standardised[:, 100:], scale)[10:]) > 1.2


def test_too_little_training_data_is_refused() -> None:
    assert "64 training samples" in (S4D().unsupported(Problem(3, DT, 10, 10, 64)) or "")
    assert S4D().unsupported(Problem(3, DT, 10, 10, 5000)) is None


def test_starts_and_discretisations_are_different_networks_of_one_size(data: Training, standardised: np.ndarray) -> None:
    options: list[dict[str, Any]] = [{"initialisation": name} for name in ("lin", "inv", "legs", "real", "ptd")]
    options += [{"discretisation": name} for name in ("bilinear", "dss")]
    forecasts = []
    for chosen in options:
        model = S4D(width=16, updates=2, **chosen)
        model.fit(data, seed=0)
        forecasts.append(model.forecast(standardised[10:12, :50], 20))
        assert np.isfinite(forecasts[-1]).all()
    for n, one in enumerate(forecasts):
        assert all(np.abs(one - other).max() > 1e-6 for other in forecasts[:n])


def test_error_growth_needs_four_segments(trained: S4D, standardised: np.ndarray) -> None:
    with pytest.raises(ForecasterError, match="at least 129"):
        trained.error_growth(standardised[:, :128])


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"width": 40}, {"modes": 2.5}, {"burn_in": 32}, {"initialisation": "hippo"}, {"discretisation": "euler"}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ForecasterError):
        S4D(**options)
