"""Outputs of a polynomial step: every sample time inside the step, written where it belongs, without a call for each.

Both functions take u, the state of the clock (see `Clock`), p, the sample times, work, the coefficients [degree + 1][E][W], and out, the rows of D numbers to fill.
They advance the index of the next sample, and both evaluate the polynomial by Horner's rule, so their bits agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaosbench.kernels.control import repeat, when
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.values import Index, Value, constant, whole

BLOCK = 8
# Rows of at most this many numbers are woven together from vectors over the samples; longer ones are stored number by number.
_INTERLEAVED = 4


@dataclass(frozen=True)
class Clock:
    """Where things stand in `u`, one number a lane each, all as doubles.

    time + carry: where the step began. step: how long it was. index: the next sample, in its lane. count: the number of samples. row: where the times of the
    lane begin in p. start: where its rows begin in out. found: scratch.
    """

    width: int

    def _at(self, place: int) -> int:
        return place * self.width

    @property
    def time(self) -> int:
        return self._at(0)

    @property
    def carry(self) -> int:
        return self._at(1)

    @property
    def step(self) -> int:
        return self._at(2)

    @property
    def index(self) -> int:
        return self._at(3)

    @property
    def count(self) -> int:
        return self._at(4)

    @property
    def row(self) -> int:
        return self._at(5)

    @property
    def start(self) -> int:
        return self._at(6)

    @property
    def found(self) -> int:
        return self._at(7)

    @property
    def size(self) -> int:
        return self._at(8)


@dataclass(frozen=True)
class Shape:
    """Of the polynomials: the first `dimension` of `size` components are written, each a polynomial of `degree`."""

    dimension: int
    size: int
    degree: int


def write_lane_samples(assembly: Assembly, shape: Shape, width: int) -> None:
    """Write function samples for several lanes: in each round the next sample of every lane that has one left in its step.

    A lane without one writes to `past`, which has room for a row, so that no round has a branch.
    """
    w = Writer(assembly, "samples", KERNEL_POINTERS, wide=True)
    clock = Clock(width)
    time, carry, step = (w.load("%u", k, width=width) for k in (clock.time, clock.carry, clock.step))
    index, count, row, start = (w.convert("fptosi", w.load("%u", k, width=width), "i64") for k in (clock.index, clock.count, clock.row, clock.start))
    newest = w.integer("sub", count, whole(1, width))
    with repeat(w, [index]) as loop:
        [place] = loop.carried
        open_lanes = w.compare_integers("slt", place, count)
        inside = w.select(open_lanes, place, newest)
        since = w.sub(w.sub(_gather(w, "%p", w.integer("add", row, inside)), time), carry)
        due = w.both(open_lanes, w.compare("ole", since, step))
        following = w.integer("add", place, w.convert("zext", due, "i64"))
        some = w.any(due)
        with when(w, some):
            values = _horner(w, shape, since)
            target = w.integer("add", start, w.integer("mul", inside, whole(shape.dimension, width)))
            for lane in range(width):
                address = w.put(f"getelementptr double, ptr %out, i64 {w.lane(target, lane).text}")
                pointer = w.put(f"select {w.lane(due, lane).typed}, ptr {address}, ptr %past")
                for d, value in enumerate(values):
                    w.store(w.lane(value, lane), pointer, d)
        loop.close([following], some)
    w.store(w.convert("sitofp", loop.after[0], "double"), "%u", clock.index)
    w.finish()


def _gather(w: Writer, base: str, places: Value) -> Value:
    values = []
    for lane in range(places.width):
        address = w.put(f"getelementptr double, ptr {base}, i64 {w.lane(places, lane).text}")
        values.append(w.load(address))
    return w.lanes(values)


def _horner(w: Writer, shape: Shape, since: Value, *, broadcast: bool = False) -> list[Value]:
    """The components at `since`; `broadcast` when the coefficients in work are those of one lane."""

    def coefficient(n: int, d: int) -> Value:
        place = n * shape.size + d
        return w.splat(w.load("%work", place), since.width) if broadcast else w.load("%work", place * since.width, width=since.width)

    values = []
    for d in range(shape.dimension):
        value = coefficient(shape.degree, d)
        for n in range(shape.degree - 1, -1, -1):
            value = w.fma(value, since, coefficient(n, d))
        values.append(value)
    return values


def write_single_samples(assembly: Assembly, shape: Shape) -> None:
    """Write function samples for one lane: eight consecutive samples at a time, the last seven rows of out one by one.

    Eight rows are written even if the step reaches fewer; the others are written again by a later step, or filled by the caller.
    """
    w = Writer(assembly, "samples", KERNEL_POINTERS, wide=True)
    clock = Clock(1)
    time, carry, step = (w.load("%u", k) for k in (clock.time, clock.carry, clock.step))
    count, row, start = (w.convert("fptosi", w.load("%u", k), "i64") for k in (clock.count, clock.row, clock.start))
    times = w.put(f"getelementptr double, ptr %p, i64 {row.text}")
    rows = w.put(f"getelementptr double, ptr %out, i64 {start.text}")
    for width in (BLOCK, 1):
        with repeat(w, []) as loop:
            w.store(constant(0.0), "%u", clock.found)
            place = w.convert("fptosi", w.load("%u", clock.index), "i64")
            left = w.integer("sub", count, place)
            enough = w.compare_integers("sge", left, whole(width))
            if width == 1:
                enough = w.both(enough, w.compare_integers("slt", left, whole(BLOCK)))
            with when(w, enough):
                moments = w.load(times, 0, Index(place.text), width=width)
                since = w.sub(w.sub(moments, w.splat(time, width)), w.splat(carry, width))
                found = w.count(w.compare("ole", since, w.splat(step, width)))
                with when(w, w.compare_integers("sgt", found, whole(0))):
                    target = w.put(f"getelementptr double, ptr {rows}, i64 {w.integer('mul', place, whole(shape.dimension)).text}")
                    _store_rows(w, _horner(w, shape, since, broadcast=True), target)
                w.store(w.convert("sitofp", w.integer("add", place, found), "double"), "%u", clock.index)
                w.store(w.convert("sitofp", found, "double"), "%u", clock.found)
            loop.close([], w.compare("oeq", w.load("%u", clock.found), constant(float(width))))
    w.finish()


def _store_rows(w: Writer, values: Sequence[Value], target: str) -> None:
    """Store vectors over the samples, one a component, as rows."""
    width, dimension = values[0].width, len(values)
    if width == 1 or dimension > _INTERLEAVED:
        for sample in range(width):
            for d, value in enumerate(values):
                w.store(w.lane(value, sample), target, sample * dimension + d)
        return
    joined, lanes = values[0], 1
    while lanes < dimension:
        following = values[lanes]
        padded = w.shuffle(following, following, [*range(width), *[-1] * ((lanes - 1) * width)])
        joined = w.shuffle(joined, padded, range((lanes + 1) * width))
        lanes += 1
    if dimension > 1:
        joined = w.shuffle(joined, joined, [d * width + sample for sample in range(width) for d in range(dimension)])
    w.store(joined, target)
