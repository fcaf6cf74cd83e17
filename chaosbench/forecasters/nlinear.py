"""One linear layer from the last samples to the next block, each component for itself, around the last value."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters.base import Choice, Range


class _Core(nn.Module):
    def __init__(self, window: int, block: int, dimension: int, shared: bool, draws: torch.Generator) -> None:
        super().__init__()
        self.maps = nn.ModuleList(Linear(window, block, draws) for _ in range(1 if shared else dimension))

    def forward(self, window: Tensor) -> Tensor:
        last = window[:, -1:]
        centred = (window - last).transpose(1, 2)  # (B, D, L)
        maps = list(self.maps)
        parts = maps[0](centred) if len(maps) == 1 else torch.stack([single(centred[:, n]) for n, single in enumerate(maps)], 1)
        answer: Tensor = parts.transpose(1, 2) + last
        return answer


class NLinear(BlockForecaster):
    """x_{t+1..t+B} = x_t + W (x_{t-L+1..t} - x_t) + b, one matrix W (B, L) for each component or one for all.

    Symbols: L = window, B = block; x_t the last value of the component. After a block the window moves on over the predictions.
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    Source: A. Zeng, M. Chen, L. Zhang, Q. Xu, "Are Transformers Effective for Time Series Forecasting?", AAAI 2023, arXiv:2205.13504.
    Changed: matrices of its own for each component by default (the source's default shares one); blocks are strung together.
    Cost: L B weights a component; seconds to train.
    Fails: it is linear and sees no other component, so a chaotic system is followed for as long as its own past predicts it linearly.
    """

    family: ClassVar = "direct"
    source = "A. Zeng et al., AAAI 2023, arXiv:2205.13504"
    space: ClassVar = {
        "window": Range(8, 64, whole=True),
        "block": Range(1, 32, log=True, whole=True),
        "shared": Choice((False, True)),
        "learning_rate": Range(1e-4, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        block: int = 8,
        shared: bool = False,
        updates: int = 3000,
        batch: int = 64,
        learning_rate: float = 5e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        self.shared = bool(shared)

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, dimension, self.shared, draws)
