"""Normalised root-mean-square error at one lead time."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._units import instantaneous_error, lead_sample
from chaosbench.metrics._windows import checked_truth
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class Nrmse(Metric):
    """Root-mean-square error at one lead, each component divided by its standard deviation on the attractor.

    Method: e = sqrt(mean over d of ((y_d - x_d) / sigma_d)^2) at the single sample nearest to the lead, not averaged over earlier leads. The argument
    is the lead in Lyapunov times (default 1; dominant periods where the Lyapunov time is refused). sigma comes from the training data,
    never from the window. A value above 10 counts as 10; a window that failed at or before the lead scores 10. The attractor's mean
    scores about 1 and another point of the attractor about sqrt(2).
    Source: normalisation as Vlachas et al., Neural Networks 126, 191-217 (2020), doi:10.1016/j.neunet.2020.02.016.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "standard deviations"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "Vlachas et al., Neural Networks 126, 191-217 (2020), doi:10.1016/j.neunet.2020.02.016"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lead = 1.0 if argument is None else argument
        if not (np.isfinite(self.lead) and self.lead > 0):
            raise MetricError(f"lead {self.lead!r}: a lead is a positive number of Lyapunov times; write for example @1")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) errors at the lead."""
        truth = checked_truth(answer, truth, scales)
        sample = lead_sample(self.lead, truth.shape[1], scales)
        at = slice(sample, sample + 1)
        error = instantaneous_error(answer.values[:, :, at], truth[:, at], scales.standard_deviation)[:, 0]
        return np.where(answer.failed_at <= sample, CAP, np.fmin(error, CAP))
