"""Whether an ensemble is as uncertain as it is wrong."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._windows import checked_truth, samples_through
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class SpreadSkill(Metric):
    """|ln(spread / error)| of the ensemble up to a lead: 0 as uncertain as wrong, 0.69 twice too sure or twice too unsure.

    Method: over all components (divided by their standard deviations) and all samples of a window up to the argument's lead (default 1 Lyapunov
    time; dominant periods where the Lyapunov time is refused), spread^2 = (m + 1) / m times the mean variance of the m members (divided by m -
    1), error^2 = the mean squared difference of the members' mean and the truth. Where the truth is one more draw from the distribution of the
    members both have the same expectation, which is where (m + 1) / m comes from. The score is |ln(spread / error)|, 10 at most; 10 for a single
    member, for members without any spread around an error, and for a window that failed at or before the lead.
    It says nothing of how large the error is: never read it without a score of the forecast.
    Error: the error of one window is one draw, so a perfect ensemble does not score 0. With many members the median over windows is 0.58 where a
    window holds one independent error, 0.15 where it holds ten, and falls as 1 over the square root of their number.
    Unsupported: tasks that ask for one sample.
    Source: spread and error of an exchangeable ensemble, for example C. D. Roberts, M. Leutbecher, arXiv:2410.06162 (2024); the logarithm is this
    project's, so that too sure and too unsure count alike.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "C. D. Roberts, M. Leutbecher, arXiv:2410.06162 (2024); logarithm: this project, docs/guide/metrics.md"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lead = positive(argument, 1.0, "lead: a number of units of time")

    def unsupported(self, scales: Scales) -> str | None:
        """Return a reason where forecasters are asked for one sample."""
        return None if scales.samples > 1 else "needs ensembles; give the task samples = 20, for example"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) absolute logarithms."""
        truth = checked_truth(answer, truth, scales)
        count = samples_through(self.lead, truth.shape[1], scales)
        members = answer.values[:, :, :count] / scales.standard_deviation
        m = members.shape[1]
        scores = np.full(len(truth), CAP)
        for window in np.flatnonzero(answer.failed_at >= count) if m > 1 else ():
            spread = (m + 1) / m * float(np.var(members[window], axis=0, ddof=1).mean())
            error = float(np.mean((members[window].mean(axis=0) - truth[window, :count] / scales.standard_deviation) ** 2))
            scores[window] = _distance(spread, error)
        return scores


def _distance(spread: float, error: float) -> float:
    """Return |ln| of the root of the ratio of two squares; two zeros, a certainty that is right, are the same."""
    if spread == error:
        return 0.0
    return CAP if min(spread, error) <= 0.0 else min(abs(0.5 * float(np.log(spread / error))), CAP)
