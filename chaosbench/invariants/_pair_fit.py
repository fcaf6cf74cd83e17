"""How the number of close pairs among points falls with their distance: counted and fitted."""

from dataclasses import dataclass

import numpy as np

from chaosbench.invariants._correlation_sum import count_pairs, pairs_looked_at
from chaosbench.invariants._point_sets import PointSet
from chaosbench.invariants._scaling_region import ScalingFit, fit_scaling
from chaosbench.randomness import generator

GROUPS = 32
_PAIRS = 1e7
_SHARE = 0.05
_OCTAVES = 40
_WORK = 3e9


@dataclass(frozen=True)
class PairFit:
    """fit: None where there is no scaling region. points: how many were used. thinned: fewer than given. series: radius and correlation sum."""

    fit: ScalingFit | None
    points: int
    thinned: bool
    series: dict[str, np.ndarray]


def fit_of_points(cloud: PointSet, seed: int) -> PairFit:
    """Count pairs and fit; sets that would cost too much are thinned evenly first."""
    n = len(cloud.points)
    if cloud.failed or cloud.contracting or n < 64:
        return PairFit(None, n, False, {})
    if cloud.points.shape[1] == 0:
        return PairFit(ScalingFit(0.0, 0.0, 0.0, 0.0, np.nan, np.nan), n, False, {})
    largest = _largest_radius(cloud.points, seed)
    cost = pairs_looked_at(cloud.points, largest) * (3 + cloud.points.shape[1])
    points, stamps = cloud.points, cloud.stamps
    if cost > _WORK:
        n = int(n * np.sqrt(_WORK / cost))
        kept = np.linspace(0, len(points) - 1, n).astype(np.int64)
        points, stamps = np.ascontiguousarray(points[kept]), stamps[kept]
        largest = _largest_radius(points, seed)
    groups = np.arange(n) * GROUPS // n
    counts = count_pairs(points, stamps, groups, largest=largest, octaves=_OCTAVES, apart=cloud.apart)
    seen = counts.total > 0
    series = {"radius": counts.radii[seen], "correlation_sum": counts.total[seen] / max(1.0, counts.possible)}
    return PairFit(fit_scaling(counts), n, cost > _WORK, series)


def _largest_radius(points: np.ndarray, seed: int) -> float:
    """Distance below which 10^7 pairs or 5 % of all pairs lie, from 200 000 random pairs."""
    n = len(points)
    stream = generator(seed, "correlation radius")
    first, second = stream.integers(0, n, 200_000), stream.integers(0, n, 200_000)
    distances = np.sqrt(((points[first] - points[second]) ** 2).sum(axis=1))
    distances = distances[distances > 0]
    if not len(distances):
        return 1.0
    return float(np.quantile(distances, min(_SHARE, _PAIRS / (0.5 * n * (n - 1)))))
