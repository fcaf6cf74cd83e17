"""Fourier neural operator: one convolution is an exact linear step on any grid, shifts commute with the model, ends and places are told."""

import math

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._fourier_layers import FourierConvolution, fourier_tables
from chaosbench.forecasters._training import torch_generator
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.fno import FourierNeuralOperator, _Network
from chaosbench.geometry import Geometry


def smooth(batch: int, sites: int, modes: int, seed: int = 0) -> torch.Tensor:
    """Return the same random functions (B, N) of waves 0 to modes - 1 on a grid of any number of sites."""
    random = np.random.default_rng(seed)
    amplitude, phase = random.normal(size=(batch, modes, 1)), random.uniform(0.0, 2 * np.pi, (batch, modes, 1))
    place = 2 * np.pi * np.arange(sites) / sites
    return torch.as_tensor(np.sum(amplitude * np.cos(np.arange(modes)[:, None] * place + phase), axis=1))


def convolution(width: int, modes: int) -> FourierConvolution:
    return FourierConvolution(width, modes, torch_generator(0, "test")).double()


@pytest.mark.parametrize("sites", [9, 16])
def test_tables_are_a_transform_and_its_inverse(sites: int) -> None:
    modes = sites // 2 + 1
    forward, back = fourier_tables(sites, modes, dtype=torch.float64)
    states = torch.as_tensor(np.random.default_rng(0).normal(size=(3, sites)))
    spectrum = torch.fft.rfft(states, norm="forward")
    torch.testing.assert_close(states @ forward, torch.cat((spectrum.real, spectrum.imag), 1), rtol=0, atol=1e-14)
    torch.testing.assert_close(states @ forward @ back, states, rtol=0, atol=1e-13)


def test_a_convolution_is_the_complex_product_of_spectra() -> None:
    layer = convolution(3, 4)
    stream = torch.as_tensor(np.random.default_rng(1).normal(size=(3, 2, 12)))
    with torch.no_grad():
        found = layer(stream, fourier_tables(12, 4, dtype=torch.float64))
        weight = torch.complex(layer.weight[:, 0], layer.weight[:, 1])  # (M, in, out)
        spectrum = torch.fft.rfft(stream)
        mixed = torch.zeros_like(spectrum)
        mixed[..., :4] = torch.einsum("kio,ibk->obk", weight, spectrum[..., :4])
        torch.testing.assert_close(found, torch.fft.irfft(mixed, n=12), rtol=0, atol=1e-13)


