"""Bootstrap: medians and means with intervals, by resampling with fixed seeds, so that the same scores give the same intervals."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from chaosbench.randomness import generator

DRAWS = 2_000
LEVEL = 95.0

Aggregate = Literal["median", "mean"]


def aggregate(kind: Aggregate) -> Callable[..., Any]:
    """Return the function that turns many scores into one."""
    return np.median if kind == "median" else np.mean


def interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the percentile interval (95 %) of bootstrap draws."""
    low, high = np.percentile(draws, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def resampled(scores: np.ndarray, kind: Aggregate, draws: int = DRAWS) -> np.ndarray:
    """Return (draws,) aggregates of `scores` (S, W), seeds and windows resampled with replacement.

    A window keeps its scores of all seeds together. The draws depend on S and W alone: two forecasters scored on the same windows are resampled
    alike, which is what makes their differences paired.
    """
    n_seeds, n_windows = scores.shape
    stream = generator(0, "bootstrap-windows", f"{n_seeds}x{n_windows}")
    windows = stream.integers(n_windows, size=(draws, 1, n_windows))
    seeds = stream.integers(n_seeds, size=(draws, n_seeds, 1))
    return np.asarray(aggregate(kind)(scores[seeds, windows], axis=(1, 2)))


def over_systems(pools: np.ndarray, kind: Aggregate, draws: int = DRAWS) -> np.ndarray:
    """Return (draws,) aggregates over systems of `pools` (K, P), each row one system's bootstrap draws.

    Method: hierarchical bootstrap. Systems are drawn with replacement, and each drawn system contributes a window resample of its own from its
    pool, so a system drawn twice is not the same number twice.
    """
    n_systems, size = pools.shape
    stream = generator(0, "bootstrap-systems", f"{n_systems}x{size}")
    systems = stream.integers(n_systems, size=(draws, n_systems))
    members = stream.integers(size, size=(draws, n_systems))
    return np.asarray(aggregate(kind)(pools[systems, members], axis=1))
