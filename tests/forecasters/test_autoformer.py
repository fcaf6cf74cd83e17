"""Auto-correlation: which lags it finds, and that the sum of shifts is one."""

import math

import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.autoformer import Autoformer, lagged_sum


def test_the_lags_found_in_a_sine_of_period_24_are_its_multiples() -> None:
    wave = torch.sin(2.0 * math.pi * torch.arange(192.0) / 24.0)[None, :, None]
    delta = torch.zeros(1, 192, 1)
    delta[0, 0] = 1.0
    weights = lagged_sum(wave, wave, delta, 1.0)[0, :, 0]  # place -l holds the weight of lag l
    found = {(-place) % 192 for place in torch.nonzero(weights > 1e-3).flatten().tolist()}
    assert len(found) == int(math.log(192))
    assert all(lag % 24 == 0 for lag in found)


def test_it_is_the_weighted_sum_over_circular_shifts() -> None:
    draws = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 10, 3, generator=draws, dtype=torch.float64) for _ in range(3))
    shifts = torch.stack([(query * torch.roll(key, lag, 1)).sum(1).mean(1) for lag in range(10)], 1)  # (B, L)
    count = int(2.0 * math.log(10))
    weight, lag = torch.topk(shifts, count, dim=1)
    weight = torch.softmax(weight, 1)
    expected = torch.stack([sum(weight[b, k] * torch.roll(value[b], -int(lag[b, k]), 0) for k in range(count)) for b in range(2)])
    torch.testing.assert_close(lagged_sum(query, key, value, 2.0), expected, rtol=1e-12, atol=1e-13)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match=r"factor = 0.0: must lie in \(0, 100\]"):
        Autoformer(factor=0.0)
    with pytest.raises(ForecasterError, match=r"window = 1: its second half"):
        Autoformer(window=1)
