"""Selective layers: a segment at once is one step after another, in two parts is in one, and nothing reads the future."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._delta_rule import ChannelMixing, TimeMixing
from chaosbench.forecasters._gated_linear import GatedLinearAttention, GatedPerceptron
from chaosbench.forecasters._scan import linear_scan
from chaosbench.forecasters._selective import S6, SSD, SelectiveLayer, first_steps
from chaosbench.forecasters._selective_stack import SelectiveStack
from chaosbench.forecasters.base import Training
from chaosbench.forecasters.gla import GLA
from chaosbench.forecasters.mamba import Mamba
from chaosbench.forecasters.mamba2 import Mamba2
from chaosbench.forecasters.rwkv7 import RWKV7

WIDTH, MODES, D = 16, 16, 3
DT = 0.02
LAYERS: dict[str, Callable[[torch.Generator], SelectiveLayer]] = {
    "S6": lambda draws: S6(WIDTH, MODES, draws),
    "SSD": lambda draws: SSD(WIDTH, MODES, 8, 16, draws),
    "attention": lambda draws: GatedLinearAttention(WIDTH, MODES, 2, 16.0, 32, draws),
    "perceptron": lambda draws: GatedPerceptron(WIDTH, 32, draws),
    "time mixing": lambda draws: TimeMixing(WIDTH, 8, 16, draws),
    "channel mixing": lambda draws: ChannelMixing(WIDTH, 32, draws),
}
UNIT = np.array([0.5, 1.0, 2.0])


def stack(kind: str) -> SelectiveStack:
    draws = torch.Generator().manual_seed(1)
    return SelectiveStack(D, WIDTH, [LAYERS[kind](draws) for _ in range(2)], 0, UNIT, draws).double()


def run(length: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, length, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("kind", LAYERS)
def test_five_hundred_single_steps_are_one_segment(kind: str) -> None:
    layer = LAYERS[kind](torch.Generator().manual_seed(0)).double()
    stream = torch.randn(1, 500, WIDTH, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    state = tuple(torch.zeros(1, size, dtype=torch.float64) for size in layer.sizes)
    whole, after = layer.read(stream, (state[0], state[1]))
    step = layer.stepper()
    seen, before, memory = [], *state
    for t in range(500):
        output, before, memory = step(stream[:, t], before, memory)
        seen.append(output)
    torch.testing.assert_close(torch.stack(seen, 1), whole.detach(), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(memory, after[1].detach(), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(before, after[0].detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_segment_in_two_parts_is_the_segment(kind: str) -> None:
    model = stack(kind)
    whole, after = model.read(run(40), None)
    first, state = model.read(run(40)[:, :13], None)
    second, last = model.read(run(40)[:, 13:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(last, after, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_nothing_reads_the_future(kind: str) -> None:
    model, inputs = stack(kind), run(12, batch=1).requires_grad_()
    steps, _ = model.read(inputs, None)
    (slope,) = torch.autograd.grad(steps[0, 5].sum(), inputs)
    assert torch.all(slope[0, 6:] == 0.0)
    assert torch.all(slope[0, 5].abs() > 0.0)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_closed_loop_is_the_forward_pass_on_the_growing_sequence(kind: str) -> None:
    model, sequence = stack(kind), run(20)
    loop = model.closed_loop()
    state = loop.start(sequence)
    for _ in range(6):
        state = loop.step(state)
        steps, _ = model.read(sequence, None)
        following = (sequence[:, -1] + torch.as_tensor(UNIT) * steps[:, -1]).detach()
        torch.testing.assert_close(loop.observe(state), following, rtol=1e-10, atol=1e-11)
        sequence = torch.cat((sequence, following[:, None]), 1)


def test_the_memory_of_a_layer_always_forgets() -> None:
    layer = S6(WIDTH, MODES, torch.Generator().manual_seed(0))
    decay = torch.exp(torch.nn.functional.softplus(layer.step_bias)[:, None] * -torch.exp(layer.log_rate))
    assert float(decay.detach().max()) < 1.0
    ones = torch.ones(1, 200, 1)
    assert float(linear_scan(0.5 * ones, ones)[0, -1, 0]) == pytest.approx(2.0)  # the sum of the powers of a half


def test_steps_start_in_their_range() -> None:
    steps = torch.nn.functional.softplus(first_steps(torch.Generator().manual_seed(0), 2000))
    assert 1.0 / 64.0 <= float(steps.min()) < 1.2 / 64.0
    assert 0.17 < float(steps.max()) <= 0.2 * 1.000001


@pytest.mark.slow
@pytest.mark.parametrize("kind", [GLA, RWKV7])
def test_a_trained_matrix_memory_is_no_worse_beyond_its_segments_forgets_under_inputs_and_is_chaotic_by_itself(
    kind: type[GLA] | type[RWKV7], lorenz_windows: np.ndarray
) -> None:
    train = lorenz_windows[:6].reshape(-1, 3)
    series = (lorenz_windows - train.mean(axis=0)) / train.std(axis=0)
    model = kind()
    model.fit(Training(list(series[:6]), DT, validation=Training(list(series[6:8]), DT)), seed=0)
    network = model._network
    assert isinstance(network, SelectiveStack)
    inputs = torch.as_tensor(series[10:], dtype=torch.float32)
    with torch.no_grad():
        errors = network.read(inputs[:, :-1], None)[0] - inputs.diff(dim=1) / network.unit
    early, late = (float(errors[:, end - 16 : end].square().mean()) for end in (32, 128))  # at one and at four segments
    assert late <= 2.0 * early
    assert model.driven_exponents(series[10, :300])[0] < 0.0
    loop = model.as_map()
    state, tangent, growth = loop.start(series[10, :100]), np.random.default_rng(0).normal(size=(1, loop.dimension)), []
    for _ in range(2300):
        state, tangent = loop.step_tangents(state, tangent)
        growth.append(np.log(np.linalg.norm(tangent)))
        tangent /= np.linalg.norm(tangent)
    assert 0.5 < np.mean(growth[300:]) / DT < 1.3  # Lorenz: 0.906; 2000 steps are 36 Lyapunov times


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ForecasterError, match=r"modes = 20: must be a multiple of 16.*take 32"):
        Mamba(modes=20)
    with pytest.raises(ForecasterError, match=r"head = 24: must divide 2 x width = 64"):
        Mamba2(head=24)
