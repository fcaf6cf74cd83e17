"""The generalised delta rule of RWKV-7: a matrix memory that replaces what it held under a key. Chunks at once for training, steps for rollouts.

Mixing over time and mixing over channels are two layers; each reads the last input beside the present one (token shift).
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chaosbench.forecasters._gated_linear import RANK
from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters._selective import SelectiveLayer, SelectiveStep, doubles, first_rates, rowwise

FASTEST = math.exp(-0.5)  # largest rate -log(w) at which a memory fades by itself: w > exp(-exp(-1/2)) = 0.5452
LONGEST = 64  # samples in a chunk, over which inverse decays stay below exp(39)
_TINY = 1e-12  # smallest length of a key that is divided by


class Heard(NamedTuple):
    """What one sample says to the memory, each (..., G, K): removal of length 1, rate in (0, 1), log_decay in (-exp(-1/2), 0)."""

    receptance: Tensor
    log_decay: Tensor
    removal: Tensor
    rate: Tensor
    key: Tensor
    value: Tensor


def delta_products(heard: Heard, start: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return o (B, L, G, K) and the last state of S_t = S_{t-1} (diag w_t - kappa_t (a_t kappa_t)') + v_t k_t', o_t = S_t r_t, for G heads.

    heard: parts (B, L, G, K): r, log w, kappa, a, k, v; start (B, G, K, K), values by keys.
    Method: with c_t the product of the w up to t in the chunk, Z_t = S_t diag(1 / c_t) changes by outer products alone: Z_t = Z_{t-1} - u_t (a kappa
    / c_t)' + v_t (k / c_t)', u_t = Z_{t-1} (c_{t-1} kappa_t). All u of a chunk together solve one unit lower triangular system.
    Source: B. Peng et al., "RWKV-7 'Goose' with Expressive Dynamic State Evolution", arXiv:2503.14456.
    """
    parts, state = [], start
    inputs = [part.transpose(1, 2) for part in heard]
    for first in range(0, inputs[0].shape[2], chunk):
        seen, state = _chunk(Heard(*(part[:, :, first : first + chunk] for part in inputs)), state)
        parts.append(seen)
    return torch.cat(parts, 2).transpose(1, 2), state


def _chunk(heard: Heard, state: Tensor) -> tuple[Tensor, Tensor]:
    decay = heard.log_decay.cumsum(2)  # (B, G, L, K)
    earlier = torch.cat((torch.zeros_like(decay[:, :, :1]), decay[:, :, :-1]), 2)
    inverse = torch.exp(-decay)
    asking = torch.cat((heard.removal * torch.exp(earlier), heard.receptance * torch.exp(decay)), 2)
    written = torch.cat((heard.rate * heard.removal * inverse, heard.key * inverse), 2)
    length = decay.shape[2]
    past = torch.ones(length, length, dtype=decay.dtype, device=decay.device).tril()
    before = past.tril(-1)
    scores = (asking @ written.mT) * torch.cat((torch.cat((before, before), 1), torch.cat((past, past), 1)))
    held = asking @ state.mT  # (B, G, 2 L, K)
    right = held[:, :, :length] + scores[:, :, :length, length:] @ heard.value
    removed = torch.linalg.solve_triangular(scores[:, :, :length, :length], right, upper=False, unitriangular=True)
    added = torch.cat((-removed, heard.value), 2)
    return held[:, :, length:] + scores[:, :, length:] @ added, (state + added.mT @ written) * torch.exp(decay[:, :, -1:])


