"""Linear recurrences at once: values and gradients against the loop over time, chunks, resets, states handed on."""

import pytest
import torch
from torch import Tensor

from chaosbench.forecasters._scan import decayed_products, linear_scan, remaining


def looped(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    state, states = start, []
    for t in range(b.shape[1]):
        state = a[:, t] * state + b[:, t]
        states.append(state)
    return torch.stack(states, 1)


def drawn(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("length", [1, 2, 7, 64, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
def test_the_scan_is_the_loop_in_values_and_gradients(length: int, dtype: torch.dtype, tolerance: float) -> None:
    a = torch.tanh(drawn(3, length, 4, seed=0, dtype=dtype)).requires_grad_()
    b, start = drawn(3, length, 4, seed=1, dtype=dtype).requires_grad_(), drawn(3, 4, seed=2, dtype=dtype).requires_grad_()
    weight = drawn(3, length, 4, seed=3, dtype=dtype)
    results = []
    for scan in (linear_scan, looped):
        states = scan(a, b, start)
        results.append((states, *torch.autograd.grad((states * weight).sum(), (a, b, start))))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=tolerance, atol=tolerance * float(slow.detach().abs().max()))


def test_the_backward_pass_is_the_derivative() -> None:
    a, b, start = (drawn(*shape, seed=n).requires_grad_() for n, shape in enumerate([(2, 5, 3), (2, 5, 3), (2, 3)]))
    assert torch.autograd.gradcheck(lambda *inputs: linear_scan(*inputs), (a, b, start))


def test_a_reset_forgets_what_was_before() -> None:
    a, b = drawn(1, 8, 2, seed=0), drawn(1, 8, 2, seed=1)
    resets = torch.zeros(1, 8, 1, dtype=torch.float64)
    resets[0, 5] = 1.0
    states = linear_scan(a, b, resets=resets)
    torch.testing.assert_close(states[:, 5:], looped(torch.cat((torch.zeros_like(a[:, :1]), a[:, 6:]), 1), b[:, 5:], torch.zeros(1, 2).double()))
    torch.testing.assert_close(states[:, :5], looped(a[:, :5], b[:, :5], torch.zeros(1, 2).double()))


@pytest.mark.slow  # tracing loads the compiler
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # the tracer's own
def test_the_scan_is_traced_as_one_graph() -> None:
    a, b = torch.tanh(drawn(2, 16, 3, seed=0)), drawn(2, 16, 3, seed=1)
    traced = torch.compile(lambda a, b: linear_scan(a, b).sum(), fullgraph=True, backend="eager")
    torch.testing.assert_close(traced(a, b), linear_scan(a, b).sum())


@pytest.mark.parametrize("length", [40, 256])
@pytest.mark.parametrize("fastest", [1.0, 16.0])
@pytest.mark.parametrize("chunk", [1, 5, 16, 64])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_chunked_products_are_the_recurrence(chunk: int, length: int, fastest: float, dtype: torch.dtype, tolerance: float) -> None:
    batch, heads, size, states = 2, 3, 4, 5
    x, key, query = (drawn(batch, length, *rest, seed=n, dtype=dtype) for n, rest in enumerate([(heads, size), (states,), (states,)]))
    step = torch.nn.functional.softplus(drawn(batch, length, heads, seed=4, dtype=dtype))
    rate = torch.linspace(-fastest, -fastest / heads, heads, dtype=dtype)
    start = drawn(batch, heads, states, size, seed=6, dtype=dtype)
    seen, after = decayed_products(x, step, rate, key, query, start, chunk)
    state, expected = start, []
    for t in range(length):
        state = torch.exp(step[:, t] * rate)[..., None, None] * state
        state = state + step[:, t, :, None, None] * key[:, t, None, :, None] * x[:, t, :, None]
        expected.append(torch.einsum("bn,bgnp->bgp", query[:, t], state))
    for ours, theirs in ((seen, torch.stack(expected, 1)), (after, state)):
        assert float((ours - theirs).abs().max()) <= tolerance * float(theirs.abs().max())


def test_what_remains_is_the_product_of_the_decays_between() -> None:
    decay = torch.tensor([0.5, 0.25, 0.125, 0.5], dtype=torch.float64)
    expected = [[1.0, 0.0, 0.0, 0.0], [0.25, 1.0, 0.0, 0.0], [0.03125, 0.125, 1.0, 0.0], [0.015625, 0.0625, 0.5, 1.0]]
    torch.testing.assert_close(remaining(torch.log(decay)), torch.tensor(expected, dtype=torch.float64), rtol=1e-15, atol=0.0)
