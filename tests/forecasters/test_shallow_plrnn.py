"""The forced piecewise-linear network: gradients, bounded Jacobian products, bounded orbits, and what a trained one forecasts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._forced_plrnn import forced_states, jacobians, spectral_norms
from chaosbench.forecasters._torch_loop import advance
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.shallow_plrnn import ShallowPLRNN, _Network

DT = 0.02


def network(*, latent: int = 5, hidden: int = 20, clipped: bool = True, alpha: float | None = 0.3) -> _Network:
    return _Network(3, latent, hidden, clipped, alpha, np.full(3, 0.1), torch.Generator().manual_seed(7))


def weights(latent: int, hidden: int, scale: float = 1.0) -> list[torch.Tensor]:
    """Return A, W1, W2, h1, h2 in float64."""
    draws = torch.Generator().manual_seed(2)
    shapes = ((latent,), (latent, hidden), (hidden, latent), (latent,), (hidden,))
    return [scale * torch.randn(shape, generator=draws, dtype=torch.float64) / shape[-1] ** 0.5 for shape in shapes]


@pytest.fixture(scope="session")
def standardised(lorenz_windows: np.ndarray) -> np.ndarray:
    train = lorenz_windows[:6].reshape(-1, 3)
    scaled: np.ndarray = (lorenz_windows - train.mean(axis=0)) / train.std(axis=0)
    return scaled


@pytest.fixture(scope="session")
def data(standardised: np.ndarray) -> Training:
    return Training(list(standardised[:6]), DT, validation=Training(list(standardised[6:8]), DT))


@pytest.fixture(scope="session")
def trained(data: Training) -> ShallowPLRNN:
    model = ShallowPLRNN()
    model.fit(data, seed=0)
    return model


@pytest.mark.parametrize(("clipped", "expected"), [(True, 1.45), (False, 1.85)])
def test_one_step_by_hand(clipped: bool, expected: float) -> None:
    # z = 1 forced half way to 3: 2. A z = 1; W2 z = 0.4; relu(0.4 + 0.5) = 0.9, clipped minus 0.4: 0.5; W1 = 1, h1 = -0.05
    one = torch.ones(1, dtype=torch.float64)
    states = forced_states(one[None], 3 * one[None, None], 0.5 * one, 0.5 * one, one[None], 0.2 * one[None], -0.05 * one, 0.5 * one, clipped)
    assert states.item() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("clipped", [True, False])
def test_the_written_out_backward_pass_is_the_gradient(clipped: bool) -> None:
    draws = torch.Generator().manual_seed(1)
    start = torch.randn(3, 4, generator=draws, dtype=torch.float64).requires_grad_(True)
    signal = torch.randn(6, 3, 4, generator=draws, dtype=torch.float64)
    keep = torch.tensor([0.7, 0.7, 1.0, 1.0], dtype=torch.float64)
    parameters = [values.requires_grad_(True) for values in weights(4, 6)]
    assert torch.autograd.gradcheck(lambda z, *rest: forced_states(z, signal, keep, *rest, clipped), (start, *parameters))


@pytest.mark.parametrize("clipped", [True, False])
def test_the_analytic_jacobian_is_that_of_differentiation_by_torch(clipped: bool) -> None:
    loop = network(clipped=clipped).closed_loop()
    A, W1, W2, h2 = loop._A, loop._W1.T, loop._W2.T, loop._h2
    points = torch.randn(6, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    ours = jacobians(points, A, W1, W2, h2, clipped)
    for point, jacobian in zip(points, ours, strict=True):
        np.testing.assert_allclose(jacobian, torch.autograd.functional.jacobian(lambda z: loop.step(z[None])[0], point), rtol=0, atol=1e-14)
        tangents = torch.eye(5, dtype=torch.float64)
        after, carried = loop.step_tangents(point[None], tangents)
        np.testing.assert_array_equal(after, loop.step(point[None]))
        np.testing.assert_allclose(carried, jacobian.T, rtol=0, atol=1e-14)


def test_power_iteration_finds_the_spectral_norm() -> None:
    matrices = torch.randn(50, 4, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    exact = torch.linalg.matrix_norm(matrices, 2)
    found = spectral_norms(matrices, 10)
    assert torch.all(found <= exact * (1 + 1e-12))  # a lower bound
    assert float((found / exact).median()) > 0.999
    assert torch.allclose(spectral_norms(torch.diag_embed(torch.tensor([[3.0, -1.0]])), 30), torch.tensor([3.0]))


@pytest.mark.parametrize("clipped", [True, False])
def test_enough_forcing_bounds_every_product_of_training_jacobians(clipped: bool, data: Training) -> None:
    # d z_{t+1} / d z_t = (1 - alpha) J(z~_t); with alpha = 1 - 1 / sigma_max each factor has norm at most 1, and so has every product
    model = ShallowPLRNN(extra_latents=0, hidden=50, updates=300, clipped=clipped)
    model.fit(data, seed=0)
    assert isinstance(model._network, _Network)
    loop = model._network.closed_loop()
    signal = torch.as_tensor(data.states[0][:200])
    alpha = 0.0
    for _ in range(20):  # sigma_max is taken over the states that forcing with this alpha visits, so alpha is found by iteration
        points = [signal[0]]
        for t in range(1, 200):
            points.append((1 - alpha) * loop.step(points[-1][None])[0] + alpha * signal[t])
        matrices = jacobians(torch.stack(points), loop._A, loop._W1.T, loop._W2.T, loop._h2, clipped)
        largest = float(torch.linalg.matrix_norm(matrices, 2).max())
        if alpha >= 1.0 - 1.0 / largest:
            break
        alpha = 1.0 - 1.0 / largest
    assert alpha >= 1.0 - 1.0 / largest > 0.0  # found, and something is tested
    product = torch.eye(3, dtype=torch.float64)
    free = torch.eye(3, dtype=torch.float64)
    for matrix in matrices:
        product, free = (1 - alpha) * matrix @ product, matrix @ free
        assert float(torch.linalg.matrix_norm(product, 2)) <= 1.0 + 1e-6
    assert float(torch.linalg.matrix_norm(free, 2)) > 5.0  # without forcing the same product grows: 200 steps are 3.6 Lyapunov times


@pytest.mark.slow
def test_a_clipped_orbit_is_bounded_for_a_hundred_thousand_steps() -> None:
    _check_bounded(100_000)


def test_a_clipped_orbit_keeps_to_its_bound() -> None:
    _check_bounded(5_000)


def _check_bounded(steps: int) -> None:
    draws = torch.Generator().manual_seed(11)
    model = network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(3.0 * torch.randn(parameter.shape, generator=draws))  # large weights: chaotic, but |A| < 1
    loop = model.closed_loop()
    start = 10.0 * torch.randn(4, 5, generator=draws, dtype=torch.float64)
    reach = (loop._h1.abs() + (loop._W1.T.abs() @ loop._h2.abs())) / (1.0 - loop._A.abs())
    bound = torch.maximum(start.abs(), reach)
    with torch.inference_mode():
        state = start
        for _ in range(steps):
            state = loop.step(state)
            assert torch.all(state.abs() <= bound * (1 + 1e-12))


def wanted_forcing(model: _Network, signal: torch.Tensor) -> float:
    """Return max(0, 1 - 1/kappa), kappa by singular values; signal (T, B, D)."""
    with torch.no_grad():
        norms = torch.linalg.matrix_norm(model.jacobians(signal[1:]), 2)
    return max(0.0, 1.0 - 1.0 / float(norms.log().mean(0).exp().max()))


def test_the_forcing_rises_at_once_and_falls_slowly() -> None:
    model = network(latent=3, alpha=None)
    signal = torch.randn(10, 4, 3, generator=torch.Generator().manual_seed(3))
    assert float(model.alpha) == 1.0
    model._adapt(signal)
    assert float(model.alpha) == pytest.approx(0.99 + 0.01 * wanted_forcing(model, signal), rel=1e-4)
    with torch.no_grad():
        model.alpha.fill_(0.0)
        model.raw_A.fill_(1.5)  # A = 0.905
        model.W1.mul_(50.0)
    model._adapt(signal)
    wanted = wanted_forcing(model, signal)
    assert wanted > 0.1
    assert float(model.alpha) == pytest.approx(wanted, rel=2e-3)  # ten power iterations in float32


@pytest.mark.parametrize("latent", [3, 5])
def test_the_context_sets_what_is_observed_and_lets_the_rest_settle(latent: int) -> None:
    loop = network(latent=latent).closed_loop()
    context = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    state = loop.start(context)
    np.testing.assert_array_equal(loop.observe(state), context[:, -1])
    assert state.shape == (2, latent)
    rolled = TorchMap(loop, DT).roll(context.numpy(), 5)
    np.testing.assert_array_equal(rolled, advance(loop, state, 5)[1].detach())


def test_the_trained_network_is_chaotic_as_the_system_is(trained: ShallowPLRNN, standardised: np.ndarray) -> None:
    model = trained.as_map()
    state, tangent, growth = model.start(standardised[10, :100]), np.eye(1, model.dimension), []
    for t in range(3300):
        state, tangent = model.step_tangents(state, tangent)
        size = np.linalg.norm(tangent)
        tangent /= size
        if t >= 300:
            growth.append(np.log(size))
    assert 0.5 < np.mean(growth) / DT < 1.3  # Lorenz: 0.906; 3000 steps are 54 Lyapunov times


def test_the_defaults_forecast_more_than_a_lyapunov_time_and_a_half(
    trained: ShallowPLRNN,
    standardised: np.ndarray,
    prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray],
    lorenz_windows: np.ndarray,
) -> None:
    scale = lorenz_windows[:6].reshape(-1, 3).std(axis=0)
    forecast = trained.forecast(standardised[:, :100], 884)[:, 0]
    assert np.median(prediction_times(forecast - standardised[:, 100:], scale)[10:]) > 1.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_forecast_as_long(
    seed: int,
    data: Training,
    standardised: np.ndarray,
    prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray],
    lorenz_windows: np.ndarray,
) -> None:
    model = ShallowPLRNN()
    model.fit(data, seed=seed)
    forecast = model.forecast(standardised[:, :100], 884)[:, 0]
    scale = lorenz_windows[:6].reshape(-1, 3).std(axis=0)
    assert np.median(prediction_times(forecast - standardised[:, 100:], scale)[10:]) > 1.5


def test_a_forcing_strength_outside_its_range_is_refused() -> None:
    with pytest.raises(ForecasterError, match="alpha"):
        ShallowPLRNN(alpha=1.5)


@pytest.mark.parametrize("options", [{"hidden": 0}, {"extra_latents": -1}, {"carried": 0}])
def test_sizes_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ForecasterError):
        ShallowPLRNN(**options)


def test_too_little_training_data_is_refused() -> None:
    assert ShallowPLRNN().unsupported(Problem(3, DT, 10, 10, 41)) is not None
    assert ShallowPLRNN().unsupported(Problem(3, DT, 10, 10, 42)) is None
