"""Gated recurrent networks: the cells are torch's, the loop is the network, and the feedback is the unrolled forward pass."""

import numpy as np
import pytest
import torch
from torch import nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._recurrent import RecurrentNetwork
from chaosbench.forecasters.gru import GRU
from chaosbench.forecasters.lstm import LSTM

D, H, LAYERS = 3, 16, 2
UNIT = np.array([0.5, 1.0, 2.0])


def network(memory: bool) -> RecurrentNetwork:
    drawn = RecurrentNetwork(memory, D, H, LAYERS, 0, UNIT, torch.Generator().manual_seed(1))
    return drawn.double()


def context(batch: int = 4, length: int = 12) -> torch.Tensor:
    return torch.randn(batch, length, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("memory", [True, False], ids=["lstm", "gru"])
def test_reading_is_what_the_library_module_of_the_same_weights_computes(memory: bool) -> None:
    model = network(memory)
    library = (nn.LSTM if memory else nn.GRU)(D, H, LAYERS, batch_first=True).double()
    for ours, theirs in zip(model.cells, library.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    seen, _ = library(context())
    expected = seen @ model.decoder.T + model.decoder_bias
    torch.testing.assert_close(model.read(context(), None)[0], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("memory", [True, False], ids=["lstm", "gru"])
def test_a_segment_read_in_two_parts_gives_the_same_increments(memory: bool) -> None:
    model = network(memory)
    whole, _ = model.read(context(), None)
    first, state = model.read(context()[:, :5], None)
    second, _ = model.read(context()[:, 5:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("memory", [True, False], ids=["lstm", "gru"])
def test_the_closed_loop_is_the_network_with_its_output_appended(memory: bool) -> None:
    model = network(memory)
    loop, sequence = model.closed_loop(), context()
    state = loop.start(sequence)
    for _ in range(6):
        state = loop.step(state)
        increments, _ = model.read(sequence, None)
        following = sequence[:, -1] + torch.as_tensor(UNIT) * increments[:, -1]
        torch.testing.assert_close(loop.observe(state), following.detach(), rtol=1e-12, atol=1e-13)
        sequence = torch.cat((sequence, following[:, None].detach()), 1)


@pytest.mark.parametrize("memory", [True, False], ids=["lstm", "gru"])
def test_the_unrolled_loss_is_that_of_the_closed_loop(memory: bool) -> None:
    model = network(memory)
    targets = context(length=5) * 0.3
    loop = model.closed_loop()
    state, seen = loop.start(context()), []
    for _ in range(5):
        state = loop.step(state)
        seen.append(loop.observe(state))
    expected = ((torch.stack(seen, 1) - targets) / torch.as_tensor(UNIT)).square().mean()
    assert float(model.unrolled_loss(context(), targets).detach()) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("kind", "gates"), [(LSTM, 4), (GRU, 3)])
def test_the_number_of_weights_is_that_of_the_equations(kind: type[LSTM] | type[GRU], gates: int) -> None:
    model = kind(width=32, layers=2)._untrained([np.random.default_rng(0).normal(size=(50, D))], torch.Generator().manual_seed(0))
    cells = gates * 32 * (D + 32 + 2) + gates * 32 * (32 + 32 + 2)
    assert sum(values.numel() for values in model.parameters()) == cells + D * 32 + D


def test_a_width_that_breaks_bits_between_windows_is_refused() -> None:
    with pytest.raises(ForecasterError, match=r"width = 20: must be a multiple of 16.*take 32"):
        LSTM(width=20)