def test_one_convolution_is_an_exact_step_of_heat_and_advection() -> None:
    # u_t = nu u_xx - c u_x on [0, 2 pi): mode k is multiplied by exp(-(nu k^2 + i c k) t)
    modes, nu, speed, t = 6, 0.1, 0.7, 0.5
    layer = convolution(1, modes)
    k = torch.arange(modes, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[:, 0, 0, 0] = torch.exp(-nu * k**2 * t) * torch.cos(speed * k * t)
        layer.weight[:, 1, 0, 0] = -torch.exp(-nu * k**2 * t) * torch.sin(speed * k * t)
        for sites in (16, 64):
            place = 2 * math.pi * torch.arange(sites, dtype=torch.float64) / sites
            start = torch.cos(3 * place) + 0.5 * torch.sin(5 * place + 0.2)
            exact = math.exp(-nu * 9 * t) * torch.cos(3 * (place - speed * t)) + 0.5 * math.exp(-nu * 25 * t) * torch.sin(
                5 * (place - speed * t) + 0.2
            )
            after = layer(start[None, None], fourier_tables(sites, modes, dtype=torch.float64))[0, 0]
            torch.testing.assert_close(after, exact, rtol=0, atol=1e-13)


def network(geometry: Geometry, **options: int) -> _Network:
    sizes = {"inputs": 1, "width": 8, "modes": 5, "layers": 2} | options
    unit = np.full(geometry.fields * geometry.sites[0], 0.1)
    return _Network(geometry, unit=unit, draws=torch_generator(0, "test"), **sizes).double()


def test_moving_the_field_moves_the_step() -> None:
    model = network(Geometry(2, (12,)), inputs=2)
    windows = torch.as_tensor(np.random.default_rng(2).normal(size=(3, 2, 2, 12)))
    with torch.no_grad():
        steps = model.increments(windows.reshape(3, 2, 24)).view(3, 2, 12)
        moved = model.increments(torch.roll(windows, 5, -1).reshape(3, 2, 24)).view(3, 2, 12)
    torch.testing.assert_close(moved, torch.roll(steps, 5, -1), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("periodic", "channels"), [(True, 3), (False, 2)])
def test_sites_that_differ_are_told_apart(periodic: bool, channels: int) -> None:
    model = network(Geometry(1, (12,), periodic=periodic, homogeneous=False))
    assert model.operator.lift.shape[1] == channels  # the field, and cosine and sine of the place on a ring or the place itself
    with torch.no_grad():
        steps = model.increments(torch.ones(1, 1, 12, dtype=torch.float64))
    assert steps.std() > 1e-3  # equal values give other increments at other sites


def test_the_operator_is_the_same_on_a_finer_grid() -> None:
    model = network(Geometry(1, (32,)), modes=8)
    with torch.no_grad():
        coarse = model.operator(smooth(4, 32, 5)[:, None])
        fine = model.operator(smooth(4, 128, 5)[:, None])[..., ::4]
    # what is left is aliasing of the pointwise functions, which make waves beyond the 16 that 32 sites hold
    assert float((fine - coarse).abs().max() / coarse.abs().max()) < 1e-3


def test_gradients_are_those_of_differences() -> None:
    layer = convolution(2, 3)
    stream = torch.as_tensor(np.random.default_rng(3).normal(size=(2, 2, 7))).requires_grad_()
    tables = fourier_tables(7, 3, dtype=torch.float64)

    def convolved(weight: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(layer, {"weight": weight}, (values, tables))
        return found

    assert torch.autograd.gradcheck(convolved, (layer.weight, stream))


def test_a_field_that_travels_is_learned_and_followed() -> None:
    place = 2 * np.pi * np.arange(16) / 16
    times = 0.2 * np.arange(400)[:, None]
    series = np.cos(place - times) + 0.5 * np.cos(2 * place - 3.1 * times)  # two waves of different speed: one linear step for all time
    model = FourierNeuralOperator(width=16, modes=4, layers=1, updates=150, noise=0.0)
    model.fit(Training([series[:300]], 0.2, geometry=Geometry(1, (16,))), seed=0)
    forecast = model.forecast(series[None, 300:301], 20)[0, 0]
    assert np.sqrt(np.mean((forecast - series[301:321]) ** 2)) < 0.1  # standard deviation of the field: 0.79


def test_training_on_fed_back_predictions_reads_the_last_inputs() -> None:
    model = network(Geometry(1, (12,)), inputs=2)
    states = torch.as_tensor(np.random.default_rng(4).normal(size=(3, 5, 12)))
    with torch.no_grad():
        first = states[:, 2] + model.unit * model.increments(states[:, 1:3])
        second = first + model.unit * model.increments(torch.stack((states[:, 2], first), 1))
        expected = (((torch.stack((first, second), 1) - states[:, 3:]) / model.unit) ** 2).mean()
        torch.testing.assert_close(model.unrolled_loss(states[:, :3], states[:, 3:]), expected, rtol=1e-12, atol=0)


def test_what_is_no_chain_is_refused() -> None:
    def problem(geometry: Geometry | None) -> Problem:
        return Problem(12, 1.0, context=10, horizon=5, training_samples=500, geometry=geometry)

    assert "without places" in (FourierNeuralOperator().unsupported(problem(None)) or "")
    assert "sites (3, 4); this operator has one dimension" in (FourierNeuralOperator().unsupported(problem(Geometry(1, (3, 4)))) or "")
    assert "12 inputs need as many" in (FourierNeuralOperator(inputs=12).unsupported(problem(Geometry(1, (12,)))) or "")
    with pytest.raises(ForecasterError, match="needs a chain"):
        FourierNeuralOperator(updates=5).fit(Training([np.zeros((100, 12))], 1.0), seed=0)
    with pytest.raises(ForecasterError, match="does not have the 12 components"):
        FourierNeuralOperator(updates=5).fit(Training([np.ones((100, 12))], 1.0, geometry=Geometry(1, (6,))), seed=0)
