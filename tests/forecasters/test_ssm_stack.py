"""Every recurrent state-space forecaster: reading a series at once equals stepping through it, causally, with exact tangents."""

from typing import Any

import numpy as np
import pytest
import torch

from chaosbench.catalogue import available
from chaosbench.errors import ForecasterError
from chaosbench.forecasters._driven import driven_exponents
from chaosbench.forecasters._ssm_forecaster import StackForecaster
from chaosbench.forecasters._ssm_stack import StackNetwork
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters.base import Training

DT = 0.02
KINDS = [kind for kind in available("forecasters").values() if issubclass(kind, StackForecaster)]


def network(kind: type[StackForecaster], layers: int = 2) -> StackNetwork:
    model: Any = kind(width=16, layers=layers)  # type: ignore[call-arg]
    series = [np.random.default_rng(0).normal(size=(100, 3))]
    made: StackNetwork = model._untrained(series, torch.Generator().manual_seed(5)).double()
    return made


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_there_are_several() -> None:
    assert len(KINDS) >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_reading_a_series_in_carried_segments_equals_reading_it_whole(kind: type[StackForecaster]) -> None:
    model, inputs = network(kind), noise(2, 48, 3)
    with torch.no_grad():
        whole, last = model.read(inputs, None)
        first, state = model.read(inputs[:, :16], None)
        second, carried = model.read(inputs[:, 16:], state)
    np.testing.assert_allclose(torch.cat((first, second), 1), whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(carried, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_no_output_depends_on_a_later_input(kind: type[StackForecaster]) -> None:
    model = network(kind)
    slopes = torch.autograd.functional.jacobian(lambda series: model.read(series, None)[0], noise(1, 12, 3))[0, :, :, 0]  # (L, D, L, D)
    for t in range(12):
        assert torch.all(slopes[t, :, t + 1 :] == 0.0)
        assert torch.any(slopes[t, :, t] != 0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_rollout_equals_full_reads_of_the_growing_series(kind: type[StackForecaster], layers: int) -> None:
    model, context = network(kind, layers), noise(2, 20, 3, seed=2)
    rolled = TorchMap(model.closed_loop(), DT).roll(context.numpy(), 30)
    grown = context
    with torch.no_grad():
        for _ in range(30):
            steps, _ = model.read(grown, None)
            grown = torch.cat((grown, grown[:, -1:] + steps[:, -1:] * model.unit), 1)
    np.testing.assert_allclose(rolled, grown[:, 20:], rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_unrolled_loss_is_that_of_the_rollout(kind: type[StackForecaster]) -> None:
    model, series = network(kind), noise(2, 14, 3, seed=4)
    rolled = torch.as_tensor(TorchMap(model.closed_loop(), DT).roll(series[:, :10].numpy(), 4))
    expected = ((rolled - series[:, 10:]) / model.unit).square().mean()
    assert float(model.unrolled_loss(series[:, :10], series[:, 10:]).detach()) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_written_out_tangents_are_those_of_differentiation_by_torch(kind: type[StackForecaster]) -> None:
    loop = network(kind).closed_loop()
    state = loop.start(noise(1, 10, 3))
    tangents = noise(4, loop.dimension, seed=3)
    jacobian = torch.autograd.functional.jacobian(lambda point: loop.step(point[None])[0], state[0])  # (S, S)
    after, carried = loop.step_tangents(state, tangents)
    np.testing.assert_array_equal(after, loop.step(state))
    np.testing.assert_allclose(carried, tangents @ jacobian.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_driven_exponents_of_one_layer_are_the_decay_of_its_slowest_mode(kind: type[StackForecaster]) -> None:
    model = network(kind, layers=1)
    loop = model.closed_loop()
    slowest = np.log(loop._layers[0].slowest()) / DT
    found = driven_exponents(TorchMap(loop, DT), noise(800, 3).numpy(), 1)
    assert found[0] == pytest.approx(slowest, rel=0.15)  # modes that decay nearly as slowly still take part
    assert found[0] < 0.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_network_is_no_worse_beyond_its_segments_forgets_under_inputs_and_is_chaotic_by_itself(
    kind: type[StackForecaster], lorenz_windows: np.ndarray
) -> None:
    train = lorenz_windows[:6].reshape(-1, 3)
    series = (lorenz_windows - train.mean(axis=0)) / train.std(axis=0)
    model = kind()
    model.fit(Training(list(series[:6]), DT, validation=Training(list(series[6:8]), DT)), seed=0)
    assert model.error_growth(series[10:]) <= 2.0
    assert model.driven_exponents(series[10, :300])[0] < 0.0
    loop = model.as_map()
    state = loop.start(series[10, :100])
    tangent = np.random.default_rng(0).normal(size=(1, loop.dimension))
    growth = []
    for t in range(3300):
        state, tangent = loop.step_tangents(state, tangent)
        size = np.linalg.norm(tangent)
        tangent /= size
        if t >= 300:
            growth.append(np.log(size))
    assert 0.5 < np.mean(growth) / DT < 1.3  # Lorenz: 0.906; 3000 steps are 54 Lyapunov times


def test_a_model_without_a_hidden_state_has_no_driven_exponents() -> None:
    loop = network(KINDS[0]).closed_loop()
    loop.listens = False
    with pytest.raises(ForecasterError, match="no hidden state"):
        driven_exponents(TorchMap(loop, DT), np.zeros((50, 3)), 1)


@pytest.mark.parametrize("arguments", [(np.zeros((5, 3)), 1), (np.zeros((50, 2)), 1), (np.zeros((50, 3)), 0), (np.zeros((50, 3)), 10**6)])
def test_misuse_of_driven_exponents_is_refused(arguments: tuple[np.ndarray, int]) -> None:
    with pytest.raises(ForecasterError):
        driven_exponents(TorchMap(network(KINDS[0]).closed_loop(), DT), *arguments)
