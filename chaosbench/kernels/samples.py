"""Outputs of a polynomial step: every sample time inside the step, written where it belongs, in vectors.

The coefficients [degree + 1][E][W] stand in work. Many lanes take four samples each at a time, a single one eight; what is left over at the end
of a trajectory goes one by one. Rows beyond the step are written too, as long as they are rows of the same trajectory: a later step writes them
again, or the caller fills them. Horner's rule throughout, so that all give the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chaosbench.kernels.control import repeat, when
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.values import Index, Value, constant, whole
from chaosbench.kernels.weave import store_rows, transposed

BLOCK = 8
QUAD = 4


@dataclass(frozen=True)
class Shape:
    """Of the polynomials: the first `dimension` of `size` components are written, each a polynomial of `degree`."""

    dimension: int
    size: int
    degree: int


def spill(dimension: int) -> int:
    """Return the doubles of `past`, where lanes without a sample write: whole cache lines."""
    return -(-QUAD * dimension // 8) * 8


class Window(NamedTuple):
    """Where the step began (time + carry), and how far its samples go; nothing is due where that is negative.

    scale: a polynomial in scale * (time since the beginning); None for 1.
    """

    time: Value
    carry: Value
    step: Value
    scale: Value | None = None


def due_samples(w: Writer, lanes: Lanes, window: Window) -> Value:
    """Whether the next sample of each lane lies inside the step."""
    index, count, row = (_whole(w, lanes, name) for name in ("index", "count", "row"))
    left = w.compare_integers("slt", index, count)
    place = w.integer("add", row, w.select(left, index, whole(0, lanes.width)))
    moments = w.lanes([w.load("%a", 0, Index(w.lane(place, k).text)) for k in range(lanes.width)])
    since = w.sub(w.sub(moments, window.time), window.carry)
    return w.both(left, w.compare("ole", since, window.step))


def write_lane_samples(w: Writer, shape: Shape, lanes: Lanes, window: Window) -> None:
    """Write the samples of several lanes, with their indices in u brought forward."""
    count, row, start = (_whole(w, lanes, name) for name in ("count", "row", "start"))
    tall = w.compare_integers("sge", w.lane(count, 0), whole(QUAD))
    with when(w, tall), repeat(w, []) as loop:
        index = _whole(w, lanes, "index")
        fits = w.compare_integers("sle", w.integer("add", index, whole(QUAD, lanes.width)), count)
        place = w.select(fits, index, whole(0, lanes.width))
        columns = transposed(w, [_load_times(w, row, place, lane) for lane in range(lanes.width)])
        since = [w.sub(w.sub(column, window.time), window.carry) for column in columns]
        due = [w.both(fits, w.compare("ole", moment, window.step)) for moment in since]
        with when(w, w.any(due[0])):
            target = w.integer("add", start, w.integer("mul", place, whole(shape.dimension, lanes.width)))
            _write_quads(w, shape, [_argument(w, window, moment) for moment in since], due[0], target)
        for condition in due:
            index = w.integer("add", index, w.convert("zext", condition, "i64"))
        w.store(w.convert("sitofp", index, "double"), "%u", lanes.field("index"))
        loop.close([], w.any(due[-1]))
    _write_left_over(w, shape, lanes, window)


def _whole(w: Writer, lanes: Lanes, name: str) -> Value:
    return w.convert("fptosi", w.load("%u", lanes.field(name), width=lanes.width), "i64")


def _load_times(w: Writer, row: Value, place: Value, lane: int) -> Value:
    first = w.integer("add", w.lane(row, lane), w.lane(place, lane))
    return w.load("%a", 0, Index(first.text), width=QUAD)


def _write_quads(w: Writer, shape: Shape, arguments: Sequence[Value], due: Value, target: Value) -> None:
    """Store four rows of each lane that has one due, the others' to past."""
    pointers = []
    for lane in range(due.width):
        address = w.put(f"getelementptr double, ptr %out, i64 {w.lane(target, lane).text}")
        pointers.append(w.put(f"select {w.lane(due, lane).typed}, ptr {address}, ptr %past"))
    values = [value for argument in arguments for value in _horner(w, shape, argument)]
    for first in range(0, len(values), BLOCK):
        for pointer, numbers in zip(pointers, transposed(w, values[first : first + BLOCK]), strict=True):
            w.store(numbers, pointer, first)


