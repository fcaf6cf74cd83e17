"""Symmetric mean absolute percentage error between 0 and 200, as in the first comparisons of forecasts of chaos."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._percentage import percentage_errors
from chaosbench.metrics._windows import checked_truth, samples_through
from chaosbench.metrics.base import Answer, Metric, Scales


class CompatSmape200(Metric):
    """sMAPE on the scale 0 to 200: mean over leads and components of 200 |x - y| / (|x| + |y|). For comparison with published numbers only.

    Method: on standardised values, over all samples up to the argument's lead in Lyapunov times (default: the whole window). Samples at and after
    a failure count 200, where published code gives NaN; 0 / 0 counts 0.
    As published: `smape` of dysts before 2025-04-23 (commit 4b4d9de), W. Gilpin (2021), arXiv:2110.05266, and W. Gilpin (2023), arXiv:2303.08011;
    PhyxMamba (`util/metrics_utils.py`), there as sMAPE@1, 4 and 10 Lyapunov times. They apply it to values of whatever scale the data have.
    What is wrong with it: it is not invariant to a shift. Two unrelated orbits of Lorenz-63 score about 144 when standardised and 11 after 10 is
    added to both. Values near 0 count most, and the scale differs from that of later versions of the same library.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "per cent of 200"
    failed_value: ClassVar[float] = 200.0
    source: ClassVar[str] = "W. Gilpin, NeurIPS Datasets and Benchmarks (2021), arXiv:2110.05266"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lead = None if argument is None else positive(argument, 1.0, "lead: a number of units of time")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) means over the leads."""
        truth = checked_truth(answer, truth, scales)
        count = samples_through(self.lead, truth.shape[1], scales)
        return np.asarray(percentage_errors(answer, truth, count, full=200.0, added=0.0).mean(axis=1))
