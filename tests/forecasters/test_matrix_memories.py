"""Matrix memories read in chunks: gated linear attention and the delta rule are their recurrences, in values, gradients and carried states."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from chaosbench.errors import ForecasterError
from chaosbench.forecasters import _gated_linear
from chaosbench.forecasters._delta_rule import ChannelMixing, Heard, TimeMixing, delta_products, delta_step
from chaosbench.forecasters._gated_linear import GatedLinearAttention, gated_products, gated_step
from chaosbench.forecasters._selective import doubles, rowwise
from chaosbench.forecasters.gla import GLA
from chaosbench.forecasters.rwkv7 import RWKV7

B, G, K, P = 2, 3, 16, 8
PRECISIONS = [(torch.float64, 1e-14), (torch.float32, 1e-6)]
SERIES = [np.random.default_rng(0).normal(size=(50, 3))]


def drawn(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def attended(length: int, temperature: float, scale: float = 1.0, dtype: torch.dtype = torch.float64, keys: int = K) -> tuple[Tensor, ...]:
    """Return query, key, value, log_decay, start; gates read from normal numbers times `scale`."""
    query, key, gate = (drawn(B, length, G, keys, seed=n, dtype=dtype) for n in range(3))
    log_decay = torch.nn.functional.logsigmoid(scale * gate) / temperature
    return query, key, drawn(B, length, G, P, seed=3, dtype=dtype), log_decay, drawn(B, G, P, keys, seed=4, dtype=dtype)


def attention_loop(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """S_t = S_{t-1} diag(alpha_t) + v_t k_t', o_t = S_t q_t, as it is written."""
    state, seen = start, []
    for t in range(query.shape[1]):
        state = state @ torch.diag_embed(torch.exp(log_decay[:, t])) + value[:, t, :, :, None] @ key[:, t, :, None]
        seen.append((state @ query[:, t, :, :, None])[..., 0])
    return torch.stack(seen, 1), state


def heard(length: int, scale: float = 1.0, dtype: torch.dtype = torch.float64, size: int = K) -> Heard:
    """Return r, log w, kappa, a, k, v; w and a read from normal numbers times `scale`."""
    receptance, fading, removal, rate, key, value = (drawn(B, length, G, size, seed=n, dtype=dtype) for n in range(6))
    removal = removal / torch.linalg.vector_norm(removal, dim=-1, keepdim=True)
    return Heard(receptance, -math.exp(-0.5) * torch.sigmoid(scale * fading), removal, torch.sigmoid(scale * rate), key, value)


def delta_loop(given: Heard, start: Tensor) -> tuple[Tensor, Tensor]:
    """S_t = S_{t-1} (diag w - kappa (a kappa)') + v k', o = S r, as it is written."""
    state, seen = start, []
    for t in range(given.key.shape[1]):
        receptance, log_decay, removal, rate, key, value = (part[:, t] for part in given)
        transition = torch.diag_embed(torch.exp(log_decay)) - removal[..., None] * (rate * removal)[..., None, :]
        state = state @ transition + value[..., None] * key[..., None, :]
        seen.append((state @ receptance[..., None])[..., 0])
    return torch.stack(seen, 1), state


def assert_equal_to(tolerance: float, found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    """Hold outputs and last states to `tolerance` of the largest number among them."""
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max()) <= tolerance * float(theirs.abs().max())


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("length", [1, 32, 97, 256])
def test_attention_in_chunks_of_32_is_the_recurrence_at_the_temperature_of_the_source(length: int, dtype: torch.dtype, tolerance: float) -> None:
    inputs = attended(length, 16.0, dtype=dtype)
    assert_equal_to(tolerance, gated_products(*inputs, 32), attention_loop(*inputs))


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_attention_at_temperature_one_is_masked_and_never_no_number(scale: float, dtype: torch.dtype, tolerance: float) -> None:
    inputs = attended(97, 1.0, scale, dtype)
    assert_equal_to(tolerance, gated_products(*inputs, 32), attention_loop(*inputs))
    if scale > 1.0 and dtype is torch.float32:  # what the factored form would have made of it
        assert not torch.isfinite(torch.exp(-inputs[3][:, :32].cumsum(1))).all()
    leaves = [part.requires_grad_() for part in inputs]
    slopes = torch.autograd.grad(gated_products(*leaves, 32)[0].square().sum(), leaves)
    assert all(bool(torch.isfinite(slope).all()) for slope in slopes)


