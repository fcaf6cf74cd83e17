"""How well an ensemble describes the components together."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._windows import checked_truth, failed_before, samples_through
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class EnergyScore(Metric):
    """Energy score of the ensemble, all components together, mean over leads up to one, in standard deviations.

    Method: the distance of two states is sqrt(mean over d of ((a_d - b_d) / sigma_d)^2), sigma from the training data. With m members X_i at one
    lead and the truth y, mean |X_i - y| - sum over i < j of |X_i - X_j| / (m (m - 1)), which is smallest on average for the joint distribution
    that the truth is drawn from: unlike the ranked probability score of each component it sees wrong relations between them. With one member it
    is the normalised root-mean-square error, with one component the ranked probability score. At most 10, and 10 at and after the window's
    failure; then the mean over all samples up to the argument's lead (default 1 Lyapunov time; dominant periods where the Lyapunov time is
    refused).
    Error: relations between leads are not seen, and wrong correlations cost little beside a wrong mean.
    Source: T. Gneiting, A. E. Raftery, J. Am. Stat. Assoc. 102, 359-378 (2007), doi:10.1198/016214506000001437; the term of the members is
    divided as for fair scores: C. A. T. Ferro, Q. J. R. Meteorol. Soc. (2013), doi:10.1002/qj.2270.
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
        deviation = scales.standard_deviation
        pairs = zip(answer.values[:, :, :count] / deviation, truth[:, :count] / deviation, strict=True)
        each = np.fmin(np.stack([_energy(members, true) for members, true in pairs]), CAP)
        return np.asarray(np.where(failed_before(answer, count), CAP, each).mean(axis=1))


def _energy(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return (H,) the score of `members` (m, H, D) at each lead."""
    count = len(members)
    score = _distance(members, truth).mean(axis=0)
    for apart in range(1, count):
        score = score - _distance(members[apart:], members[:-apart]).sum(axis=0) / (count * (count - 1.0))
    return np.asarray(score)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean((a - b) ** 2, axis=-1)))
