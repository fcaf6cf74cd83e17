"""Whether the states of a long free run could have been drawn from those of the truth, by kernels."""

from typing import ClassVar, Literal

import numpy as np
from scipy.spatial.distance import cdist

from chaosbench.metrics._arguments import none
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales

WIDTHS = (0.2, 0.5, 0.9, 1.3)  # in units of the median distance of the truth's states
POINTS = 1_000


class MaximumMeanDiscrepancy(RunMetric):
    """Squared maximum mean discrepancy of the visited states: 0 the same distribution, at most 2.

    Method: components in units of their standard deviation (training data); every n-th sample, n the smallest that leaves at most 1 000. Kernel k
    = mean over a of a^2 / (a^2 + (d / m)^2), a = 0.2, 0.5, 0.9, 1.3, d the distance of two states, m the median distance of the truth's. The
    score is the unbiased mean k(run, run') + mean k(truth, truth') - 2 mean k(run, truth), where pairs of one series closer in time than a
    dominant period (at most a quarter of the series) are left out: they are not independent draws. It is the square of a distance, and can be
    slightly negative. Order in time does not matter.
    Error: for two runs of the same system the mean is 0 up to what correlations longer than a period leave; the scatter falls with the length.
    Compare with the floor reported beside each value.
    Source: A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schoelkopf, A. Smola, J. Mach. Learn. Res. 13, 723-773 (2012), unbiased estimate, here
    without pairs close in time.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = 2.0
    source: ClassVar[str] = "A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schoelkopf, A. Smola, J. Mach. Learn. Res. 13, 723-773 (2012)"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        none(argument, "maximum_mean_discrepancy")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the unbiased estimate of the squared discrepancy."""
        step = -(-len(truth) // POINTS)
        run, truth = (states[::step] / scales.standard_deviation for states in (run, truth))
        apart = int(np.clip(np.ceil(scales.period / (scales.dt * step)), 1, max(1, len(truth) // 4)))
        number = np.arange(len(truth))
        independent = np.abs(number[:, None] - number) >= apart
        within = cdist(truth, truth, "sqeuclidean")
        scale = float(np.median(within[independent])) or 1.0  # the square of the median distance; a truth at rest has none
        own = _kernel(within / scale)[independent].mean() + _kernel(cdist(run, run, "sqeuclidean") / scale)[independent].mean()
        return float(own - 2.0 * _kernel(cdist(run, truth, "sqeuclidean") / scale).mean())


def _kernel(squared: np.ndarray) -> np.ndarray:
    return np.asarray(np.mean([width**2 / (width**2 + squared) for width in WIDTHS], axis=0))
