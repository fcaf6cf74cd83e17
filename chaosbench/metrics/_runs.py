"""What all metrics of long free runs share: the check of the arrays, and one distance a run."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Metric, Scales


def checked_runs(answer: Answer, truth: np.ndarray | None) -> np.ndarray:
    """Return the truth (R, T, D) of the free runs; MetricError unless the answer is (R, 1, T, D)."""
    if truth is None:
        raise MetricError("a climate metric needs free runs of the truth; pass truth (R, T, D)")
    if truth.ndim != 3 or answer.values.shape != (len(truth), 1, *truth.shape[1:]):
        raise MetricError(f"runs of shape {answer.values.shape}, truth of shape {truth.shape}: must be (R, 1, T, D) and (R, T, D)")
    return truth


class RunMetric(Metric):
    """A metric of free runs, each against the true run of the same number: subclasses say what the distance of two series is."""

    needs: ClassVar[Literal["windows", "climate", "map"]] = "climate"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (R,) distances, run r against truth r; runs that failed score the declared value."""
        truth = checked_runs(answer, truth)
        scores = np.full(len(truth), self.failed_value)
        for run in np.flatnonzero(answer.failed_at >= truth.shape[1]):
            scores[run] = self.distance(answer.values[run, 0], truth[run], scales)
        return scores

    @abstractmethod
    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the finite distance of a run (T, D) that did not fail from the truth (T, D)."""
