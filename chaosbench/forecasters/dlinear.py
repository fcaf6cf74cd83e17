"""Two linear layers, one for the moving mean of the last samples and one for the rest, added."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._decomposition import moving_mean
from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters.base import Range


class _Core(nn.Module):
    def __init__(self, window: int, block: int, dimension: int, width: int, draws: torch.Generator) -> None:
        super().__init__()
        self.width = width
        self.trend = nn.ModuleList(Linear(window, block, draws) for _ in range(dimension))
        self.rest = nn.ModuleList(Linear(window, block, draws) for _ in range(dimension))

    def forward(self, window: Tensor) -> Tensor:
        trend = moving_mean(window, self.width)
        rest = window - trend
        both = zip(self.trend, self.rest, strict=True)
        parts = [slow(trend[:, :, n]) + fast(rest[:, :, n]) for n, (slow, fast) in enumerate(both)]
        return torch.stack(parts, 2)


class DLinear(BlockForecaster):
    """x_{t+1..t+B} = W m + V (x - m) + b, m (L,) the moving mean of the last L samples x, a pair W, V (B, L) for each component.

    Symbols: L = window, B = block, mean over `width` samples with the end values repeated. After a block the window moves on over the predictions.
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    Source: A. Zeng, M. Chen, L. Zhang, Q. Xu, "Are Transformers Effective for Time Series Forecasting?", AAAI 2023, arXiv:2205.13504.
    Changed: matrices of its own for each component; blocks are strung together.
    Cost: 2 L B weights a component; seconds to train.
    Fails: as every linear method on one component at a time: nothing nonlinear is seen. Both parts together are one linear map of the window.
    """

    family: ClassVar = "direct"
    source = "A. Zeng et al., AAAI 2023, arXiv:2205.13504"
    space: ClassVar = {
        "window": Range(8, 64, whole=True),
        "block": Range(1, 32, log=True, whole=True),
        "width": Range(3, 25, whole=True),
        "learning_rate": Range(1e-4, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        block: int = 8,
        width: int = 9,
        updates: int = 3000,
        batch: int = 64,
        learning_rate: float = 5e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"width": width})
        self.width = width

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, dimension, self.width, draws)
