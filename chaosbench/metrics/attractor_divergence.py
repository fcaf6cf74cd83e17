"""Distance between where a long free run spends its time and where the truth does."""

from itertools import combinations
from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._runs import checked_runs
from chaosbench.metrics.base import Answer, Metric, Scales
from chaosbench.randomness import generator

BINS = 30
MARGIN = 0.1
PSEUDO_COUNT = 1e-5
LARGEST_JOINT = 3
MOST_PAIRS = 45


class AttractorDivergence(Metric):
    """Kullback-Leibler divergence D_stsp of the occupied cells of state space, truth against run, in nats.

    Method: 30 bins a component between the truth's minimum - 0.1 s and maximum + 0.1 s (s its standard deviation), plus ONE cell for everything
    outside, so a run that leaves the attractor pays for it. Counts n over K cells become p = (n + 1e-5) / (N + 1e-5 K). The score is the sum over
    cells of p_truth ln(p_truth / p_run). Both sides have the same number of samples; fewer in the run is an error.
    Up to 3 components the cells are joint in all of them. Beyond, joint cells would hold less than one sample each, and the score is the
    mean over pairs of components, each with 30 x 30 cells and its own outside cell: all pairs up to 10 components, else 45 pairs
    drawn once from the number of components alone. Values for more than 3 components compare only with each other.
    Error: strongly biased by the number of samples: truth against independent truth falls more than tenfold between 1 000 and 30 000 samples. A value
    means nothing without the floor of the same length, reported beside it. No value can exceed ln(N / 1e-5 + K), below the 30 that a failed run
    scores for every N under 1e8.
    Source: Hess, Monfared, Brenner, Durstewitz, ICML (2023), PMLR 202, arXiv:2306.04406; their histograms have no outside cell.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "climate"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "nats"
    failed_value: ClassVar[float] = 30.0
    source: ClassVar[str] = "Hess, Monfared, Brenner, Durstewitz, ICML (2023), PMLR 202, arXiv:2306.04406"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (R,) divergences, run r against truth r."""
        if truth is None:
            raise MetricError("a climate metric needs free runs of the truth; pass truth (R, T, D)")
        if answer.values.shape[2] != truth.shape[1]:
            raise MetricError(f"{answer.values.shape[2]} samples of the run, {truth.shape[1]} of the truth: both sides need the same number")
        truth = checked_runs(answer, truth)
        scores = np.full(len(truth), self.failed_value)
        for run in np.flatnonzero(answer.failed_at >= answer.values.shape[2]):
            true_bins, run_bins = _bins(truth[run], truth[run]), _bins(truth[run], answer.values[run, 0])
            scores[run] = np.mean([_divergence(true_bins[:, group], run_bins[:, group]) for group in _groups(truth.shape[2])])
        return scores


def _groups(dimension: int) -> list[list[int]]:
    if dimension <= LARGEST_JOINT:
        return [list(range(dimension))]
    pairs = [list(pair) for pair in combinations(range(dimension), 2)]
    if len(pairs) <= MOST_PAIRS:
        return pairs
    chosen = generator(0, "attractor-divergence-pairs", str(dimension)).choice(len(pairs), MOST_PAIRS, replace=False)
    return [pairs[index] for index in sorted(chosen)]


def _bins(truth: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return the bin (T, D) of each state on the truth's grid, -1 outside it."""
    margin = MARGIN * truth.std(axis=0)
    low, high = truth.min(axis=0) - margin, truth.max(axis=0) + margin
    width = np.where(high > low, high - low, 1.0)
    inside = (states >= low) & (states <= high)
    scaled = np.where(inside, (states - low) / width * BINS, -1.0)
    return np.minimum(np.floor(scaled), BINS - 1).astype(np.int64)


def _divergence(true_bins: np.ndarray, run_bins: np.ndarray) -> float:
    cells = BINS ** true_bins.shape[1] + 1
    p, q = (_probabilities(bins, cells) for bins in (true_bins, run_bins))
    return float(np.sum(p * np.log(p / q)))


def _probabilities(bins: np.ndarray, cells: int) -> np.ndarray:
    index = np.ravel_multi_index(tuple(np.maximum(bins, 0).T), (BINS,) * bins.shape[1])
    index = np.where((bins < 0).any(axis=1), cells - 1, index)
    counts = np.bincount(index, minlength=cells)
    return np.asarray((counts + PSEUDO_COUNT) / (len(bins) + PSEUDO_COUNT * cells))
