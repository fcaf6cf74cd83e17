"""The loop around a step: lanes go on, write their outputs and keep their clocks until one of them needs attention.

Function advance takes u, the record of the lanes (see `lanes`), p, their parameters [P][W], a, the sample times, past, scratch, work, and out, where
the rows of outputs go. It returns when a trajectory has ended, failed or spent its steps, or after the given number of rounds. A failed step
changes neither the state nor the clock of its lane.
"""

from collections.abc import Callable
from typing import NamedTuple

from chaosbench.kernels.control import repeat
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.lanes import LEAST, LIMIT, Lanes
from chaosbench.kernels.samples import Shape, Window, write_block_samples, write_lane_samples
from chaosbench.kernels.values import Value, constant


class Limits(NamedTuple):
    """What a step is given: the room that is left, the step at which halving ends, the tolerances."""

    room: Value
    least: Value
    rtol: Value
    atol: Value
    factor: Value


class Stepped(NamedTuple):
    """What a step gives: its length, how often it was halved, and the largest component after it (NaN where the equations give none)."""

    step: Value
    halvings: Value
    largest: Value


class Step(NamedTuple):
    """A step being written: `write` does it from the state in u, `keep` writes the new state to u in the lanes where a condition holds."""

    write: Callable[[Limits], Stepped]
    keep: Callable[[Value], None]


class Sizes(NamedTuple):
    """Doubles of the record, the parameters, scratch, work."""

    record: int
    parameters: int
    spill: int
    work: int


def write_advance(assembly: Assembly, lanes: Lanes) -> None:
    """Write function advance: rounds, as long as no lane asks for attention."""
    w = Writer(assembly, "advance", KERNEL_POINTERS)
    with repeat(w, [w.load("%u", lanes.setting("rounds"))]) as loop:
        [left] = loop.carried
        w.procedure("round", [f"%{name}" for name in KERNEL_POINTERS])
        less = w.sub(left, constant(1.0))
        calm = w.compare("oeq", w.load("%u", lanes.setting("attention")), constant(0.0))
        loop.close([less], w.both(calm, w.compare("ogt", less, constant(0.0))))
    w.finish()


def write_round(assembly: Assembly, shape: Shape | None, lanes: Lanes, make: Callable[[Writer], Step]) -> None:
    """Write function round: one step of every lane; `make` begins it.

    The coefficients of the step's polynomial are left in work (see `samples`); without a shape no samples are taken from it.
    """
    w = Writer(assembly, "round", KERNEL_POINTERS, internal=True, wide=True)
    width = lanes.width
    rtol, atol, factor, most = (w.splat(w.load("%u", lanes.setting(name)), width) for name in ("rtol", "atol", "factor", "most_steps"))
    step = make(w)
    zero, one = constant(0.0, width), constant(1.0, width)
    time, carry, end, floor, steps, halvings = (
        w.load("%u", lanes.field(name), width=width) for name in ("time", "carry", "end", "floor", "steps", "halvings")
    )
    room = w.sub(w.sub(end, time), carry)
    least = w.call("fabs", w.mul(time, constant(LEAST, width)))
    least = w.select(w.compare("ogt", least, floor), least, floor)
    done = step.write(Limits(room, least, rtol, atol, factor))
    moving = w.compare("ogt", room, zero)
    good = w.both(moving, w.compare("ole", done.largest, constant(LIMIT, width)))
    window = Window(time, carry, w.select(good, done.step, constant(-1.0, width)))
    if shape is not None:
        if shape is not None:
        (write_block_samples if width == 1 else write_lane_samples)(w, shape, lanes, window)
    step.keep(good)
    total, rest = _later(w, time, carry, done.step)
    ended = w.both(good, w.compare("oge", done.step, room))
    steps = w.add(steps, w.select(moving, one, zero))
    fields = {
        "time": w.select(good, w.select(ended, end, total), time),
        "carry": w.select(good, w.select(ended, zero, rest), carry),
        "step": done.step,
        "largest": done.largest,
        "steps": steps,
        "halvings": w.add(halvings, done.halvings),
    }
    for name, value in fields.items():
        w.store(value, "%u", lanes.field(name))
    failed = w.integer("xor", good, moving)
    attention = w.any(w.either(w.either(ended, failed), w.both(moving, w.compare("oge", steps, most))))
    w.store(w.select(attention, constant(1.0), constant(0.0)), "%u", lanes.setting("attention"))
    w.finish()


def _later(w: Writer, time: Value, carry: Value, step: Value) -> tuple[Value, Value]:
    """Time + carry + step as an unevaluated sum of two numbers: a million steps add no drift."""
    small = w.add(step, carry)
    total = w.add(time, small)
    part = w.sub(total, time)
    return total, w.add(w.sub(time, w.sub(total, part)), w.sub(small, part))
