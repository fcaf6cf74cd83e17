"""Vectors over the lanes made into rows, and back: the shuffles between the two orders of a few numbers."""

from collections.abc import Sequence

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value

# Rows of at most this many numbers are woven together from vectors over the samples; longer ones are stored number by number.
_WOVEN = 4


def transposed(w: Writer, vectors: Sequence[Value]) -> list[Value]:
    """Return the columns of a matrix given by its rows, a power of two of them.

    Each round weaves row r with row r + half, until one vector is left, in which number k * rows + r is entry k of row r.
    """
    rows = list(vectors)
    while len(rows) > 1:
        half = len(rows) // 2
        rows = [_woven(w, rows[k], rows[k + half]) for k in range(half)]
    [flat] = rows
    return [w.shuffle(flat, flat, range(k * len(vectors), (k + 1) * len(vectors))) for k in range(vectors[0].width)]


def _woven(w: Writer, a: Value, b: Value) -> Value:
    return w.shuffle(a, b, [k + part * a.width for k in range(a.width) for part in (0, 1)])


def store_rows(w: Writer, values: Sequence[Value], target: str) -> None:
    """Store vectors over the samples, one a component, as rows."""
    width, dimension = values[0].width, len(values)
    if width == 1 or dimension > _WOVEN:
        for sample in range(width):
            for d, value in enumerate(values):
                w.store(w.lane(value, sample), target, sample * dimension + d)
        return
    joined = values[0]
    for count, following in enumerate(values[1:], start=1):
        padded = w.shuffle(following, following, [*range(width), *[-1] * ((count - 1) * width)])
        joined = w.shuffle(joined, padded, range((count + 1) * width))
    if dimension > 1:
        joined = w.shuffle(joined, joined, [d * width + sample for sample in range(width) for d in range(dimension)])
    w.store(joined, target)
