"""The share of forecasts that left the attractor's range."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._windows import checked_truth
from chaosbench.metrics.base import Answer, Metric, Scales


class BlowUp(Metric):
    """Share of windows that became non-finite or went beyond 10 standard deviations within the horizon.

    Method: 1 for a window that failed, 0 for one that did not; the aggregate over windows is their mean, the share.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "share of windows"
    failed_value: ClassVar[float] = 1.0
    aggregate: ClassVar[Literal["median", "mean"]] = "mean"  # the median of zeros and ones would hide every share below a half
    source: ClassVar[str] = "this project: docs/guide/metrics.md"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) ones and zeros."""
        if truth is not None:
            checked_truth(answer, truth, scales)
        return np.asarray(answer.failed_at < answer.values.shape[2], dtype=np.float64)
