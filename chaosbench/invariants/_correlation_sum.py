"""Count pairs of points by distance: box-assisted, compiled, without ever forming all pairs."""

from dataclasses import dataclass

import numpy as np

from chaosbench.integrators._call import driver

_MANTISSA = 2
_SHIFT = 52 - _MANTISSA
_CHUNK = 4096
_BOXES_PER_POINT = 4


@dataclass(frozen=True)
class PairCounts:
    """Pairs at distance at most radii[q] (Q,) increasing.

    total (Q,): pairs counted. without (G, Q): those of them in which no point of group g takes part. possible: pairs that were looked at.
    """

    radii: np.ndarray
    total: np.ndarray
    without: np.ndarray
    possible: float


def count_pairs(points: np.ndarray, stamps: np.ndarray, groups: np.ndarray, *, largest: float, octaves: int, apart: int) -> PairCounts:
    """Count pairs of `points` (n, D) closer than `largest`, in Euclidean distance.

    stamps (n,): int64 sample times; pairs with |difference| <= `apart` are left out (Theiler 1986), so runs are kept apart by large offsets.
    groups (n,): 0..G-1, for resampling. octaves: how far below `largest` distances are resolved; the radii are 4 an octave of r**2, read off the
    exponent and leading mantissa bits of r**2, so that no logarithm is taken and the counts are exact integers.

    Method: points are sorted into boxes of edge `largest` along up to three coordinates (the first ones: rotate the data so that they carry the
    variance); only neighbouring boxes are compared. Cost: a few ns for every pair looked at.
    Source: J. Theiler, Phys. Rev. A 36, 4456 (1987), doi:10.1103/PhysRevA.36.4456.
    """
    n = len(points)
    n_groups = int(groups.max()) + 1
    numbers, shape = _boxes(points, largest)
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(np.prod(shape) + 1))
    bins = 2 * octaves << _MANTISSA
    top = (np.float64(largest) ** 2).view(np.int64) >> _SHIFT
    histogram = np.zeros((n_groups + 1, bins + 1), dtype=np.int64)
    columns = np.ascontiguousarray(points[order].T)
    _count(columns, stamps[order], groups[order], starts, shape, float(largest) ** 2, int(top), apart, histogram, np.empty(_CHUNK))
    # bin q holds squared distances in [edge(q), edge(q - 1)), edges falling; the topmost is cut at `largest`
    edges = ((top - np.arange(bins) + 1) << _SHIFT).view(np.float64)
    radii = np.sqrt(np.minimum(edges, float(largest) ** 2))
    reached = np.cumsum(histogram[:, ::-1], axis=1)[:, ::-1][:, :bins]
    counted = reached[:, ::-1]
    return PairCounts(radii[::-1], counted[-1], counted[-1] - counted[:-1], _possible(stamps, apart, n))


def pairs_looked_at(points: np.ndarray, largest: float) -> float:
    """Return how many distances `count_pairs` would compute: its cost before paying it."""
    numbers, shape = _boxes(points, largest)
    filled = np.bincount(numbers, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
    around = filled
    for axis in range(3):
        padded = np.concatenate([np.zeros_like(around.take([0], axis)), around, np.zeros_like(around.take([0], axis))], axis=axis)
        last = padded.shape[axis]
        around = padded.take(range(last - 2), axis) + padded.take(range(1, last - 1), axis) + padded.take(range(2, last), axis)
    return float((filled * around).sum() / 2)


def _boxes(points: np.ndarray, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the box number of every point and the grid (3,): boxes along the first one to three coordinates, a few a point at most in all."""
    most = _BOXES_PER_POINT * len(points) + 64
    shape: list[int] = []
    for extent in np.ptp(points, axis=0)[:3]:
        boxes = int(min(extent / edge, most)) + 1
        if shape and np.prod(shape) * boxes > most:
            break
        shape.append(boxes)
    coordinates = points[:, : len(shape)]
    cells = np.minimum(((coordinates - coordinates.min(axis=0)) / edge).astype(np.int64), np.array(shape) - 1)
    grid = np.ones(3, dtype=np.int64)
    grid[3 - len(shape) :] = shape
    return np.ravel_multi_index(tuple(cells.T), shape), grid


def _possible(stamps: np.ndarray, apart: int, n: int) -> float:
    """Number of pairs whose stamps differ by more than `apart`."""
    ordered = np.sort(stamps)
    close = np.searchsorted(ordered, ordered + apart, side="right") - np.arange(n) - 1
    return 0.5 * n * (n - 1) - float(close.sum())


@driver
def _count(
    columns: np.ndarray,
    stamps: np.ndarray,
    groups: np.ndarray,
    starts: np.ndarray,
    shape: np.ndarray,
    limit: float,
    top: int,
    apart: int,
    histogram: np.ndarray,
    distances: np.ndarray,
) -> None:
    """Fill histogram (G + 1, bins + 1): rows 0..G-1 pairs with a point of that group, the last row all pairs. columns (D, n), sorted by box."""
    for x in range(shape[0]):
        for y in range(shape[1]):
            for z in range(shape[2]):
                box = (x * shape[1] + y) * shape[2] + z
                if starts[box] == starts[box + 1]:
                    continue
                for dx in range(2):
                    for dy in range(-1, 2):
                        if (dx == 0 and dy < 0) or x + dx >= shape[0] or y + dy < 0 or y + dy >= shape[1]:
                            continue
                        same = dx == 0 and dy == 0
                        row = ((x + dx) * shape[1] + y + dy) * shape[2]
                        low = row + (z if same else max(z - 1, 0))
                        high = starts[row + min(z + 1, shape[2] - 1) + 1]
                        for i in range(starts[box], starts[box + 1]):
                            _count_run(columns, stamps, groups, i, i + 1 if same else starts[low], high, limit, top, apart, histogram, distances)


@driver
def _count_run(
    columns: np.ndarray,
    stamps: np.ndarray,
    groups: np.ndarray,
    i: int,
    first: int,
    beyond: int,
    limit: float,
    top: int,
    apart: int,
    histogram: np.ndarray,
    distances: np.ndarray,
) -> None:
    """Compare point i with the points first..beyond of one run of boxes."""
    bits = distances.view(np.int64)
    bins = histogram.shape[1] - 1
    every = histogram.shape[0] - 1
    while first < beyond:
        width = min(beyond - first, distances.size)
        for j in range(width):
            distances[j] = 0.0
        for k in range(columns.shape[0]):
            here = columns[k, i]
            for j in range(width):
                gap = columns[k, first + j] - here
                distances[j] += gap * gap
        for j in range(width):
            if distances[j] <= limit:
                other = first + j
                if abs(stamps[other] - stamps[i]) > apart:
                    q = min(bins, top - (bits[j] >> _SHIFT))
                    histogram[every, q] += 1
                    histogram[groups[i], q] += 1
                    if groups[other] != groups[i]:
                        histogram[groups[other], q] += 1
        first += width
