"""How well an ensemble describes each component by itself."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._windows import checked_truth, failed_before, samples_through
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class Crps(Metric):
    """Continuous ranked probability score of the ensemble, mean over components and over leads up to one, in standard deviations.

    Method: with m members X_i of one component at one lead and the truth y, mean |X_i - y| - sum over i < j of |X_i - X_j| / (m (m - 1)): the
    fair estimate, which on average does not depend on the number of members and is smallest for the distribution that the truth is drawn from.
    With one member it is the absolute error. Values are divided by the standard deviations (training data); the mean over components counts as 10
    at most, and a sample at or after the window's failure as 10; then the mean over all samples up to the argument's lead (default 1 Lyapunov
    time; dominant periods where the Lyapunov time is refused). It can be slightly negative for a few members around the truth.
    The members come from the task's `samples`: forecasters that are not probabilistic answer once. A climatology that draws from the attractor
    scores about 0.56 where the components are normally distributed (1 / sqrt(pi)); persistence and single forecasts pay for their certainty.
    Error: relations between components and leads are not seen.
    Source: T. Gneiting, A. E. Raftery, J. Am. Stat. Assoc. 102, 359-378 (2007), doi:10.1198/016214506000001437; fair: C. A. T. Ferro, Q. J. R.
    Meteorol. Soc. (2013), doi:10.1002/qj.2270.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "standard deviations"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "T. Gneiting, A. E. Raftery (2007), doi:10.1198/016214506000001437; C. A. T. Ferro (2013), doi:10.1002/qj.2270"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lead = positive(argument, 1.0, "lead: a number of units of time")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) means over the leads."""
        truth = checked_truth(answer, truth, scales)
        count = samples_through(self.lead, truth.shape[1], scales)
        members = answer.values[:, :, :count] / scales.standard_deviation
        each = np.mean(np.abs(members - (truth[:, :count] / scales.standard_deviation)[:, None]), axis=1) - _half_spread(members)  # (W, count, D)
        each = np.fmin(each.mean(axis=2), CAP)
        return np.asarray(np.where(failed_before(answer, count), CAP, each).mean(axis=1))


def _half_spread(members: np.ndarray) -> np.ndarray:
    """Return (W, H, D), half the mean distance of two different members of `members` (W, m, H, D); 0 for one member.

    Sorted, the k-th of m members (from 0) is added 2 k - m + 1 times in the sum of all differences.
    """
    count = members.shape[1]
    if count == 1:
        return np.zeros(members[:, 0].shape)
    weights = (2.0 * np.arange(count) - count + 1.0) / (count * (count - 1.0))
    return np.asarray(np.sum(np.sort(members, axis=1) * weights[:, None, None], axis=1))
