"""Fully connected blocks that each explain a part of the window and add to the forecast."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._layers import Linear, Perceptron
from chaosbench.forecasters.base import Range


class _Stage(nn.Module):
    """A perceptron with two linear heads: what it explains of the window, and its share of the forecast."""

    def __init__(self, inputs: int, outputs: int, width: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()
        self.trunk = Perceptron([inputs] + [width] * layers, draws, torch.relu)
        self.backward_head = Linear(width, inputs, draws, bias=False)
        self.forward_head = Linear(width, outputs, draws, bias=False)

    def forward(self, rest: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.trunk(rest))
        return rest - self.backward_head(hidden), self.forward_head(hidden)


class _Core(nn.Module):
    def __init__(self, window: int, block: int, dimension: int, stages: int, width: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()
        self.block, self.dimension = block, dimension
        self.stages = nn.ModuleList(_Stage(window * dimension, block * dimension, width, layers, draws) for _ in range(stages))

    def forward(self, window: Tensor) -> Tensor:
        rest = window.flatten(1)
        answer = torch.zeros_like(rest[:, :1])
        for stage in self.stages:
            rest, share = stage(rest)
            answer = answer + share
        return window[:, -1:] + answer.reshape(len(window), self.block, self.dimension)


class NBeats(BlockForecaster):
    """Residual stages: r_{k+1} = r_k - P_k h_k, forecast x_t + sum_k Q_k h_k, h_k = a perceptron with ReLU of what is left, r_0 the window (L D,).

    Symbols: L = window, all D components of it in one vector; the forecast is a block of `block` samples, relative to the last one.
    Method: the generic architecture: nothing is imposed on P and Q. Mean square error over the block, AdamW with a cosine schedule, input noise;
    weights of the best valid prediction time on held-out data. After a block the window moves on over the predictions.
    Source: B. N. Oreshkin, D. Carpov, N. Chapados, Y. Bengio, "N-BEATS: Neural basis expansion analysis for interpretable time series forecasting",
    ICLR 2020, arXiv:1905.10437.
    Changed: several components together; forecast relative to the last sample; fewer and smaller stages than the source's thirty of 512; one
    network instead of an ensemble of 180; blocks are strung together.
    Cost: stages x (layers x width^2 + (2 L + B) D width) weights; half a minute to train on one core.
    Fails: what it learns holds inside the data; free runs can leave them and stay away, since nothing bounds the sum.
    """

    family: ClassVar = "direct"
    source = "B. N. Oreshkin et al., ICLR 2020, arXiv:1905.10437"
    space: ClassVar = {
        "window": Range(4, 64, log=True, whole=True),
        "block": Range(1, 32, log=True, whole=True),
        "stages": Range(2, 12, whole=True),
        "width": Range(64, 256, log=True, whole=True),
        "learning_rate": Range(1e-4, 5e-3, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 16,
        block: int = 8,
        stages: int = 6,
        width: int = 128,
        layers: int = 4,
        updates: int = 4000,
        batch: int = 64,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"stages": stages, "width": width, "layers": layers})
        self.stages, self.width, self.layers = stages, width, layers

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, dimension, self.stages, self.width, self.layers, draws)
