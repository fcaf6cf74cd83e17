"""The state-space forecaster: reading a series at once equals stepping through it, and a trained one behaves beyond its training length."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters._ssm_stack import StackNetwork
from chaosbench.forecasters.s4d import S4D

DT = 0.02


def network(layers: int = 2, dimension: int = 3) -> _Network:
    return _Network(dimension, 16, 4, layers, 0, np.full(dimension, 0.1), torch.Generator().manual_seed(5))


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


def one_step_errors(model: S4D, series: np.ndarray) -> np.ndarray:
    """Return the mean square errors (T - 1,) over windows (W, T, D) of one-step predictions along the true series, read at once."""
    assert isinstance(model._network, _Network)
    reader = copy.deepcopy(model._network).double()
    with torch.no_grad():
        inputs = torch.as_tensor(series, dtype=torch.float64)
        steps, _ = reader.read(inputs[:, :-1], None)
        error = steps * reader.unit - (inputs[:, 1:] - inputs[:, :-1])
    result: np.ndarray = error.square().mean((0, 2)).numpy()
    return result


def test_reading_a_series_in_carried_segments_equals_reading_it_whole() -> None:
    model = network().double()
    inputs = torch.randn(2, 48, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        whole, last = model.read(inputs, None)
        first, state = model.read(inputs[:, :16], None)
        second, carried = model.read(inputs[:, 16:], state)
    np.testing.assert_allclose(torch.cat((first, second), 1), whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(carried, last, rtol=0, atol=1e-12)


def test_no_output_depends_on_a_later_input() -> None:
    model = network(layers=2).double()
    inputs = torch.randn(1, 12, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(lambda series: model.read(series, None)[0], inputs)[0, :, :, 0]  # (L, D, L, D)
    for t in range(12):
        assert torch.all(slopes[t, :, t + 1 :] == 0.0)
        assert torch.any(slopes[t, :, t] != 0.0)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_rollout_equals_full_reads_of_the_growing_series(layers: int) -> None:
    model = network(layers).double()
    context = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rolled = TorchMap(model.closed_loop(), DT).roll(context.numpy(), 30)
    grown = context
    with torch.no_grad():
        for _ in range(30):
            steps, _ = model.read(grown, None)
            grown = torch.cat((grown, grown[:, -1:] + steps[:, -1:] * model.unit), 1)
    np.testing.assert_allclose(rolled, grown[:, 20:], rtol=0, atol=1e-11)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_written_out_tangents_are_those_of_differentiation_by_torch(layers: int) -> None:
    loop = network(layers).closed_loop()
    draws = torch.Generator().manual_seed(3)
    state = loop.start(torch.randn(1, 10, 3, generator=draws, dtype=torch.float64))
    tangents = torch.randn(4, loop.dimension, generator=draws, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda point: loop.step(point[None])[0], state[0])  # (S, S)
    after, carried = loop.step_tangents(state, tangents)
    np.testing.assert_array_equal(after, loop.step(state))
    np.testing.assert_allclose(carried, tangents @ jacobian.T, rtol=1e-11, atol=1e-13)


def test_the_trained_network_reads_and_steps_alike(trained: S4D, standardised: np.ndarray) -> None:
    series = standardised[10:12, :200]
    assert isinstance(trained._network, _Network)
    loop = trained._network.closed_loop()
    state = loop.start(torch.as_tensor(series[:, :-1]))
    stepped = (loop.observe(loop.step(state)) - torch.as_tensor(series[:, -1])).square().mean()
    assert float(stepped) == pytest.approx(one_step_errors(trained, series)[-1], rel=1e-9)


def growth_beyond(length: int, errors: np.ndarray) -> float:
    """Return the error just before 4 * length over that just before length, averaged over half a length: single times vary by a factor of two."""
    at, beyond = errors[length // 2 : length].mean(), errors[7 * length // 2 : 4 * length].mean()
    return float(beyond / at)


def test_one_step_errors_do_not_grow_beyond_the_training_length(trained: S4D, standardised: np.ndarray) -> None:
    errors = one_step_errors(trained, standardised[10:])
    assert growth_beyond(trained.recipe.segment, errors) <= 2.0
    assert growth_beyond(trained.recipe.segment * trained.recipe.carried, errors) <= 2.0  # 192 and 768 of 983


@pytest.mark.slow
def test_without_a_carried_state_they_do_grow(data: Training, standardised: np.ndarray) -> None:
    zero_state = S4D(width=32, updates=500, carried=1, burn_in=0)
    zero_state.fit(data, seed=0)
    assert growth_beyond(zero_state.recipe.segment, one_step_errors(zero_state, standardised[10:])) > 4.0


def test_the_filters_forget_and_the_closed_loop_is_chaotic(trained: S4D, standardised: np.ndarray) -> None:
    assert isinstance(trained._network, _Network)
    assert torch.all(trained._network.modes().log_modulus < 0)  # driven exponents: every mode decays under given inputs
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


@pytest.mark.parametrize("options", [{"width": 0}, {"width": 40}, {"modes": 2.5}, {"burn_in": 32}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ForecasterError):
        S4D(**options)
