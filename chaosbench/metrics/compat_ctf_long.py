"""The long-time score of the Common Task Framework for Science, for systems without space."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import whole
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales

WORST = -100.0


class CompatCtfLong(RunMetric):
    """CTF long-time score, 100 (1 - L1 distance of histograms), mean over components. For comparison with published numbers only.

    Method: for each component, histograms of the run and of the truth with as many bins as the argument says (default 50) between the smallest
    and the largest value of BOTH; sum of |n - m| over the bins divided by the number of samples. 100 is the same histogram, -100 no bin in
    common, which a run that failed scores.
    As published: `long_time_forecast_dynamical` of ctf4science, P. M. Wyder et al., arXiv:2510.23166, called an L2 error of histograms in its
    configuration but an L1 distance in code. There the last samples of a short series are taken, here all that are scored, and the number decides
    the value: two independent true runs approach 100 only as it grows. Its score for fields is another one and not offered.
    What is wrong with it: one value of the run far away stretches all bins, so that truth and run fall into a few, and the score rises towards
    100.
    """

    better: ClassVar[Literal["higher", "lower"]] = "higher"
    unit: ClassVar[str] = "per cent"
    failed_value: ClassVar[float] = WORST
    source: ClassVar[str] = "P. M. Wyder et al., arXiv:2510.23166, https://github.com/CTF-for-Science/ctf4science"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.bins = whole(argument, 50, "bins: a number of bins") or 50

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the score of a run (higher is better, in spite of the name of this step)."""
        distances = []
        for mine, true in zip(run.T, truth.T, strict=True):
            span = (min(mine.min(), true.min()), max(mine.max(), true.max()))
            counts = [np.histogram(values, bins=self.bins, range=span)[0] for values in (mine, true)]
            distances.append(np.abs(counts[0] - counts[1]).sum() / len(true))
        return float(100.0 * (1.0 - np.mean(distances)))
