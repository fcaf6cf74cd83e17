"""Linear recurrences over time at once: elementwise with a backward pass written out, and with one decay a head by matrix products in chunks.

Elementwise: h_t = a_t h_{t-1} + b_t in ceil(log2 L) passes (Hillis and Steele). Autograd would keep every pass; the written-out backward is one more
scan, backwards. torch's own associative_scan is a prototype whose documentation warns of miscompilation, so it is not used.
"""

import math
from typing import Any

import torch
from torch import Tensor


def _scanned(a: Tensor, b: Tensor) -> Tensor:
    """Return h (B, L, ...) with h_t = a_t h_{t-1} + b_t, h before the first 0."""
    shift, length = 1, b.shape[1]
    while shift < length:
        b = torch.cat((b[:, :shift], torch.addcmul(b[:, shift:], a[:, shift:], b[:, :-shift])), 1)
        if 2 * shift < length:
            a = torch.cat((a[:, :shift], a[:, shift:] * a[:, :-shift]), 1)
        shift *= 2
    return b


def _states(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    first = torch.addcmul(b[:, 0], a[:, 0], start)
    return _scanned(a, torch.cat((first[:, None], b[:, 1:]), 1))


class LinearScan(torch.autograd.Function):
    """Inputs a, b (B, L, ...) and start h_0 (B, ...). Output: h_1..h_L (B, L, ...)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        states = _states(a, b, start)
        ctx.save_for_backward(a, states, start)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, states, start = ctx.saved_tensors
        later = torch.cat((a[:, 1:], torch.zeros_like(a[:, :1])), 1)  # what h_t is multiplied by on its way to h_{t+1}
        to_b = _scanned(later.flip(1), gradients[0].flip(1)).flip(1)
        before = torch.cat((start[:, None], states[:, :-1]), 1)
        return to_b * before, to_b, to_b[:, 0] * a[:, 0]


def linear_scan(a: Tensor, b: Tensor, start: Tensor | None = None, resets: Tensor | None = None) -> Tensor:
    """Return h_1..h_L (B, L, ...) of h_t = a_t h_{t-1} + b_t.

    start: h_0 (B, ...), default 0. resets: (B, L, ...) of 0 and 1, broadcast over a; where 1 the recurrence forgets what was before.
    """
    a = a if resets is None else a * (1.0 - resets)
    a, b = a.expand_as(b), b.expand_as(a)
    start = torch.zeros_like(b[:, 0]) if start is None else start
    if not torch.is_grad_enabled():  # nothing to keep; and dual numbers pass
        return _states(a, b, start)
    states: Tensor = LinearScan.apply(a, b, start)  # type: ignore[no-untyped-call]
    return states


def decayed_products(x: Tensor, step: Tensor, rate: Tensor, key: Tensor, query: Tensor, start: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return y (B, L, G, P) and the last state of h_t = exp(step_t rate) h_{t-1} + step_t key_t x_t', y_t = query_t' h_t, for G heads.

    x (B, L, G, P); step (B, L, G) > 0; rate (G,) < 0; key, query (B, L, N), shared by the heads; start (B, G, N, P).
    Method: the chunked products of state-space duality: inside a chunk a masked product of queries and keys, between chunks the state.
    Source: T. Dao, A. Gu, "Transformers are SSMs", ICML 2024, arXiv:2405.21060, section 6.
    """
    parts, state = [], start
    for first in range(0, x.shape[1], chunk):
        span = slice(first, first + chunk)
        seen, state = _chunk(x[:, span], step[:, span], rate, key[:, span], query[:, span], state)
        parts.append(seen)
    return torch.cat(parts, 1), state


def _chunk(x: Tensor, step: Tensor, rate: Tensor, key: Tensor, query: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    step = step.permute(0, 2, 1)  # (B, G, L)
    decay = step * rate[:, None]
    mask = remaining(decay)
    scores = (query @ key.transpose(1, 2))[:, None] * mask * step[:, :, None]
    values = x.transpose(1, 2)  # (B, G, L, P)
    since_start = torch.exp(decay.cumsum(2))[..., None]
    weighted = key[:, None] * (mask[:, :, -1] * step)[..., None]  # (B, G, L, N)
    after = since_start[:, :, -1:] * state + weighted.transpose(2, 3) @ values
    return (scores @ values + (query[:, None] * since_start) @ state).transpose(1, 2), after


def remaining(log_decay: Tensor) -> Tensor:
    """Return what is left at t of what came at s, exp of the sum of `log_decay` (..., L) over the samples after s up to t: (..., t, s), 0 for s > t.

    Every sum is made for itself: a difference of two sums from the start has the rounding errors of long sums in it, in float32 some 1e-6 of decays
    over 64 samples.
    """
    length = log_decay.shape[-1]
    ones = torch.ones(length, length, dtype=torch.bool, device=log_decay.device)
    between = (log_decay[..., None] * ones.tril(-1)).cumsum(-2)
    return torch.exp(between.masked_fill(ones.triu(1), -math.inf))
