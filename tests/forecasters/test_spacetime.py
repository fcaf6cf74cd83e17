"""Companion filters: an autoregression is continued exactly, reading never grows, and no answer looks ahead."""

import numpy as np
import torch

from chaosbench.forecasters._kernels import companion, krylov
from chaosbench.forecasters.spacetime import _ClosedLoop, _Companions, _Core


def test_the_closed_loop_continues_an_autoregression_exactly() -> None:
    poles = [0.95 * np.exp(0.7j), 0.95 * np.exp(-0.7j), 0.99 * np.exp(0.2j), 0.99 * np.exp(-0.2j), 0.5, -0.6]
    weights = torch.as_tensor(-np.poly(poles).real[1:].copy())
    series = list(np.random.default_rng(0).normal(size=6))
    for _ in range(260):
        series.append(float(weights @ torch.as_tensor(np.array(series[:-7:-1]))))
    loop = _ClosedLoop(1, 6, 200, torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        loop.filter.column.zero_()
        loop.filter.input.copy_(torch.eye(6)[:1])
        loop.output.copy_(weights[None])
        loop.feedback.copy_(weights[None])
        found = loop(torch.as_tensor(np.array(series[:66]))[None, None])[0, 0]
    np.testing.assert_allclose(found, series[66:], rtol=0, atol=1e-11)


def test_reading_never_grows() -> None:
    draws = torch.Generator().manual_seed(1)
    filters = _Companions(200, 8, draws)
    with torch.no_grad():
        filters.column.mul_(10.0)
        radius = torch.linalg.eigvals(filters.matrix()).abs().amax(-1)
    assert float(radius.max()) <= 1.0 + 1e-6


def test_the_loop_is_what_stepping_with_its_own_output_gives() -> None:
    loop = _ClosedLoop(2, 4, 5, torch.Generator().manual_seed(2)).double().requires_grad_(False)
    stream = torch.randn(2, 1, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = loop(stream)
    A = loop.filter.matrix()
    for channel in range(2):
        state = torch.zeros(4, dtype=torch.float64)
        for t in range(9):
            state = A[channel] @ state + loop.filter.input[channel] * stream[channel, 0, t]
        for h in range(5):
            assert torch.isclose(found[channel, 0, h], loop.output[channel] @ state, rtol=1e-12)
            state = A[channel] @ state + loop.filter.input[channel] * (loop.feedback[channel] @ state)


def test_readers_see_no_later_sample() -> None:
    reader = _Core(3, 2, 8, 4, 1, torch.Generator().manual_seed(4)).double().readers[0]
    stream = torch.randn(8, 1, 7, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(reader, stream)[:, 0, :, :, 0]  # (H, L, H, L)
    for t in range(7):
        assert torch.all(slopes[:, t, :, t + 1 :] == 0.0)
        assert torch.any(slopes[:, t, :, t] != 0.0)


def test_a_companion_response_is_the_recursion_of_its_column() -> None:
    column = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    rows = krylov(companion(column), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64), 9)
    last = rows[:, -1]
    for n in range(5, 9):
        assert torch.isclose(last[n], column[2] * last[n - 1] + column[1] * last[n - 2] + column[0] * last[n - 3])