@pytest.mark.parametrize("steep", [0.0, math.inf], ids=["masked", "factored"])
def test_both_forms_of_attention_are_the_recurrence(steep: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gated_linear, "_STEEP", steep)
    inputs = attended(45, 4.0)
    assert_equal_to(1e-13, gated_products(*inputs, 13), attention_loop(*inputs))  # the factored form loses a digit to exp(10)
    small = tuple(part.requires_grad_() for part in attended(5, 2.0, keys=2))
    assert torch.autograd.gradcheck(lambda *parts: gated_products(*parts, 3), small)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("length", [1, 16, 97, 256])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_delta_rule_in_chunks_of_16_is_the_recurrence(length: int, scale: float, dtype: torch.dtype, tolerance: float) -> None:
    given, start = heard(length, scale, dtype), drawn(B, G, K, K, seed=7, dtype=dtype)
    assert_equal_to(tolerance, delta_products(given, start, 16), delta_loop(given, start))


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_delta_rule_does_not_depend_on_its_chunks(chunk: int) -> None:
    given, start = heard(97), drawn(B, G, K, K, seed=7)
    assert_equal_to(1e-13, delta_products(given, start, chunk), delta_loop(given, start))


def test_the_gradient_of_the_delta_rule_is_its_derivative() -> None:
    parts = tuple(part.detach().requires_grad_() for part in (*heard(5, size=2), drawn(B, G, 2, 2, seed=7)))
    assert torch.autograd.gradcheck(lambda *given: delta_products(Heard(*given[:6]), given[6], 3), parts)


def test_single_steps_are_the_recurrences() -> None:
    query, key, value, log_decay, state = attended(9, 16.0)
    seen, after = [], state
    for t in range(9):
        output, after = gated_step(query[:, t], key[:, t], value[:, t], log_decay[:, t], after)
        seen.append(output)
    assert_equal_to(1e-14, (torch.stack(seen, 1), after), attention_loop(query, key, value, log_decay, state))
    given, start = heard(9), drawn(B, G, K, K, seed=7)
    seen, after = [], start
    for t in range(9):
        output, after = delta_step(Heard(*(part[:, t] for part in given)), after)
        seen.append(output)
    assert_equal_to(1e-14, (torch.stack(seen, 1), after), delta_loop(given, start))


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_one_step_of_the_delta_rule_has_real_eigenvalues_between_the_smallest_decay_less_one_and_one(scale: float) -> None:
    layer = TimeMixing(32, 16, 16, torch.Generator().manual_seed(0)).double()
    for values in layer.parameters():
        values.data.mul_(scale**0.25)  # products of two matrices meet two functions that saturate
    with torch.no_grad():
        given, _ = layer.heard(rowwise(layer), doubles(layer), scale * drawn(100, 32, seed=1), scale * drawn(100, 32, seed=2))
        silent = given._replace(value=torch.zeros_like(given.value))
        _, transition = delta_step(silent, torch.eye(16, dtype=torch.float64).expand(100, 2, 16, 16))
    values = np.linalg.eigvals(transition.numpy())
    assert np.abs(values.imag).max() < 1e-12
    assert values.real.min() > -0.4548  # exp(-exp(-1/2)) - 1 = 0.5452 - 1
    assert values.real.max() < 1.0


def test_the_bounds_of_the_eigenvalues_are_reached() -> None:
    # one channel: w - a with kappa = 1; w = exp(-exp(-1/2)) and a = 1 at the one end, w = 1 and a = 0 at the other
    ends = []
    for log_decay, rate in ((-math.exp(-0.5), 1.0), (0.0, 0.0)):
        one = torch.ones(1, 1, 1, dtype=torch.float64)
        _, after = delta_step(Heard(one, log_decay * one, one, rate * one, one, 0.0 * one), torch.ones(1, 1, 1, 1, dtype=torch.float64))
        ends.append(float(after))
    assert ends == pytest.approx([math.exp(-math.exp(-0.5)) - 1.0, 1.0], abs=1e-15)
    assert ends[0] == pytest.approx(-0.4548, abs=5e-5)


