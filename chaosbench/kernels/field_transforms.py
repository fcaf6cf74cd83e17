"""Fields between the kept modes and the grid: `spread` brings modes to the grid, `gather` takes what stands on the grid back to modes."""

from collections.abc import Callable, Sequence

from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.field_frame import CELL, Frame, gaps_of, runs_of
from chaosbench.kernels.fourier import LANES, Complex, load, store, write_transform
from chaosbench.kernels.fourier_real import rounds, write_real_forward, write_real_inverse
from chaosbench.kernels.values import Index, Value, constant

# Produces the number of a place, given by its offset in doubles of a state and an index; takes one to its place.
Produce = Callable[[int, Index], Complex]
Consume = Callable[[int, Index, Complex], None]


class Transforms:
    """Writes transforms into functions of one module; `memory` says where columns and the arrays of a transform stand in `%work`."""

    def __init__(self, assembly: Assembly, frame: Frame, memory: dict[str, int]) -> None:
        self._frame = frame
        self._memory = memory
        self._inverse, self._forward = write_lines(assembly, frame)
        self._column_inverse = self._column_forward = ""
        if frame.plane:
            self._column_inverse = write_transform(assembly, frame.shape[0], inverse=True)
            self._column_forward = write_transform(assembly, frame.shape[0], inverse=False)

    def spread(self, w: Writer, produce: Produce, grid: str) -> None:
        """Write numbers of all places to the grid at address `grid`; not normalised."""
        columns = self._array(w, "columns")
        if self._frame.plane:
            self._rows_to_columns(w, produce, columns)
        else:
            with rounds(w, self._frame.places) as k:
                store(w, produce(0, k), columns, 0, w.times(k, CELL))
        with rounds(w, self._frame.strips) as strip:
            source = w.address(columns, 0, w.times(strip, self._frame.width * CELL))
            target = w.address(grid, 0, w.times(strip, self._frame.grid // self._frame.strips))
            w.procedure(self._inverse, (source, target, self._array(w, "first"), self._array(w, "second")))

    def gather(self, w: Writer, grid: str, consume: Consume) -> None:
        """Bring the grid at address `grid` to numbers of all places; not normalised, real fields twice as large."""
        columns = self._array(w, "columns")
        with rounds(w, self._frame.strips) as strip:
            source = w.address(grid, 0, w.times(strip, self._frame.grid // self._frame.strips))
            target = w.address(columns, 0, w.times(strip, self._frame.width * CELL))
            w.procedure(self._forward, (source, target, self._array(w, "first"), self._array(w, "second")))
        if self._frame.plane:
            self._columns_to_rows(w, columns, consume)
            return
        with rounds(w, self._frame.places) as k:
            consume(0, k, load(w, columns, 0, w.times(k, CELL)))

    def _array(self, w: Writer, name: str) -> str:
        return w.address("%work", self._memory[name])

    def _rows_to_columns(self, w: Writer, produce: Produce, columns: str) -> None:
        """Transform along y, W columns at a time, and turn the result so that lanes become lines."""
        frame, n = self._frame, self._frame.shape[0]
        given, found, other = (self._array(w, name) for name in ("first", "second", "third"))
        zero = Complex(constant(0.0, LANES), constant(0.0, LANES))
        for first, length in gaps_of(frame.rows, n):
            with rounds(w, length) as k:
                store(w, zero, given, first * CELL, w.times(k, CELL))
        with rounds(w, frame.groups) as group:
            for first, place, length in runs_of(frame.rows):
                with rounds(w, length) as k:
                    z = produce(place * frame.groups, _sum(w, w.times(k, frame.groups), group))
                    store(w, z, given, first * CELL, w.times(k, CELL))
            w.procedure(self._column_inverse, (given, found, other))
            start = w.times(group, LANES * CELL)
            with rounds(w, frame.strips) as strip:
                line, target = w.times(strip, LANES * CELL), w.times(strip, frame.width * CELL)
                block = [load(w, found, i * CELL, line) for i in range(LANES)]
                for j, z in enumerate(_turned(w, block)):
                    store(w, z, columns, j * CELL, start, target)

    def _columns_to_rows(self, w: Writer, columns: str, consume: Consume) -> None:
        frame = self._frame
        given, found, other = (self._array(w, name) for name in ("first", "second", "third"))
        with rounds(w, frame.groups) as group:
            start = w.times(group, LANES * CELL)
            with rounds(w, frame.strips) as strip:
                line, source = w.times(strip, LANES * CELL), w.times(strip, frame.width * CELL)
                block = [load(w, columns, j * CELL, start, source) for j in range(LANES)]
                for i, z in enumerate(_turned(w, block)):
                    store(w, z, given, i * CELL, line)
            w.procedure(self._column_forward, (given, found, other))
            for first, place, length in runs_of(frame.rows):
                with rounds(w, length) as k:
                    z = load(w, found, first * CELL, w.times(k, CELL))
                    consume(place * frame.groups, _sum(w, w.times(k, frame.groups), group), z)


def write_lines(assembly: Assembly, frame: Frame) -> tuple[str, str]:
    """Write the transforms along x and return their names: (columns, line, other, another), (line, columns, other, another)."""
    n, kept = frame.nx, frame.columns
    if not frame.complex:
        return write_real_inverse(assembly, n, len(kept)), write_real_forward(assembly, n, len(kept))
    inverse, forward = write_transform(assembly, n, inverse=True), write_transform(assembly, n, inverse=False)
    zero = Complex(constant(0.0, LANES), constant(0.0, LANES))
    w = Writer(assembly, "to_line", ("columns", "line", "other", "another"), internal=True)
    for first, length in gaps_of(kept, n):
        with rounds(w, length) as k:
            store(w, zero, "%other", first * CELL, w.times(k, CELL))
    for first, place, length in runs_of(kept):
        with rounds(w, length) as k:
            store(w, load(w, "%columns", place * CELL, w.times(k, CELL)), "%other", first * CELL, w.times(k, CELL))
    w.procedure(inverse, ("%other", "%line", "%another"))
    w.finish()
    w = Writer(assembly, "to_columns", ("line", "columns", "other", "another"), internal=True)
    w.procedure(forward, ("%line", "%other", "%another"))
    for first, place, length in runs_of(kept):
        with rounds(w, length) as k:
            store(w, load(w, "%other", first * CELL, w.times(k, CELL)), "%columns", place * CELL, w.times(k, CELL))
    w.finish()
    return "to_line", "to_columns"


def _sum(w: Writer, a: Index, b: Index) -> Index:
    """A + b."""
    if not (a.name and b.name):
        return Index(a.name or b.name, a.constant + b.constant)
    return Index(w.put(f"add i64 {a.name}, {b.name}"), a.constant + b.constant)


def _turned(w: Writer, block: Sequence[Complex]) -> list[Complex]:
    """The transpose of W numbers with W lanes."""
    parts = [_transposed(w, [z[part] for z in block]) for part in range(2)]
    return [Complex(re, im) for re, im in zip(*parts, strict=True)]


def _transposed(w: Writer, rows: Sequence[Value]) -> list[Value]:
    """Exchange blocks of half the width, then within each half: entry (i, j) and (j, i) change places."""
    rows, width = list(rows), LANES
    span = width // 2
    while span:
        low = [k + (width if k & span else 0) - (span if k & span else 0) for k in range(width)]
        for i in (i for i in range(width) if not i & span):
            a, b = rows[i], rows[i + span]
            rows[i] = w.shuffle(a, b, low)
            rows[i + span] = w.shuffle(a, b, [k + span for k in low])
        span //= 2
    return rows
