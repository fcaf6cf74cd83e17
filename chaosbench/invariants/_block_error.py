"""Mean of correlated series with an honest standard error: over independent runs where there are enough, else over blocks of time."""

from dataclasses import dataclass

import numpy as np
from scipy import special

BLOCKS = 64
ENOUGH_RUNS = 8
_FEWEST_BLOCKS = 16
_CORRELATED = 0.02
_DISAGREE = 1e-5


@dataclass(frozen=True)
class BlockMean:
    """The mean of K correlated series.

    mean, standard_error: (K,). covariance: (K, K) of the mean. degrees: degrees of freedom of the variance. blocks: what it was taken over, for a
    reader. resolved: False when neighbouring blocks were still correlated at the largest block that could be used (the error is then too small).
    mixed: some series differs between the runs by more than its fluctuations in time explain. drifting: the first series, between the halves of the
    runs. slack: the difference below which neither was asked.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    covariance: np.ndarray
    degrees: int
    blocks: str
    resolved: bool
    mixed: bool
    drifting: bool
    slack: float = 0.0

    @property
    def interval(self) -> np.ndarray:
        """95 % bounds (2, K) by Student's t."""
        reach = student_quantile(0.975, self.degrees) * self.standard_error
        return np.stack([self.mean - reach, self.mean + reach])


