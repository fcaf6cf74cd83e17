"""Bootstrap: medians and means with intervals, by resampling with fixed seeds, so that the same scores give the same intervals."""

from collections.abc import Callable, Sequence
from functools import lru_cache
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

    Seeds and windows are crossed: a drawn window keeps its scores of all drawn seeds together. Windows are drawn by W alone and seeds by S alone, so
    that two forecasters scored on the same windows are resampled alike, whatever their numbers of seeds, which is what makes their differences
    paired. One seed is drawn every time: how much another seed would change is then in no interval.

    The median of a resample is found by counting up the sorted scores: the same numbers as taking them and calling np.median, ten times sooner.
    """
    n_seeds, n_windows = scores.shape
    windows, window_times = _drawn("bootstrap-windows", f"1x{n_windows}", n_windows, draws)
    seeds, seed_times = _drawn("bootstrap-seeds", f"{n_seeds}", n_seeds, draws)
    if kind == "mean":
        return np.asarray(np.mean(scores[seeds[:, :, None], windows[:, None, :]], axis=(1, 2)))
    order = np.argsort(scores, axis=None)
    size: Any = np.int16 if scores.size < 2**15 else np.int64
    times = seed_times.astype(size)[order // n_windows] * window_times.astype(size)[order % n_windows]
    counted = np.cumsum(times, axis=0, dtype=size)  # how many scores of each resample are not above this one
    middle = [np.ravel(scores)[order[(counted <= place).sum(axis=0)]] for place in ((scores.size - 1) // 2, scores.size // 2)]
    return np.asarray((middle[0] + middle[1]) / 2)


@lru_cache(maxsize=16)
def _drawn(purpose: str, identity: str, n: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (draws, n) indices drawn with replacement from n, and (n, draws) how often each of the n is among them."""
    indices = generator(0, purpose, identity).integers(n, size=(draws, n))
    times = np.zeros((n, draws), dtype=np.int32)
    np.add.at(times, (indices, np.arange(draws)[:, None]), 1)
    for array in (indices, times):
        array.setflags(write=False)
    return indices, times


def over_systems(pools: np.ndarray, kind: Aggregate, draws: int = DRAWS, *, systems: Sequence[str] | None = None) -> np.ndarray:
    """Return (draws,) aggregates over `pools` (K, P), each row one task's bootstrap draws. systems: the system of each row; None for K systems.

    Method: hierarchical bootstrap. Systems are drawn with replacement, each with all its tasks, because tasks of one system are hard or easy
    together. Each drawn task contributes a resample of its own from its pool, so a system drawn twice is not the same number twice.
    """
    groups: dict[str, list[int]] = {}
    for row, system in enumerate(systems or [str(row) for row in range(len(pools))]):
        groups.setdefault(system, []).append(row)
    n_systems, size = len(groups), pools.shape[1]
    stream = generator(0, "bootstrap-systems", f"{n_systems}x{size}")
    width = max(len(rows) for rows in groups.values())
    tasks = np.array([rows + [-1] * (width - len(rows)) for rows in groups.values()])  # (systems, most tasks of one), -1 where there are fewer
    drawn = tasks[stream.integers(n_systems, size=(draws, n_systems))].reshape(draws, -1)
    values = pools[drawn, stream.integers(size, size=drawn.shape)]
    if (tasks >= 0).all():
        return np.asarray(aggregate(kind)(values, axis=1))
    return np.array([aggregate(kind)(row[there]) for row, there in zip(values, drawn >= 0, strict=True)])
