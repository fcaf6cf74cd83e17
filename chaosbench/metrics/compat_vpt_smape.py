"""The valid prediction time of papers that let a percentage error accumulate."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._percentage import percentage_errors
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics._windows import checked_truth
from chaosbench.metrics.base import Answer, Metric, Scales


class CompatVptSmape(Metric):
    """Time until the mean sMAPE (0 to 200) from the start of the window first exceeds a threshold. For comparison with published numbers only.

    Method: e(n) = mean over the first n samples and all components of 200 |x - y| / (|x| + |y|) on standardised values; the score is the lead of
    the last sample before the first with e(n) above the argument (default 30), in Lyapunov times (dominant periods where the Lyapunov time is
    refused). A window that never exceeds it is censored at its end. Samples at and after a failure count 200; published code gives NaN there,
    which never exceeds.
    As published: `vpt_smape` of PhyxMamba, which divides the number of samples by 30 points a Lyapunov time and stops at 10; W. Gilpin (2023),
    arXiv:2303.08011; Y. Zhang, W. Gilpin, ICLR 2025, arXiv:2409.15771.
    What is wrong with it: the mean from the start forgives a late error the longer the forecast was good before, so scores exceed the time to a
    threshold of the instantaneous error by about a third (standardised Lorenz-63 with an error of length 1e-3 in the start: 7.4 against 5.5
    Lyapunov times at NRMSE 0.4, medians of 800), and the percentage depends on where zero lies. With sMAPE on the scale 0 to 100 the same
    threshold gives 10.6.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    unit: ClassVar[str] = "Lyapunov times"
    failed_value: ClassVar[float] = 0.0
    source: ClassVar[str] = "W. Gilpin, Phys. Rev. Research (2023), arXiv:2303.08011"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.threshold = positive(argument, 30.0, "threshold: a percentage of 200")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) times."""
        truth = checked_truth(answer, truth, scales)
        horizon = truth.shape[1]
        each = percentage_errors(answer, truth, horizon, full=200.0, added=0.0)
        wrong = np.cumsum(each, axis=1) / np.arange(1, horizon + 1) > self.threshold
        first = np.where(wrong.any(axis=1), wrong.argmax(axis=1), horizon)
        return np.asarray(first * scales.dt / unit_of_time(scales))

    def censored(self, scores: np.ndarray, truth: np.ndarray, scales: Scales) -> np.ndarray:
        """Return which scores reached the end of the window."""
        return np.asarray(scores >= truth.shape[1] * scales.dt / unit_of_time(scales) * (1 - 1e-12))
