"""Mean squared error of one lead in samples, as in papers on teacher forcing."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import whole
from chaosbench.metrics._windows import checked_truth, first_samples
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 100.0


class CompatPredictionError(Metric):
    """PE(n): mean squared error of the forecast n samples ahead on standardised data. For comparison with published numbers only.

    Method: mean over components of ((y - x) / sigma)^2 at sample n alone, n the argument (default 20), sigma from the training data; the mean
    over windows. At most 100, which a window that failed at or before the sample scores.
    As published: `prediction_error` of GTF-shPLRNN, F. Hess et al., ICML (2023), arXiv:2306.04406, with n = 20. They start from every sample of
    one test series without any context; here each window starts once, after its context.
    What is wrong with it: n samples are a different time in every data set and at every sampling interval, and a mean over windows is decided by
    the worst.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "variances"
    failed_value: ClassVar[float] = CAP
    aggregate: ClassVar[Literal["median", "mean"]] = "mean"
    source: ClassVar[str] = "Hess, Monfared, Brenner, Durstewitz, ICML (2023), PMLR 202, arXiv:2306.04406"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.ahead = whole(argument, 20, "lead: a number of samples")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) squared errors."""
        truth = checked_truth(answer, truth, scales)
        last = first_samples(self.ahead, truth.shape[1]) - 1
        scaled = (answer.values[:, :, last].mean(axis=1) - truth[:, last]) / scales.standard_deviation  # (W, D)
        return np.where(answer.failed_at <= last, CAP, np.fmin(np.mean(scaled**2, axis=1), CAP))
