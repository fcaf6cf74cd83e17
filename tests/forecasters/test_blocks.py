"""Direct networks strung together: what the loop emits, what it reads, and the parts of the networks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._blocks import BlockNetwork
from chaosbench.forecasters._decomposition import moving_mean
from chaosbench.forecasters._layers import Attention
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.dlinear import DLinear
from chaosbench.forecasters.nbeats import NBeats
from chaosbench.forecasters.nlinear import NLinear
from chaosbench.forecasters.patchtst import PatchTST


class _Sums(nn.Module):
    """Answers a window of 3 with the block (s, 2 s), s the sum over the window."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, window: Tensor) -> Tensor:
        total = self.scale * window.sum(1, keepdim=True)
        return torch.cat((total, 2.0 * total), 1)


def test_blocks_follow_each_other_and_each_reads_all_that_was_emitted() -> None:
    loop = BlockNetwork(_Sums(), 3, 2, 1).closed_loop()
    state = loop.start(torch.tensor([[[9.0], [1.0], [1.0], [1.0]]], dtype=torch.float64))
    emitted = []
    for _ in range(6):
        state = loop.step(state)
        emitted.append(float(loop.observe(state)))
    assert emitted == [3.0, 6.0, 10.0, 20.0, 36.0, 72.0]  # 1+1+1; 1+3+6; 6+10+20


def test_the_tangents_go_through_a_whole_block() -> None:
    loop = BlockNetwork(_Sums(), 3, 2, 1).closed_loop()
    state = loop.start(torch.ones(1, 3, 1, dtype=torch.float64))
    tangents = torch.zeros(1, loop.dimension, dtype=torch.float64)
    tangents[0, 1] = 1.0  # of the middle sample
    along = []
    for _ in range(4):
        state, tangents = loop.step_tangents(state, tangents)
        along.append(float(loop.observe(tangents)))
    assert along == [1.0, 2.0, 3.0, 6.0]  # d(1+x+1), its double; then d of the sum of the last three: 0 + 1 + 2


def test_a_network_trains_on_the_block_behind_its_window() -> None:
    model = BlockNetwork(_Sums(), 3, 2, 1)
    run = torch.arange(5.0)[None, :, None]  # window 0 1 2 -> 3, 6; truth 3, 4
    loss, _ = model.segment_loss(run[:, :4], run[:, 1:], None)
    assert float(loss.detach()) == pytest.approx((6.0 - 4.0) ** 2 / 2.0)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_moving_mean_is_that_of_the_padded_series(width: int) -> None:
    series = np.random.default_rng(0).normal(size=(2, 12, 3))
    before, after = (width - 1) // 2, width // 2
    padded = np.concatenate([np.repeat(series[:, :1], before, 1), series, np.repeat(series[:, -1:], after, 1)], axis=1)
    expected = np.stack([padded[:, t : t + width].mean(axis=1) for t in range(12)], axis=1)
    np.testing.assert_allclose(moving_mean(torch.as_tensor(series), width).numpy(), expected, rtol=1e-12, atol=1e-13)


def test_attention_is_the_library_function_of_the_same_weights() -> None:
    ours = Attention(8, 2, torch.Generator().manual_seed(0)).double()
    tokens = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    query, key, value = (part.view(3, 5, 2, 4).transpose(1, 2) for part in ours.inward(tokens).chunk(3, -1))
    mixed = nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(3, 5, 8)
    torch.testing.assert_close(ours(tokens), ours.outward(mixed), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", [NLinear, DLinear])
def test_linear_layers_learn_a_linear_oscillation(kind: type[NLinear] | type[DLinear]) -> None:
    t = 0.3 * np.arange(900)
    waves = np.stack((np.sin(t), np.cos(0.7 * t)), 1)
    model = kind(window=16, block=4, updates=1500, noise=0.0)
    model.fit(Training([waves], 0.3), seed=0)
    assert np.abs(model.forecast(waves[None, :40], 12)[0, 0] - waves[40:52]).max() < 0.05


def test_mixing_components_is_what_lets_them_see_each_other() -> None:
    window = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(2))
    moved = window.clone()
    moved[:, :, 1] += 1.0 + torch.arange(8.0)
    for mixed in (False, True):
        core = PatchTST(window=8, block=2, patch=4, mixed=mixed)._core(3, torch.Generator().manual_seed(0))
        change = (core(moved) - core(window)).abs().amax((0, 1))
        assert bool(change[0] > 0) is bool(change[2] > 0) is mixed
        assert change[1] > 0


def test_problems_and_options_that_do_not_fit_are_refused() -> None:
    assert "a window of 16 samples needs 16" in str(NBeats().unsupported(Problem(3, 0.1, 10, 5, 5000)))
    assert "a window of 16 samples and a block of 8 need 24" in str(NBeats().unsupported(Problem(3, 0.1, 100, 5, 40)))
    with pytest.raises(ForecasterError, match=r"window = 30: must be a multiple of patch = 4; take 32"):
        PatchTST(window=30)
    with pytest.raises(ForecasterError, match=r"width = 30: must be a multiple of heads = 4; take 32"):
        PatchTST(width=30)
