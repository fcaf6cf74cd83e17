"""Symmetric mean absolute percentage error between 0 and 100, as in later versions of the same libraries."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._percentage import percentage_errors
from chaosbench.metrics._windows import checked_truth, samples_through
from chaosbench.metrics.base import Answer, Metric, Scales


class CompatSmape100(Metric):
    """sMAPE on the scale 0 to 100: mean of 100 |x - y| / (|x| + |y| + 1e-10). For comparison with published numbers only.

    Method: on standardised values, over all samples up to the argument's lead in Lyapunov times (default: the whole window). Samples at and after
    a failure count 100, where published code gives NaN.
    As published: `smape(scaled=True)` of dysts since 2025-04-23 (commit 4b4d9de), used by Panda's evaluation. It is half of what the same library
    gave before: a threshold of 30 on it is another metric.
    What is wrong with it: what is wrong with the scale 0 to 200. Not invariant to a shift, and values near 0 count most.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "per cent"
    failed_value: ClassVar[float] = 100.0
    source: ClassVar[str] = "dysts since commit 4b4d9de (2025-04-23), https://github.com/williamgilpin/dysts"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lead = None if argument is None else positive(argument, 1.0, "lead: a number of units of time")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) means over the leads."""
        truth = checked_truth(answer, truth, scales)
        count = samples_through(self.lead, truth.shape[1], scales)
        return np.asarray(percentage_errors(answer, truth, count, full=100.0, added=1e-10).mean(axis=1))