def delta_step(heard: Heard, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return o (W, G, K) and the next state (W, G, K, K) from one sample, parts (W, G, K)."""
    removed = (state * heard.removal[:, :, None]).sum(-1)
    state = state * torch.exp(heard.log_decay)[:, :, None] - removed[..., None] * (heard.rate * heard.removal)[:, :, None]
    state = state + heard.value[..., None] * heard.key[:, :, None]
    return (state * heard.receptance[:, :, None]).sum(-1), state


_Parts = Mapping[str, Callable[[Tensor], Tensor]]
_Weights = Mapping[str, Tensor]


class TimeMixing(SelectiveLayer):
    """r, w, k, v, a, g from mixtures u_t + m (u_{t-1} - u_t), one m each; S by the delta rule in heads of `head`; out (g (group norm(S r) + bonus)).

    r, k', v linear; w = exp(-exp(-1/2) sigmoid(D tanh(E u) + d)); a = sigmoid(A B u + b); g = C sigmoid(F u), inner sizes 16; kappa = k' x / its
    length in each head; k = k' (1 + y (a - 1)); bonus = (r . (z k)) v in each head, with vectors x, y, z (H,). Rates -log(w) start log-uniform in
    [1/64, 1/5].
    """

    undecayed = ("mixtures", "fading.bias", "rate.bias", "removing", "replacing", "bonus", "gain", "shift")

    def __init__(self, width: int, head: int, chunk: int, draws: torch.Generator) -> None:
        super().__init__()
        self.head, self.chunk = head, chunk
        self.sizes = (width, width * head)
        self.mixtures = nn.Parameter(torch.rand(6, width, generator=draws))
        self.receptance, self.key, self.value = (Linear(width, width, draws, bias=False) for _ in range(3))
        self.low_fading, self.fading = Linear(width, RANK, draws, bias=False), Linear(RANK, width, draws)
        self.low_rate, self.rate = Linear(width, RANK, draws, bias=False), Linear(RANK, width, draws)
        self.low_gate, self.gate = Linear(width, RANK, draws, bias=False), Linear(RANK, width, draws, bias=False)
        share = first_rates(draws, width) / FASTEST
        self.fading.bias = nn.Parameter(torch.log(share / (1.0 - share)))
        self.rate.bias = nn.Parameter(torch.zeros(width))
        self.removing, self.replacing = nn.Parameter(torch.full((width,), 0.85)), nn.Parameter(torch.ones(width))
        self.bonus = nn.Parameter(torch.zeros(width))
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.outward = Linear(width, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        parts, weights = dict(self.named_children()), dict(self.named_parameters())
        heard, gate = self.heard(parts, weights, stream, torch.cat((state[0][:, None], stream[:, :-1]), 1))
        seen, after = delta_products(heard, state[1].reshape(len(stream), -1, self.head, self.head), self.chunk)
        return self.outward(self.shown(weights, seen, heard) * gate), (stream[:, -1], after.flatten(1))

    def heard(self, parts: _Parts, weights: _Weights, stream: Tensor, last: Tensor) -> tuple[Heard, Tensor]:
        """Return what inputs (..., H) that follow `last` say to the memory, and the gate (..., H)."""
        change = last - stream
        mixed = [stream + mixture * change for mixture in weights["mixtures"]]
        receptance, key, value = parts["receptance"](mixed[0]), parts["key"](mixed[2]), parts["value"](mixed[3])
        log_decay = -FASTEST * torch.sigmoid(parts["fading"](torch.tanh(parts["low_fading"](mixed[1]))))
        rate = torch.sigmoid(parts["rate"](parts["low_rate"](mixed[4])))
        gate = parts["gate"](torch.sigmoid(parts["low_gate"](mixed[5])))
        removal = self._in_heads(key * weights["removing"])
        removal = removal / torch.linalg.vector_norm(removal, dim=-1, keepdim=True).clamp_min(_TINY)
        key = key * (1.0 + weights["replacing"] * (rate - 1.0))
        receptance, log_decay, rate, key, value = (self._in_heads(part) for part in (receptance, log_decay, rate, key, value))
        return Heard(receptance, log_decay, removal, rate, key, value), gate

    def _in_heads(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], -1, self.head)

    def shown(self, weights: _Weights, seen: Tensor, heard: Heard) -> Tensor:
        """Return what the heads saw (..., G, K), each normalised and with its bonus, side by side (..., H)."""
        centred = seen - seen.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + self.head * 1e-5)
        own = (heard.receptance * heard.key * weights["bonus"].reshape(-1, self.head)).sum(-1, keepdim=True) * heard.value
        return scaled.flatten(-2) * weights["gain"] + weights["shift"] + own.flatten(-2)

    def stepper(self) -> SelectiveStep:
        return _TimeStep(self)


class _TimeStep(SelectiveStep):
    def __init__(self, layer: TimeMixing) -> None:
        self._layer, self._parts, self._weights = layer, rowwise(layer), doubles(layer)

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heard, gate = self._layer.heard(self._parts, self._weights, stream, before)
        seen, after = delta_step(heard, memory.reshape(*heard.key.shape, -1))
        return self._parts["outward"](self._layer.shown(self._weights, seen, heard) * gate), stream, after.flatten(1)


class ChannelMixing(SelectiveLayer):
    """W relu(V (u_t + m (u_{t-1} - u_t)))^2 with `inner` units."""

    undecayed = ("mixture",)

    def __init__(self, width: int, inner: int, draws: torch.Generator) -> None:
        super().__init__()
        self.sizes = (width, 0)
        self.mixture = nn.Parameter(torch.rand(width, generator=draws))
        self.inward, self.outward = Linear(width, inner, draws, bias=False), Linear(inner, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        last = torch.cat((state[0][:, None], stream[:, :-1]), 1)
        hidden = torch.relu(self.inward(stream + self.mixture * (last - stream)))
        return self.outward(hidden.square()), (stream[:, -1], state[1])

    def stepper(self) -> SelectiveStep:
        return _ChannelStep(self)


class _ChannelStep(SelectiveStep):
    def __init__(self, layer: ChannelMixing) -> None:
        self._parts, self._mixture = rowwise(layer), doubles(layer)["mixture"]

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = torch.relu(self._parts["inward"](stream + self._mixture * (before - stream)))
        return self._parts["outward"](hidden.square()), stream, memory
