"""Perceptrons as maps and flows: the Runge-Kutta steps, the delays, and the closed loop."""

import math

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._markov import MarkovNetwork, advanced
from chaosbench.forecasters.base import Training
from chaosbench.forecasters.neural_ode import NeuralODE
from chaosbench.forecasters.residual_mlp import ResidualMLP


def network(delays: int, substeps: int) -> MarkovNetwork:
    return MarkovNetwork(2, [16, 16], "tanh", delays, substeps, np.array([0.5, 2.0]), torch.Generator().manual_seed(3)).double()


def test_the_steps_of_the_flow_converge_with_order_four_to_the_exponential() -> None:
    sample, unit = torch.ones(1, 1, dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    errors = [abs(float(advanced(sample, sample, lambda x: -0.7 * x, unit, n)) - math.exp(-0.7)) for n in (4, 8)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.15)


def test_without_substeps_the_next_sample_is_one_increment() -> None:
    sample, unit = torch.tensor([[1.0, 2.0]]), torch.tensor([0.5, 2.0])
    assert torch.equal(advanced(sample, sample, lambda x: x, unit, 0), torch.tensor([[1.5, 6.0]]))


@pytest.mark.parametrize(("delays", "substeps"), [(1, 0), (3, 0), (1, 2)])
def test_the_closed_loop_is_the_network_fed_back(delays: int, substeps: int) -> None:
    model = network(delays, substeps)
    sequence = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    loop = model.closed_loop()
    state = loop.start(sequence)
    assert loop.dimension == 2 * delays
    for _ in range(5):
        state = loop.step(state)
        following = model.after(sequence[:, -delays:]).detach()
        torch.testing.assert_close(loop.observe(state), following, rtol=1e-13, atol=1e-14)
        sequence = torch.cat((sequence, following[:, None]), 1)


def test_the_loss_of_a_segment_reads_every_window_of_delays() -> None:
    model = network(2, 0)
    run = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    loss, _ = model.segment_loss(run[:, :-1], run[:, 1:], None)
    errors = [(model.after(run[:, t - 1 : t + 1]) - run[:, t + 1]) / model.unit for t in range(1, 5)]
    assert float(loss.detach()) == pytest.approx(float(torch.cat(errors).square().mean().detach()), rel=1e-13)


def test_a_flow_learns_the_rotation_it_was_shown() -> None:
    angles = 0.1 * np.arange(800)
    circle = np.stack((np.cos(angles), np.sin(angles)), 1)
    model = NeuralODE(width=16, layers=1, updates=400, batch=16)
    model.fit(Training([circle], 0.1), seed=0)
    forecast = model.forecast(circle[None, :5], 60)[0, 0]
    assert np.abs(forecast - circle[5:65]).max() < 0.1  # one turn; a wrong frequency of 2 % would already show


@pytest.mark.parametrize("kind", [ResidualMLP, NeuralODE])
def test_wrong_options_are_refused(kind: type[ResidualMLP] | type[NeuralODE]) -> None:
    with pytest.raises(ForecasterError, match=r"width = 40: must be a multiple of 16.*take 48"):
        kind(width=40)
    with pytest.raises(ForecasterError, match=r"activation = 'relu': must be one of tanh, silu, gelu"):
        kind(activation="relu")
