"""How long a forecast stays close to the truth."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._units import instantaneous_error, unit_of_time
from chaosbench.metrics._windows import checked_truth
from chaosbench.metrics.base import Answer, Metric, Scales


class ValidPredictionTime(Metric):
    """Time until the normalised error first exceeds a threshold.

    Method: NRMSE_t = sqrt(mean over d of ((y_d(t) - x_d(t)) / sigma_d)^2), instantaneous, sigma from the training data. The score is the lead of the
    last sample before the first one with NRMSE_t above the threshold (the argument, default 0.4): a window whose first sample is already
    wrong scores 0. A failed window keeps the time it reached. Times are in Lyapunov times (dominant periods where the Lyapunov time is
    refused).
    A score is capped at the window's trust horizon, the time up to which the truth is known to be right. It is censored, "at least
    this", when it reaches the end of the forecast or the trust horizon.
    Error: scores are multiples of dt, so they are biased low by dt / 2 on average.
    Source: Vlachas et al., Neural Networks 126, 191-217 (2020), with threshold 0.5, doi:10.1016/j.neunet.2020.02.016.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    unit: ClassVar[str] = "Lyapunov times"
    failed_value: ClassVar[float] = 0.0
    source: ClassVar[str] = "Vlachas et al., Neural Networks 126, 191-217 (2020), doi:10.1016/j.neunet.2020.02.016"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.threshold = 0.4 if argument is None else argument
        if not (np.isfinite(self.threshold) and self.threshold > 0):
            raise MetricError(f"threshold {self.threshold!r}: a threshold is a positive number of standard deviations; write for example @0.4")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) valid prediction times."""
        truth = checked_truth(answer, truth, scales)
        error = instantaneous_error(answer.values, truth, scales.standard_deviation)  # (W, H)
        wrong = ~(error <= self.threshold)  # a NaN error is wrong
        horizon = error.shape[1]
        first_wrong = np.where(wrong.any(axis=1), wrong.argmax(axis=1), horizon)
        reached = np.minimum(first_wrong, answer.failed_at) * scales.dt / unit_of_time(scales)
        return np.asarray(np.minimum(reached, self._trusted(scales, horizon)))

    def censored(self, scores: np.ndarray, truth: np.ndarray, scales: Scales) -> np.ndarray:
        """Return which scores reached the end of the forecast or the trust horizon."""
        return np.asarray(scores >= self._trusted(scales, truth.shape[1]) * (1 - 1e-12))

    @staticmethod
    def _trusted(scales: Scales, horizon: int) -> np.ndarray:
        """Largest score each window can have, () or (W,), in units of time."""
        end = horizon * scales.dt
        seconds = np.asarray(end) if scales.trust is None else np.minimum(end, scales.trust)
        return np.asarray(seconds / unit_of_time(scales))
