"""Mean of a correlated series with an honest standard error: batch means over independent runs and blocks of time."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

BLOCKS = 64
_CORRELATED = 0.02
_DISAGREE = 1e-5


@dataclass(frozen=True)
class BlockMean:
    """The mean of K correlated series.

    mean, standard_error: (K,). covariance: (K, K) of the mean. degrees: degrees of freedom of the variance. block: records in a block.
    resolved: False when neighbouring blocks were still correlated at the largest block that could be used (the error is then too small).
    mixed: some series differs between the runs by more than its fluctuations in time explain. drifting: between the halves of the runs.
    slack: the difference below which neither was asked.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    covariance: np.ndarray
    degrees: int
    block: int
    resolved: bool
    mixed: bool
    drifting: bool
    slack: float = 0.0

    @property
    def interval(self) -> np.ndarray:
        """95 % bounds (2, K) by Student's t."""
        reach = float(stats.t.ppf(0.975, self.degrees)) * self.standard_error
        return np.stack([self.mean - reach, self.mean + reach])


def block_mean(series: np.ndarray, *, blocks: int = BLOCKS, slack: float = 0.0) -> BlockMean:
    """Return the mean over runs and time of `series` (B runs, M records, K) and its error.

    Method: every run is cut into equal blocks, `blocks` in all or a few more; while the correlation of neighbouring blocks is significant (2 %
    level, over all K) and 16 blocks remain, blocks are joined two by two; B >= 16 runs may end at one block a run, which is right whatever the
    correlation. The variance of the mean is the variance of the block means over their number: with n blocks its own relative error is sqrt(2/(n-1)).
    Records that do not fill a block count in the mean and not in the variance. A column with an infinite entry has an infinite mean and error NaN.
    slack: differences between runs or halves up to this size are not reported as `mixed` or `drifting`.
    """
    runs, records, count = series.shape
    infinite = ~np.isfinite(series).all(axis=(0, 1))
    finite = np.where(infinite, 0.0, series)
    mean = finite.mean(axis=(0, 1))
    per_run = max(1, min(records, -(-blocks // runs)))
    noise = 1e-13 * (np.abs(mean) + np.abs(finite).max(axis=(0, 1)))
    while True:
        means, length = _blocks(finite, per_run)
        correlation = _neighbour_correlation(means - mean, noise)
        limit = stats.norm.isf(_CORRELATED / count) / np.sqrt(runs * per_run)
        resolved = bool((correlation <= limit).all())
        if resolved or per_run == 1 or runs * (per_run // 2) < 16:
            break
        per_run //= 2
    resolved = resolved or (per_run == 1 and runs >= 16)
    flat = means.reshape(-1, count) - means.mean(axis=(0, 1))
    degrees = max(1, len(flat) - 1)
    used = per_run * length / records
    covariance = flat.T @ flat / (degrees * len(flat)) * used
    error = np.sqrt(np.diag(covariance))
    mixed, drifting = _disagreements(finite, means, noise, slack)
    return BlockMean(
        np.where(infinite, series.mean(axis=(0, 1)), mean) if infinite.any() else mean,
        np.where(infinite, np.nan, error),
        covariance,
        degrees,
        length,
        resolved,
        mixed,
        drifting,
        slack,
    )


def _blocks(series: np.ndarray, per_run: int) -> tuple[np.ndarray, int]:
    """Return block means (B, per_run, K), taken from the end of each run, and the block length."""
    runs, records, count = series.shape
    length = records // per_run
    kept = series[:, records - length * per_run :]
    return kept.reshape(runs, per_run, length, count).mean(axis=2), length


def _neighbour_correlation(centred: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the correlation of neighbouring blocks within a run (K,), 0 where nothing but rounding varies."""
    if centred.shape[1] < 2:
        return np.zeros(centred.shape[2])
    variance = (centred**2).mean(axis=(0, 1))
    products = (centred[:, 1:] * centred[:, :-1]).mean(axis=(0, 1))
    return np.where(variance > noise**2, products / np.maximum(variance, 1e-300), 0.0)


def _disagreements(series: np.ndarray, means: np.ndarray, noise: np.ndarray, slack: float) -> tuple[bool, bool]:
    """Test the runs against each other (F test over blocks) and their halves (paired t test), both at 1e-5 over all K."""
    runs, per_run, count = means.shape
    level = _DISAGREE / count
    mixed = drifting = False
    run_means = series.mean(axis=1)
    if runs > 1 and per_run > 1:
        within = means.var(axis=1, ddof=1).mean(axis=0)
        between = per_run * means.mean(axis=1).var(axis=0, ddof=1)
        limit = stats.f.isf(level, runs - 1, runs * (per_run - 1))
        spread = np.ptp(run_means, axis=0)
        mixed = bool(((between > limit * within) & (spread > noise + slack)).any())
    half = series.shape[1] // 2
    if runs > 2 and half:
        change = series[:, -half:].mean(axis=1) - series[:, :half].mean(axis=1)
        size = np.abs(change.mean(axis=0))
        limit = stats.t.isf(level / 2, runs - 1)
        drifting = bool(((size > limit * np.sqrt(change.var(axis=0, ddof=1) / runs)) & (size > noise + slack)).any())
    return mixed, drifting
