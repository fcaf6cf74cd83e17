"""The loop that carries states with their tangent columns, several in lanes, and orthonormalises them on the way.

All functions take u, the record of the lanes (see `lanes`; the state is [x, v_1, ..., v_K]), p, their parameters [P][W], past, the growth (see
`Record`), work and out. advance: rounds of one step (a map: one iteration) in every lane that is not at its end, and an orthonormalisation every so
many rounds, until all are at their ends, one has failed or the given number of rounds is over. finish: orthonormalises, writes the logarithm of the
growth since the last time to out [K][W], and begins anew.

Lanes go side by side, so the rounds between two orthonormalisations are steps of each lane's own: a step is short where growth is fast. A lane at its
end is left alone until all are there; what it computes does not depend on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaosbench.expressions.tape import Tape
from chaosbench.kernels.advance import Sizes, Step, write_round
from chaosbench.kernels.control import counted, repeat, when
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.lanes import LIMIT, Lanes
from chaosbench.kernels.orthonormal import Columns, write_growth, write_orthonormal
from chaosbench.kernels.straight_taylor import largest_of
from chaosbench.kernels.values import Value, constant
from chaosbench.kernels.variational import VariationalTaylor
from chaosbench.kernels.variational_series import VariationalSeries

Angles = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Record:
    """What stands in past: product [K][W] and exponent [K][W] of the growth, rounds between orthonormalisations and since the last one, scratch."""

    dimension: int
    columns: int
    width: int

    @property
    def every(self) -> int:
        """Where the number of rounds between orthonormalisations stands."""
        return 2 * self.columns * self.width

    @property
    def since(self) -> int:
        """Where the number of rounds since the last one stands."""
        return self.every + 1

    @property
    def scratch(self) -> int:
        """Where the room for a column begins, on a cache line."""
        return -(-(self.since + 1) // 8) * 8

    @property
    def size(self) -> int:
        """Doubles in all, whole cache lines."""
        return self.scratch + -(-self.dimension * self.width // 8) * 8


def growth_text(tape: Tape, order: int, width: int, columns: int, angles: Angles) -> str:
    """Return the assembly of advance and finish for a system without cells: a flow, or with order 0 a map.

    angles: the slots and periods of the components that are wrapped.
    """
    assembly, lanes, record = Assembly(), Lanes(tape.dimension * (1 + columns), width), Record(tape.dimension, columns, width)
    if order:
        _write_step(assembly, tape, order, lanes, columns)
    else:
        _write_iteration(assembly, tape, lanes, columns)
    _write_orthonormalise(assembly, lanes, Columns(tape.dimension, columns, width, record.scratch), angles)
    _write_advance(assembly, lanes, record)
    _write_finish(assembly, record)
    return assembly.text()


def growth_sizes(tape: Tape, order: int, width: int, columns: int) -> Sizes:
    """Return the doubles that the kernels need."""
    size = tape.dimension * (1 + columns)
    return Sizes(
        Lanes(size, width).size,
        max(1, tape.n_parameters) * width,
        Record(tape.dimension, columns, width).size,
        ((order + 1) * size + columns) * width,
    )


def _write_step(assembly: Assembly, tape: Tape, order: int, lanes: Lanes, columns: int) -> None:
    """Function round of a flow: a step."""

    def make(w: Writer) -> Step:
        step = VariationalTaylor(w, tape, order, lanes.width, columns)
        return Step(step.write, step.keep)

    write_round(assembly, None, lanes, make)


def _write_iteration(assembly: Assembly, tape: Tape, lanes: Lanes, columns: int) -> None:
    """Function round of a map: an iteration; the clock counts them. The columns wait in work [K][D][W] until all are known to be numbers."""
    w = Writer(assembly, "round", KERNEL_POINTERS, internal=True, wide=True)
    width, dimension, zero, one = lanes.width, tape.dimension, constant(0.0, lanes.width), constant(1.0, lanes.width)
    evaluate = VariationalSeries(w, tape, width)
    state = [w.load("%u", d * width, width=width) for d in range(dimension)]
    solution, nodes = evaluate.orbit(state, 0)
    following = [row[1] for row in solution]
    with counted(w, columns, 1, [zero]) as loop:
        offset, [total] = w.times(loop.index, dimension * width), loop.carried
        tangent = [w.load("%u", (dimension + d) * width, offset, width=width) for d in range(dimension)]
        for d, row in enumerate(evaluate.column(tangent, 0, nodes)):
            w.store(row[1], "%work", d * width, offset)
            total = w.fma(row[1], zero, total)
        loop.close([total])
    size = w.add(largest_of(w, following, following), loop.after[0])
    time, end, steps = (w.load("%u", lanes.field(name), width=width) for name in ("time", "end", "steps"))
    moving = w.compare("olt", time, end)
    good = w.both(moving, w.compare("ole", size, constant(LIMIT, width)))
    for d, (old, new) in enumerate(zip(state, following, strict=True)):
        w.store(w.select(good, new, old), "%u", d * width)
    with counted(w, columns, 1) as loop:
        offset = w.times(loop.index, dimension * width)
        for d in range(dimension):
            new, old = w.load("%work", d * width, offset, width=width), w.load("%u", (dimension + d) * width, offset, width=width)
            w.store(w.select(good, new, old), "%u", (dimension + d) * width, offset)
        loop.close([])
    w.store(w.select(good, w.add(time, one), time), "%u", lanes.field("time"))
    w.store(w.select(moving, w.add(steps, one), steps), "%u", lanes.field("steps"))
    w.store(size, "%u", lanes.field("largest"))
    w.finish()


def _write_orthonormalise(assembly: Assembly, lanes: Lanes, columns: Columns, angles: Angles) -> None:
    """Function orthonormalise(u, past, all): the lanes that are not at their ends, or all; angles go back into [0, period)."""
    w = Writer(assembly, "orthonormalise", ("u", "past"), ("all",), internal=True, wide=True)
    width, zero = columns.width, constant(0.0, columns.width)
    wanted = w.either(_moving(w, lanes), w.compare("ogt", w.splat(Value("%all"), width), zero))
    for slot, period in angles:
        angle = w.load("%u", slot * width, width=width)
        turns = w.call("floor", w.div(angle, constant(period, width)))
        w.store(w.select(wanted, w.sub(angle, w.mul(turns, constant(period, width))), angle), "%u", slot * width)
    write_orthonormal(w, columns, wanted)
    w.finish()


def _write_advance(assembly: Assembly, lanes: Lanes, record: Record) -> None:
    w = Writer(assembly, "advance", KERNEL_POINTERS)
    with repeat(w, [w.load("%u", lanes.setting("rounds"))]) as loop:
        [left] = loop.carried
        w.procedure("round", [f"%{name}" for name in KERNEL_POINTERS])
        since = w.add(w.load("%past", record.since), constant(1.0))
        due = w.compare("oge", since, w.load("%past", record.every))
        w.store(w.select(due, constant(0.0), since), "%past", record.since)
        with when(w, due):
            w.procedure("orthonormalise", ["%u", "%past"], [constant(0.0)])
        moving = _moving(w, lanes)
        failed = w.both(moving, w.compare("ugt", w.load("%u", lanes.field("largest"), width=lanes.width), constant(LIMIT, lanes.width)))
        less = w.sub(left, constant(1.0))
        more = w.both(w.compare("ogt", less, constant(0.0)), w.both(w.any(moving), w.complement(w.any(failed))))
        loop.close([less], more)
    w.finish()


def _write_finish(assembly: Assembly, record: Record) -> None:
    w = Writer(assembly, "finish", KERNEL_POINTERS, wide=True)
    w.procedure("orthonormalise", ["%u", "%past"], [constant(1.0)])
    write_growth(w, record.columns, record.width)
    w.store(constant(0.0), "%past", record.since)
    w.finish()


def _moving(w: Writer, lanes: Lanes) -> Value:
    """Where the end is not reached."""
    time, carry, end = (w.load("%u", lanes.field(name), width=lanes.width) for name in ("time", "carry", "end"))
    return w.compare("ogt", w.sub(w.sub(end, time), carry), constant(0.0, lanes.width))
