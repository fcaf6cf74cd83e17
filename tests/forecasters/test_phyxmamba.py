"""Patches of delay coordinates, several patches ahead, and the discrepancy that holds free runs to the attractor."""

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._discrepancy import discrepancy
from chaosbench.forecasters.phyxmamba import PhyxMamba, _Core

WIDTHS = (0.5, 1.0)


def core(delays: int = 2, lag: int = 3) -> _Core:
    return _Core(2, 4, delays, lag, 16, 16, 2, torch.Generator().manual_seed(0)).double()


def series(length: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(2, length, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_discrepancy_of_two_points_is_that_of_the_formula() -> None:
    first, second = torch.tensor([[0.0]]), torch.tensor([[2.0]])
    expected = 2.0 * sum(1.0 - s**2 / (s**2 + 4.0) for s in WIDTHS)
    assert float(discrepancy(first, second, WIDTHS)) == pytest.approx(expected)


def test_the_discrepancy_of_a_cloud_with_itself_in_another_order_is_zero_and_else_positive() -> None:
    cloud = torch.randn(3, 40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(discrepancy(cloud, cloud.flip(1), WIDTHS), torch.zeros(3, dtype=torch.float64), rtol=0.0, atol=1e-14)
    assert torch.all(discrepancy(cloud, 1.5 * cloud, WIDTHS) > 1e-4)


def test_delay_coordinates_are_zero_where_they_reach_before_the_window() -> None:
    made = core()
    made.embed.weight.data = torch.eye(16, 16, dtype=torch.float64)  # 4 samples of (2 components, 2 delayed)
    made.embed.bias.data.zero_()
    given = series(8)
    tokens = made.tokens(given) - made.tokens(torch.zeros_like(given))
    rows = tokens.reshape(2, 8, 4)
    torch.testing.assert_close(rows[:, :, :2], given)
    torch.testing.assert_close(rows[:, 3:, 2:], given[:, :-3])
    assert torch.all(rows[:, :3, 2:] == 0.0)


def test_the_prediction_after_a_window_is_the_last_of_those_in_training() -> None:
    made, given = core(), series(16)
    (nearest, *_) = made.patches_after(given)
    torch.testing.assert_close(made(given), given[:, -1:] + nearest[:, -1].reshape(2, 4, 2))


def test_each_patch_further_ahead_has_one_token_less_and_reads_no_more_than_what_came_before() -> None:
    made, given = core(), series(20).requires_grad_()
    answers = made.patches_after(given)
    assert [answer.shape[1] for answer in answers] == [5, 4, 3, 2]
    for n, answer in enumerate(answers):
        (slope,) = torch.autograd.grad(answer[0, 0].sum(), given, retain_graph=True)
        known = 4 * (1 + n)  # n further patches are handed to the module for n + 1 ahead
        assert torch.all(slope[0, known:] == 0.0)
        assert torch.any(slope[0, known - 4 : known] != 0.0)


def test_the_loss_of_a_segment_is_zero_for_a_network_that_knows_the_line() -> None:
    model = PhyxMamba(window=8, patch=4, width=16, modes=16)._untrained([np.zeros((50, 2))], torch.Generator().manual_seed(0)).double()
    model.core.head.weight.data.zero_()
    model.core.head.bias.data = torch.tensor([n + 1.0 for n in range(4) for _ in range(2)], dtype=torch.float64)
    line = torch.arange(24.0, dtype=torch.float64)[None, :, None].expand(1, -1, 2)
    losses = model.segment_loss(line[:, :-1], line[:, 1:], None)[0]
    assert float(losses.detach()) == pytest.approx(0.0, abs=1e-12)  # each patch is told from the last sample that its module was handed
    worse = line + torch.sin(line)
    assert float(model.segment_loss(worse[:, :-1], worse[:, 1:], None)[0].detach()) > 0.1


def test_windows_and_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ForecasterError, match=r"window = 30: must be a multiple of 4; take 32"):
        PhyxMamba(window=30)
    with pytest.raises(ForecasterError, match=r"width = 40: must be a multiple of 16; take 48"):
        PhyxMamba(width=20)
