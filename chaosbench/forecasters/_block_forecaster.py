"""What the direct torch forecasters share: window, block, training settings, and the strung-together closed loop."""

from abc import abstractmethod

import numpy as np
import torch
from torch import nn

from chaosbench.forecasters._blocks import BlockNetwork
from chaosbench.forecasters._border import positive, too_short
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Problem


class BlockForecaster(TorchForecaster):
    """A network from the last `window` samples to the next `block`, repeated until the horizon is reached."""

    rollout = "windowed"

    def __init__(self, *, window: int, block: int, updates: int, batch: int, learning_rate: float, weight_decay: float, noise: float) -> None:
        super().__init__()
        positive({"window": window, "block": block, "updates": updates, "batch": batch})
        self.window, self.block = window, block
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=window + block - 1,
            carried=1,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
        )

    @abstractmethod
    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        """Return the untrained network (B, window, D) -> (B, block, D)."""

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if the context does not hold a window, or the training data not two of them with their blocks."""
        reason = super().unsupported(problem)
        return reason or too_short(problem, training=1, context=self.window, need=f"a window of {self.window} samples needs {self.window}")

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> BlockNetwork:
        dimension = states[0].shape[1]
        return BlockNetwork(self._core(dimension, draws), self.window, self.block, dimension)

    def _need(self) -> str:
        return f"a window of {self.window} samples and a block of {self.block} need {self._minimum()}"