def test_a_rate_of_one_without_decay_replaces_what_a_key_held() -> None:
    """The delta rule: with w = 1, a = 1 and k = kappa the memory answers kappa with v, and what it holds under other keys stays."""
    kept, asked = drawn(1, 1, 2, seed=0), torch.zeros(1, 1, 2, dtype=torch.float64)
    asked[..., 0] = 1.0
    start = drawn(1, 1, 2, 2, seed=1)
    seen, after = delta_step(Heard(asked, torch.zeros_like(asked), asked, torch.ones_like(asked), asked, kept), start)
    torch.testing.assert_close(seen, kept, rtol=1e-15, atol=0.0)
    torch.testing.assert_close(after[..., 1], start[..., 1], rtol=0.0, atol=0.0)


def test_rates_start_in_their_range() -> None:
    attention = GatedLinearAttention(64, 16, 32, 16.0, 32, torch.Generator().manual_seed(0))
    mixing = TimeMixing(1024, 16, 16, torch.Generator().manual_seed(0))
    assert attention.fading.bias is not None
    assert mixing.fading.bias is not None
    first = (-torch.nn.functional.logsigmoid(attention.fading.bias) / 16.0, math.exp(-0.5) * torch.sigmoid(mixing.fading.bias))
    for rates in first:
        assert 1.0 / 64.0 * 0.99999 <= float(rates.detach().min()) < 1.2 / 64.0
        assert 0.17 < float(rates.detach().max()) <= 0.2 * 1.00001


def test_the_number_of_weights_is_that_of_the_equations() -> None:
    D, H, N, G = 3, 32, 16, 2
    ends = D * H + H + H * D + D
    attention = 2 * H * G * N + H * H + (H * H + H) + H * 16 + 16 * G * N + G * N + H + H * H  # q, k; v; gate; decay; gain; out
    perceptron = H * 2 * 2 * H + 2 * H * H
    gla = GLA()._untrained(SERIES, torch.Generator().manual_seed(0))
    assert sum(values.numel() for values in gla.parameters()) == ends + 2 * (attention + perceptron)
    # mixtures; r, k, v; decay and rate; gate; kappa, k, bonus; group norm; out
    time = 6 * H + 3 * H * H + 2 * (H * 16 + 16 * H + H) + (H * 16 + 16 * H) + 3 * H + 2 * H + H * H
    channels = H + H * 4 * H + 4 * H * H
    rwkv = RWKV7()._untrained(SERIES, torch.Generator().manual_seed(0))
    assert sum(values.numel() for values in rwkv.parameters()) == ends + 2 * (time + channels)


def test_weight_decay_leaves_gates_and_gains_alone() -> None:
    for model, names in ((GLA(layers=1), {"fading.bias", "gain"}), (RWKV7(layers=1), set(TimeMixing.undecayed) | set(ChannelMixing.undecayed))):
        network = model._untrained(SERIES, torch.Generator().manual_seed(0))
        (decayed, _, decays), (others, _, spared) = network.groups()
        assert (decays, spared) == (True, False)
        assert len(decayed) + len(others) == len(list(network.parameters()))
        assert len(others) == len(names)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (GLA, {"heads": 5}, r"heads = 5: must divide width = 32"),
        (GLA, {"modes": 20}, r"modes = 20: must be a multiple of 16.*take 32"),
        (GLA, {"temperature": 0.0}, r"temperature = 0\.0: must be a positive number"),
        (RWKV7, {"head": 5}, r"head = 5: must divide width = 32"),
        (RWKV7, {"chunk": 65}, r"chunk"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(kind: type[GLA] | type[RWKV7], options: dict[str, float], message: str) -> None:
    with pytest.raises(ForecasterError, match=message):
        kind(**options)  # type: ignore[arg-type]
