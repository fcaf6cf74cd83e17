"""Mean absolute scaled error, as libraries compute it without training data."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._arguments import whole
from chaosbench.metrics._windows import checked_truth
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 1000.0


class CompatMase(Metric):
    """MASE: mean absolute error of the window over the mean absolute step of its truth. For comparison with published numbers only.

    Method: mean over t and d of |x - y|, divided by the mean over t and d of |x(t) - x(t - m)|, both over the whole window, m the argument in
    samples (default 1). At most 1000, which a window that failed, or whose truth stands still, scores.
    As published: `mase` of dysts, components pooled, the denominator from the test truth when no training data are given. DynaMix divides each
    component by itself and takes the first 10 steps above and the whole series below.
    What is wrong with it: with m = 1 the denominator is the sampling interval in disguise, so the same forecast sampled ten times as finely
    scores ten times as high, and a denominator from the test window makes quiet windows look hard.
    Source: R. J. Hyndman, A. B. Koehler, Int. J. Forecast. 22, 679-688 (2006), doi:10.1016/j.ijforecast.2006.03.001, who scale by the training
    data.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "mean steps of the truth"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "R. J. Hyndman, A. B. Koehler, Int. J. Forecast. 22, 679-688 (2006), as in https://github.com/williamgilpin/dysts"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.season = whole(argument, 1, "season: a number of samples") or 1

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) ratios."""
        truth = checked_truth(answer, truth, scales)
        horizon = truth.shape[1]
        if horizon <= self.season:
            raise MetricError(f"season of {self.season} samples: the forecasts have {horizon}; ask for fewer or give the task a longer horizon")
        error = np.abs(answer.values.mean(axis=1) - truth).mean(axis=(1, 2))
        step = np.abs(truth[:, self.season :] - truth[:, : -self.season]).mean(axis=(1, 2))
        ratio = np.divide(error, step, out=np.where(error > 0, CAP, 0.0), where=step > 0)
        return np.where(answer.failed_at < horizon, CAP, np.fmin(ratio, CAP))
