"""Layers whose weights are drawn from a generator that is passed in: torch's own layers draw from its global one."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


def uniform(draws: torch.Generator, *shape: int, fan: int) -> nn.Parameter:
    """Return weights of `shape`, uniform in +-1 / sqrt(fan), drawn on the CPU."""
    return nn.Parameter((2.0 * torch.rand(*shape, generator=draws) - 1.0) / math.sqrt(fan))


class Linear(nn.Module):
    """y = x W' + b over the last axis, W (outputs, inputs) uniform in +-1 / sqrt(inputs), b the same, or without b."""

    def __init__(self, inputs: int, outputs: int, draws: torch.Generator, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = uniform(draws, outputs, inputs, fan=inputs)
        self.bias = uniform(draws, outputs, fan=inputs) if bias else None

    def forward(self, rows: Tensor) -> Tensor:
        return nn.functional.linear(rows, self.weight, self.bias)


class Perceptron(nn.Module):
    """Linear layers of the given sizes with `activation` between them."""

    def __init__(self, sizes: list[int], draws: torch.Generator, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(before, after, draws) for before, after in pairwise(sizes))
        self.activation = activation

    def forward(self, rows: Tensor) -> Tensor:
        for layer in list(self.layers)[:-1]:
            rows = self.activation(layer(rows))
        last: Tensor = self.layers[-1](rows)
        return last


class Attention(nn.Module):
    """Multi-head softmax attention of tokens (..., N, width) over each other, without a mask."""

    def __init__(self, width: int, heads: int, draws: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.inward = Linear(width, 3 * width, draws)
        self.outward = Linear(width, width, draws)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in self.inward(tokens).chunk(3, -1))
        scores = torch.softmax(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), -1)
        mixed: Tensor = self.outward((scores @ value).transpose(-3, -2).flatten(-2))
        return mixed


class EncoderLayer(nn.Module):
    """Normalise, attend, add; normalise, perceptron with GELU, add (the pre-norm transformer layer)."""

    def __init__(self, width: int, heads: int, inner: int, draws: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, draws)
        self.inner = Perceptron([width, inner, width], draws, nn.functional.gelu)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.first(tokens))
        after: Tensor = tokens + self.inner(self.second(tokens))
        return after
