"""The divergence of state distributions that are sums of Gaussians around every sample."""

from typing import ClassVar, Literal

import numpy as np
from scipy.spatial.distance import cdist

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales
from chaosbench.randomness import generator

LONGEST = 10_000
DRAWS = 1_000
CAP = 1000.0
_PIECE = 200  # draws whose distances are held at a time


class CompatDivergenceGmm(RunMetric):
    """D_stsp as the Kullback-Leibler divergence of two sums of Gaussians around the samples. For comparison with published numbers only.

    Method: p(x) = mean over the truth's first 10 000 samples of a Gaussian around each with variance s2 in every component (s2 the argument,
    default 1, on data scaled by the training data's standard deviations), q the same for the run. 1 000 points are drawn from p (the same ones
    for every run of a length); the score is the mean of ln p - ln q over those at which neither is 0 in floating point, 1000 at most and where
    none is left.
    As published: `state_space_divergence` of GTF-shPLRNN, F. Hess et al., ICML (2023), arXiv:2306.04406, used above 5 components, there in single
    precision, in which densities vanish sooner. PhyxMamba and dysts use s2 = 1 in raw units, so that their values depend on the system's units.
    What is wrong with it: leaving out points with q = 0 leaves out where the run never goes, and s2 = 1 on data of deviation 1 sees almost
    nothing: in Lorenz-63 the truth scores -0.001, Gaussian noise of the same covariance 0.03, a constant 0.6; with s2 = 0.02 they score 0.04 to
    0.08, 1.2 and 70.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "nats"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "Hess, Monfared, Brenner, Durstewitz, ICML (2023), PMLR 202, arXiv:2306.04406"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.variance = positive(argument, 1.0, "variance: a number of variances of the data")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the mean log ratio over the draws that count."""
        run, truth = (states[:LONGEST] / scales.standard_deviation for states in (run, truth))
        stream = generator(0, "divergence-gmm-draws", f"{len(truth)}x{truth.shape[1]}")
        centres = truth[stream.integers(len(truth), size=DRAWS)]
        draws = centres + np.sqrt(self.variance) * stream.normal(size=centres.shape)
        p, q = self._density(draws, truth), self._density(draws, run)
        kept = (p > 0) & (q > 0)
        return float(min(np.mean(np.log(p[kept]) - np.log(q[kept])), CAP)) if kept.any() else CAP

    def _density(self, points: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """Return the density (n,) at `points` but for a factor that cancels."""
        pieces = [points[first : first + _PIECE] for first in range(0, len(points), _PIECE)]
        return np.concatenate([np.exp(-cdist(piece, centres, "sqeuclidean") / (2 * self.variance)).mean(axis=1) for piece in pieces])