def student_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t."""
    return float(special.stdtrit(degrees, probability))


def block_mean(series: np.ndarray, *, slack: float = 0.0) -> BlockMean:
    """Return the mean over runs and time of `series` (B runs, M records, K) and its error.

    Method: with 8 runs or more the error is that of the mean of B independent numbers, the runs' means: right whatever the correlation in time.
    Blocks of time inside the runs would be no better: finite-time exponents are anticorrelated between neighbouring blocks (what an orbit gains
    from where a block ends, it loses in the next), so that plain batch means of Lorenz orbits are 30 to 50 % too wide.
    With fewer runs: batch means, see `_over_blocks`.
    A column with an infinite entry has an infinite mean and error NaN. slack: differences between runs or halves up to this size are not reported.
    """
    infinite = ~np.isfinite(series).all(axis=(0, 1))
    finite = np.where(infinite, 0.0, series)
    mean = finite.mean(axis=(0, 1))
    if len(series) >= ENOUGH_RUNS:
        run_means = finite.mean(axis=1) - mean
        covariance = run_means.T @ run_means / (len(series) * (len(series) - 1))
        degrees, blocks, resolved = len(series) - 1, f"{len(series)} orbits", True
    else:
        covariance, degrees, blocks, resolved = _over_blocks(finite, mean)
    mixed, drifting = _disagreements(finite, slack)
    error = np.where(infinite, np.nan, np.sqrt(np.maximum(np.diag(covariance), 0.0)))
    if infinite.any():
        mean = np.where(infinite, series[:, :, :].min(axis=(0, 1)), mean)
    return BlockMean(mean, error, covariance, degrees, blocks, resolved, mixed, drifting, slack)


def _over_blocks(series: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, int, str, bool]:
    """Return the covariance of the mean from blocks of time, its degrees of freedom, a description, and whether blocks are long enough.

    Method: about 64 equal blocks in all; while neighbours are positively correlated (2 % level over all K) and 16 remain, blocks are joined two by
    two. The bias of batch means falls like 1 / (block length), so the covariance is extrapolated, 2 V(b) - V(b / 2) (the lugsail estimator with
    ratio 2), and every variance kept above V(b) / 4. Its variance is that of about 0.4 times as many blocks.
    Source: D. Vats, J. M. Flegal, Biometrika 109, 735-750 (2022), doi:10.1093/biomet/asab049.
    """
    runs, records, count = series.shape
    per_run = max(1, min(records // 2, -(-BLOCKS // runs)))
    limit = -float(special.ndtri(_CORRELATED / count))
    while True:
        means, length = _blocks(series, per_run)
        resolved = bool((_neighbour_correlation(means - mean) <= limit / np.sqrt(runs * per_run)).all())
        if resolved or runs * (per_run // 2) < _FEWEST_BLOCKS:
            break
        per_run //= 2
    coarse = _batch_covariance(means, records / length)
    fine = _batch_covariance(_blocks(series, 2 * per_run)[0], 2 * records / length)
    extrapolated = 2.0 * coarse - fine
    sound = bool((np.diag(extrapolated) > 0.25 * np.diag(coarse)).all())
    covariance = extrapolated if sound else 0.25 * coarse + np.maximum(0.0, np.diag(np.diag(extrapolated - 0.25 * coarse)))
    degrees = max(1, int(0.4 * runs * per_run))
    return covariance, degrees, f"{runs * per_run} blocks of {length} records", resolved


def _blocks(series: np.ndarray, per_run: int) -> tuple[np.ndarray, int]:
    """Return block means (B, per_run, K), taken from the end of each run, and the block length."""
    runs, records, count = series.shape
    length = max(1, records // per_run)
    kept = series[:, max(0, records - length * per_run) :]
    return kept.reshape(runs, -1, length, count).mean(axis=2), length


def _batch_covariance(means: np.ndarray, blocks_per_run: float) -> np.ndarray:
    """Covariance (K, K) of the mean over all runs from block means (B, n, K)."""
    runs, _, count = means.shape
    flat = (means - means.mean(axis=(0, 1))).reshape(-1, count)
    covariance: np.ndarray = flat.T @ flat / max(1, len(flat) - 1) / (runs * blocks_per_run)
    return covariance


def _neighbour_correlation(centred: np.ndarray) -> np.ndarray:
    """Return the correlation of neighbouring blocks within a run (K,), 0 where nothing but rounding varies."""
    if centred.shape[1] < 2:
        return np.zeros(centred.shape[2])
    variance = (centred**2).mean(axis=(0, 1))
    products = (centred[:, 1:] * centred[:, :-1]).mean(axis=(0, 1))
    return np.where(variance > 1e-26, products / np.maximum(variance, 1e-300), 0.0)


def _disagreements(series: np.ndarray, slack: float) -> tuple[bool, bool]:
    """Test the runs against each other (F test over 8 blocks a run), and the halves of the runs (paired t test, first series), both at 1e-5.

    The halves must differ by a tenth of the mean as well: orbits on one limit cycle run in step, so that a slow cycle cut in the middle makes a small
    difference significant, and most of all in the contracting exponents.

    Runs that are short against the memory of the series differ too; they are told from runs that never meet by the correlation of neighbouring blocks
    around each run's own mean (-1/8 if there is none).
    """
    runs, records, count = series.shape
    noise = slack + 1e-13 * np.abs(series).max(axis=(0, 1))
    level = _DISAGREE / count
    mixed = drifting = False
    if runs > 1 and records >= 16:
        means, _ = _blocks(series, 8)
        within = means.var(axis=1, ddof=1).mean(axis=0)
        between = 8 * means.mean(axis=1).var(axis=0, ddof=1)
        spread = np.ptp(series.mean(axis=1), axis=0)
        forgetful = _neighbour_correlation(means - means.mean(axis=1, keepdims=True)) <= 3.0 / np.sqrt(7 * runs) - 0.125
        mixed = bool(((between > float(special.fdtri(runs - 1, 7 * runs, 1.0 - level)) * within) & (spread > noise) & forgetful).any())
    half = records // 2
    if runs > 2 and half:
        change = series[:, -half:, 0].mean(axis=1) - series[:, :half, 0].mean(axis=1)
        least = max(float(noise[0]), 0.1 * abs(float(series[:, :, 0].mean())))
        reach = student_quantile(1.0 - _DISAGREE / 2, runs - 1) * np.sqrt(change.var(ddof=1) / runs)
        drifting = bool(abs(change.mean()) > max(reach, least))
    return mixed, drifting
