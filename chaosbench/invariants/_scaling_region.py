"""Choose the range of radii over which a correlation sum is a power law, and fit its exponent with an error."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chaosbench.invariants._correlation_sum import PairCounts

LEAST_PAIRS = 300
LEAST_RANGE = np.log(4.0)
_DRIFT = 0.06
_FLOOR = 1e-4
_PIECE = np.log(2.0)


@dataclass(frozen=True)
class ScalingFit:
    """A slope over the radii low..high and its three errors: of sampling the points, of the unevenness of the local slope, of its drift."""

    slope: float
    sampling: float
    unevenness: float
    drift: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Standard error of the slope."""
        return float(np.sqrt(self.sampling**2 + self.unevenness**2 + self.drift**2))


def fit_scaling(counts: PairCounts) -> ScalingFit | None:
    """Return the fit over the widest range in which the local slope drifts by less than 6 % (or twice its sampling error); None if there is none.

    Method: least squares of ln C on ln r with weight N / (1 + N / 10^4) for N pairs (counting noise above a floor of 1 %, which stands for the
    lacunarity of fractals); drift = change of slope over the range by a quadratic fit; radii with fewer than 300 pairs are left out; a range
    spans a factor 4 at least. Among ranges within 10 % of the widest the one with the smallest drift is taken. Error: jackknife over the groups of
    points; the scatter of the slopes of octave-wide pieces divided by the square root of their number; a quarter of the drift, for the limit of
    small radii lies up to half of it away.
    """
    used = np.flatnonzero((counts.total >= LEAST_PAIRS) & (counts.without.min(axis=0) >= LEAST_PAIRS // 2))
    if len(used) < 6:
        return None
    x, n = np.log(counts.radii[used]), counts.total[used].astype(np.float64)
    y, weight = np.log(n), n / (1.0 + _FLOOR * n)
    candidates = []
    for first in range(len(x) - 5):
        for last in range(len(x) - 1, first + 4, -1):
            if x[last] - x[first] < LEAST_RANGE:
                break
            part = slice(first, last + 1)
            slope, drift, noise = _slope_and_drift(x[part], y[part], weight[part])
            if abs(drift) <= max(_DRIFT * slope, 2.0 * noise):
                candidates.append((x[last] - x[first], abs(drift), first, last))
                break
    if not candidates:
        return None
    widest = max(width for width, *_ in candidates)
    _, drift, first, last = min((entry for entry in candidates if entry[0] >= 0.9 * widest), key=lambda entry: entry[1])
    part = slice(first, last + 1)
    slope = _slope(x[part], y[part], weight[part])
    replicas = np.log(counts.without[:, used[part]].astype(np.float64))
    slopes = np.array([_slope(x[part], replica, weight[part]) for replica in replicas])
    groups = len(slopes)
    sampling = np.sqrt((groups - 1) / groups * np.sum((slopes - slopes.mean()) ** 2))
    unevenness = _unevenness(x[part], y[part], weight[part])
    return ScalingFit(max(0.0, slope), float(sampling), unevenness, 0.25 * drift, float(np.exp(x[first])), float(np.exp(x[last])))


def _slope(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    centre = np.average(x, weights=weight)
    return float(np.sum(weight * (x - centre) * y) / np.sum(weight * (x - centre) ** 2))


def _slope_and_drift(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Return the slope in the middle, its change over the range and the standard error of that change, from a quadratic fit."""
    half = 0.5 * (x[-1] - x[0])
    t = (x - 0.5 * (x[-1] + x[0])) / half
    design = np.stack([np.ones_like(t), t, t * t], axis=1)
    normal = design.T @ (weight[:, None] * design)
    inverse = np.linalg.inv(normal)
    coefficients = inverse @ (design.T @ (weight * y))
    scatter = np.sum(weight * (y - design @ coefficients) ** 2) / max(1, len(t) - 3)
    return float(coefficients[1] / half), float(4.0 * coefficients[2] / half), float(4.0 / half * np.sqrt(scatter * inverse[2, 2]))


def _unevenness(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Standard error of the mean slope of pieces one octave wide."""
    pieces = max(2, int((x[-1] - x[0]) / _PIECE))
    edges = np.linspace(0, len(x) - 1, pieces + 1).astype(int)
    slopes = np.array([_slope(x[a : b + 1], y[a : b + 1], weight[a : b + 1]) for a, b in pairwise(edges) if b - a >= 2])
    return float(slopes.std(ddof=1) / np.sqrt(len(slopes))) if len(slopes) > 1 else float("inf")