def _write_left_over(w: Writer, shape: Shape, lanes: Lanes, window: Window) -> None:
    """Write the last three samples of every lane one by one."""
    count, row, start = (_whole(w, lanes, name) for name in ("count", "row", "start"))
    index = _whole(w, lanes, "index")
    beyond = w.compare_integers("sgt", w.integer("add", index, whole(QUAD, lanes.width)), count)
    near = w.both(beyond, w.compare("oge", window.step, constant(0.0, lanes.width)))
    with when(w, w.any(near)), repeat(w, []) as loop:
        index = _whole(w, lanes, "index")
        some = w.both(near, w.compare_integers("slt", index, count))
        place = w.select(some, index, whole(0, lanes.width))
        moments = [w.load("%a", 0, Index(w.integer("add", w.lane(row, k), w.lane(place, k)).text)) for k in range(lanes.width)]
        since = w.sub(w.sub(w.lanes(moments), window.time), window.carry)
        due = w.both(some, w.compare("ole", since, window.step))
        target = w.integer("add", start, w.integer("mul", place, whole(shape.dimension, lanes.width)))
        values = _horner(w, shape, _argument(w, window, since))
        for lane in range(lanes.width):
            address = w.put(f"getelementptr double, ptr %out, i64 {w.lane(target, lane).text}")
            pointer = w.put(f"select {w.lane(due, lane).typed}, ptr {address}, ptr %past")
            for d, value in enumerate(values):
                w.store(w.lane(value, lane), pointer, d)
        following = w.integer("add", index, w.convert("zext", due, "i64"))
        w.store(w.convert("sitofp", following, "double"), "%u", lanes.field("index"))
        loop.close([], w.any(due))


def write_block_samples(w: Writer, shape: Shape, lanes: Lanes, window: Window) -> None:
    """Write the samples of a single lane, with its index in u brought forward."""
    count, row, start = (_whole(w, lanes, name) for name in ("count", "row", "start"))
    times = w.put(f"getelementptr double, ptr %a, i64 {row.text}")
    rows = w.put(f"getelementptr double, ptr %out, i64 {start.text}")
    for width in (BLOCK, 1):
        with repeat(w, []) as loop:
            w.store(constant(0.0), "%past")
            place = _whole(w, lanes, "index")
            left = w.integer("sub", count, place)
            enough = w.compare_integers("sge", left, whole(width))
            if width == 1:
                enough = w.both(enough, w.compare_integers("slt", left, whole(BLOCK)))
            with when(w, enough):
                moments = w.load(times, 0, Index(place.text), width=width)
                since = w.sub(w.sub(moments, w.splat(window.time, width)), w.splat(window.carry, width))
                found = w.count(w.compare("ole", since, w.splat(window.step, width)))
                with when(w, w.compare_integers("sgt", found, whole(0))):
                    target = w.put(f"getelementptr double, ptr {rows}, i64 {w.integer('mul', place, whole(shape.dimension)).text}")
                    store_rows(w, _horner(w, shape, _argument(w, window, since), broadcast=True), target)
                w.store(w.convert("sitofp", w.integer("add", place, found), "double"), "%u", lanes.field("index"))
                w.store(w.convert("sitofp", found, "double"), "%past")
            loop.close([], w.compare("oeq", w.load("%past"), constant(float(width))))


def _argument(w: Writer, window: Window, since: Value) -> Value:
    return since if window.scale is None else w.mul(since, w.splat(window.scale, since.width))


def _horner(w: Writer, shape: Shape, argument: Value, *, broadcast: bool = False) -> list[Value]:
    """The components at an argument; `broadcast` when the coefficients in work are those of one lane."""

    def coefficient(n: int, d: int) -> Value:
        place = n * shape.size + d
        return w.splat(w.load("%work", place), argument.width) if broadcast else w.load("%work", place * argument.width, width=argument.width)

    values = []
    for d in range(shape.dimension):
        value = coefficient(shape.degree, d)
        for n in range(shape.degree - 1, -1, -1):
            value = w.fma(value, argument, coefficient(n, d))
        values.append(value)
    return values
