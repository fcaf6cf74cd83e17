"""Outputs of a polynomial step with many components: one sample at a time, in vectors over the components.

The vectors of a sample are stored as they are, where those over samples would have to be taken apart number by number. Horner's rule as in
`samples`, so both give the same bits.
"""

from collections.abc import Sequence

from chaosbench.kernels.control import counted, repeat, when
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.samples import Shape, Window
from chaosbench.kernels.sweeps import WIDTH
from chaosbench.kernels.values import Index, Value, constant, whole

# More components than this go in vectors over the components.
WIDE = 4
# Vectors at a time: each is a chain of operations that wait for one another.
_ABREAST = 4


def write_wide_samples(w: Writer, shape: Shape, lanes: Lanes, window: Window) -> None:
    """Write the samples of a single lane, with its index in u brought forward."""
    count, row, start = (w.convert("fptosi", w.load("%u", lanes.field(name)), "i64") for name in ("count", "row", "start"))
    times = w.address("%a", 0, Index(row.text))
    rows = w.address("%out", 0, Index(start.text))
    with repeat(w, [w.load("%u", lanes.field("index"))]) as loop:
        [number] = loop.carried
        place = w.convert("fptosi", number, "i64")
        left = w.compare_integers("slt", place, count)
        moment = w.load(times, 0, Index(w.select(left, place, whole(0)).text))
        since = w.sub(w.sub(moment, window.time), window.carry)
        due = w.both(left, w.compare("ole", since, window.step))
        with when(w, due):
            argument = since if window.scale is None else w.mul(since, window.scale)
            _write_row(w, shape, argument, w.address(rows, 0, Index(w.integer("mul", place, whole(shape.dimension)).text)))
        loop.close([w.select(due, w.add(number, constant(1.0)), number)], due)
    w.store(loop.after[0], "%u", lanes.field("index"))


def _write_row(w: Writer, shape: Shape, argument: Value, target: str) -> None:
    chunk = _ABREAST * WIDTH
    chunks = shape.dimension // chunk
    if chunks > 1:
        with counted(w, chunks * chunk, chunk) as loop:
            _write_vectors(w, shape, argument, target, [(Index(loop.index.name, k * WIDTH), WIDTH) for k in range(_ABREAST)])
    first = chunks * chunk if chunks > 1 else 0
    rest = [(Index("", start), min(WIDTH, shape.dimension - start)) for start in range(first, shape.dimension, WIDTH)]
    if rest:
        _write_vectors(w, shape, argument, target, rest)


def _write_vectors(w: Writer, shape: Shape, argument: Value, target: str, vectors: Sequence[tuple[Index, int]]) -> None:
    """Write some vectors of a row, their chains side by side."""
    values: list[Value] = []
    for n in range(shape.degree, -1, -1):
        coefficients = [w.load("%work", n * shape.size, index, width=width) for index, width in vectors]
        if not values:
            values = coefficients
        else:
            values = [w.fma(value, w.splat(argument, value.width), next_one) for value, next_one in zip(values, coefficients, strict=True)]
    for value, (index, _) in zip(values, vectors, strict=True):
        w.store(value, target, 0, index)
