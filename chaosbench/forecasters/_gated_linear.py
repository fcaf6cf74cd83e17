"""Gated linear attention: a matrix memory whose columns decay at rates read from the input. Chunks at once for training, steps for rollouts."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters._scan import remaining
from chaosbench.forecasters._selective import SelectiveLayer, SelectiveStep, before_softplus, doubles, first_rates, rowwise, silu
from chaosbench.forecasters._tangent_rows import normalise

RANK = 16  # of the products of two matrices from which rates are read
_STEEP = 16.0  # decay over a chunk, as a logarithm, beyond which factored scores lose digits of float32; at 88 they are no numbers


def gated_products(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, start: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return o (B, L, G, P) and the last state of S_t = S_{t-1} diag(exp(log_decay_t)) + v_t k_t', o_t = S_t q_t, for G heads.

    query, key (B, L, G, K); value (B, L, G, P); log_decay (B, L, G, K) < 0; start (B, G, P, K).
    Method: the chunked products of gated linear attention. Inside a chunk scores are products of q exp(b) and k exp(-b), b the sum of log_decay since
    the chunk began; where b falls below -16, decays between all pairs of samples are summed for themselves, masked and never inverted.
    Source: S. Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient Training", ICML 2024, arXiv:2312.06635, section 4.
    """
    parts, state = [], start
    inputs = [part.transpose(1, 2) for part in (query, key, value, log_decay)]
    for first in range(0, inputs[0].shape[2], chunk):
        query, key, value, log_decay = (part[:, :, first : first + chunk] for part in inputs)
        seen, state = _chunk(query, key, value, log_decay, state)
        parts.append(seen)
    return torch.cat(parts, 2).transpose(1, 2), state


def _chunk(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    decay = log_decay.cumsum(2)  # (B, G, L, K)
    remains = torch.exp(decay)
    asked = query * remains
    if bool((decay[:, :, -1] < -_STEEP).any()):
        scores, left = _masked(query, key, log_decay)
    else:
        scores = torch.tril(asked @ (key * torch.exp(-decay)).mT)
        left = torch.exp(decay[:, :, -1:] - decay)
    seen = scores @ value + asked @ state.mT
    return seen, state * remains[:, :, -1:] + value.mT @ (key * left)


def _masked(query: Tensor, key: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (B, G, t, s) and what is left of each sample at the end (B, G, s, K) without an inverse of any decay."""
    weights = remaining(log_decay.mT)  # (B, G, K, t, s)
    return (query.mT[..., None] * key.mT[..., None, :] * weights).sum(2), weights[:, :, :, -1].mT


def gated_step(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return o (W, G, P) and the next state (W, G, P, K) from one sample: query, key, log_decay (W, G, K), value (W, G, P)."""
    state = state * torch.exp(log_decay)[:, :, None] + value[..., None] * key[:, :, None]
    return (state * query[:, :, None]).sum(-1), state


class GatedLinearAttention(SelectiveLayer):
    """q, k, v = W u in heads; S_t = S_{t-1} diag(alpha_t) + v k'; out (g (S q / rms) silu(V u + c)), alpha = sigmoid(A B u + a)^(1 / temperature).

    `modes` keys and H / heads values a head, alpha one number a key; A B of rank 16; rms over the values of a head. Rates -log(alpha) start
    log-uniform in [1/64, 1/5].
    """

    undecayed = ("fading.bias", "gain")

    def __init__(self, width: int, modes: int, heads: int, temperature: float, chunk: int, draws: torch.Generator) -> None:
        super().__init__()
        self.heads, self.temperature, self.chunk = heads, temperature, chunk
        self.sizes = (0, width * modes)
        self.query, self.key = (Linear(width, heads * modes, draws, bias=False) for _ in range(2))
        self.value, self.gate = Linear(width, width, draws, bias=False), Linear(width, width, draws)
        self.low, self.fading = Linear(width, RANK, draws, bias=False), Linear(RANK, heads * modes, draws)
        self.fading.bias = nn.Parameter(-before_softplus(temperature * first_rates(draws, heads * modes)))
        self.gain = nn.Parameter(torch.ones(width))
        self.outward = Linear(width, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        query, key, value, log_decay = self.heard(_parts(self), stream)
        start = state[1].reshape(len(stream), self.heads, value.shape[-1], key.shape[-1])
        seen, after = gated_products(query, key, value, log_decay, start, self.chunk)
        shown = normalise(seen, 3).flatten(2) * self.gain * silu(self.gate(stream))
        return self.outward(shown), (state[0], after.flatten(1))

    def heard(self, parts: Mapping[str, Callable[[Tensor], Tensor]], stream: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return query, key, value, log_decay, each (..., G, K or P), by the linear `parts` of this layer."""
        log_decay = nn.functional.logsigmoid(parts["fading"](parts["low"](stream))) / self.temperature
        flat = (*(parts[name](stream) for name in ("query", "key", "value")), log_decay)
        query, key, value, log_decay = (part.reshape(*part.shape[:-1], self.heads, -1) for part in flat)
        return query, key, value, log_decay

    def stepper(self) -> SelectiveStep:
        return _AttentionStep(self)


class _AttentionStep(SelectiveStep):
    def __init__(self, layer: GatedLinearAttention) -> None:
        self._layer, self._parts, self._gain = layer, rowwise(layer), doubles(layer)["gain"]

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, log_decay = self._layer.heard(self._parts, stream)
        seen, after = gated_step(query, key, value, log_decay, memory.reshape(*value.shape, key.shape[-1]))
        shown = normalise(seen, 2).flatten(1) * self._gain * silu(self._parts["gate"](stream))
        return self._parts["outward"](shown), before, after.flatten(1)


class GatedPerceptron(SelectiveLayer):
    """W (x silu(z)), x and z the halves of V u: `inner` units, no state."""

    sizes = (0, 0)

    def __init__(self, width: int, inner: int, draws: torch.Generator) -> None:
        super().__init__()
        self.inward, self.outward = Linear(width, 2 * inner, draws, bias=False), Linear(inner, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return _perceptron(_parts(self), stream), state

    def stepper(self) -> SelectiveStep:
        return _PerceptronStep(self)


class _PerceptronStep(SelectiveStep):
    def __init__(self, layer: GatedPerceptron) -> None:
        self._parts = rowwise(layer)

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _perceptron(self._parts, stream), before, memory


def _perceptron(parts: Mapping[str, Callable[[Tensor], Tensor]], stream: Tensor) -> Tensor:
    value, gate = parts["inward"](stream).chunk(2, -1)
    return parts["outward"](value * silu(gate))


def _parts(layer: nn.Module) -> Mapping[str, Callable[[Tensor], Tensor]]:
    return dict(layer.named_children())
