"""Chronos, a language model of time series pretrained elsewhere, as a zero-shot forecaster."""

from typing import Any, ClassVar

import chronos
import numpy as np
import torch

from chaosbench.forecasters._border import positive
from chaosbench.forecasters._zero_shot import ZeroShotForecaster
from chaosbench.forecasters.base import Budget, Training


class ChronosZeroShot(ZeroShotForecaster):
    """The median that a pretrained Chronos model gives for each component alone, block after block.

    Method: nothing is fitted. The last `reads` samples of every component are one univariate series; the model's 50 % quantile of the next `block`
    samples joins the context, until the horizon is reached. `model`: name on the hub or a local folder of weights, read on the first fit.
    Source: A. F. Ansari et al., "Chronos: Learning the Language of Time Series", Trans. Mach. Learn. Res. (2024), arXiv:2403.07815.
    Changed: blocks of medians instead of the source's mixing of quantiles beyond one block; inputs are standardised by the training data.
    Cost: no training; tens to hundreds of millions of weights, so free runs of many thousand samples need a GPU.
    Fails: components are continued separately, so their relation drifts; beyond a block or two it tends to repeat motifs of the context or to settle.
    What it has seen in training is not known to this package: compare it with `context_parroting`, which copies motifs and was trained on nothing.
    """

    family: ClassVar = "zero-shot"
    source = "A. F. Ansari et al., Trans. Mach. Learn. Res. (2024), arXiv:2403.07815"

    def __init__(self, *, model: str = "amazon/chronos-bolt-small", reads: int = 512, block: int = 64) -> None:
        positive({"reads": reads, "block": block})
        super().__init__(reads=reads, block=block)
        self.model = model
        self._pipeline: Any = None

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Load the weights, and note what the data look like."""
        super().fit(training, seed=seed, device=device, budget=budget)
        self._pipeline = chronos.BaseChronosPipeline.from_pretrained(self.model, device_map=device, torch_dtype=torch.float32)

    def continue_block(self, context: np.ndarray, count: int) -> np.ndarray:
        """Return the medians (count, D) of what follows `context` (C, D)."""
        series = torch.as_tensor(context.T, dtype=torch.float32)
        quantiles, _ = self._pipeline.predict_quantiles(series, prediction_length=count, quantile_levels=[0.5])
        medians: np.ndarray = quantiles[:, :, 0].numpy().T
        return medians
