"""The loop around a step: lanes go on, write their outputs and keep their clocks until one of them needs attention.

Function advance takes u, the record of the lanes (see `lanes`), p, their parameters [P][W], a, the sample times, past, scratch, work, and out, where
the rows of outputs go. It returns when a trajectory has ended, failed or spent its steps, or after the given number of rounds. A failed step
changes neither the state nor the clock of its lane.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from chaosbench.kernels.control import repeat, when
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.landing import next_sample, write_landed
from chaosbench.kernels.lanes import LEAST, LIMIT, Lanes
from chaosbench.kernels.samples import Shape, Window, due_samples, write_block_samples, write_lane_samples
from chaosbench.kernels.step_control import later
from chaosbench.kernels.values import Value, constant
from chaosbench.kernels.wide_samples import WIDE, write_wide_samples


class Limits(NamedTuple):
    """What a step is given: the room that is left, the step at which halving ends, the tolerances."""

    room: Value
    least: Value
    rtol: Value
    atol: Value
    factor: Value


class Stepped(NamedTuple):
    """What a step gives: its length, how often it was tried in vain, and the largest component after it (NaN where the equations give none).

    possible: where there was a step to try at all; elsewhere its lane has failed. accepted: where the step is taken; elsewhere the next round tries
    another one. None for everywhere.
    """

    step: Value
    rejected: Value
    largest: Value
    possible: Value | None = None
    accepted: Value | None = None


class Step(NamedTuple):
    """A step being written: `write` does it from the state in u, `keep` writes the new state to u in the lanes where a condition holds.

    polynomial: writes the coefficients of the step, a polynomial in time / h, to work, and returns 1 / h; called in a branch that runs only if there
    is an output. Where it is None, `write` leaves the coefficients of a polynomial in time.
    """

    write: Callable[[Limits], Stepped]
    keep: Callable[[Value], None]
    polynomial: Callable[[], Value] | None = None


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


def write_round(assembly: Assembly, shape: Shape | None, lanes: Lanes, make: Callable[[Writer], Step], *, landing: bool = False) -> None:
    """Write function round: one step of every lane; `make` begins it.

    The coefficients of the step's polynomial are left in work (see `samples`); without a shape no samples are taken from it. landing: no step
    passes a sample (see `landing`).
    """
    w = Writer(assembly, "round", KERNEL_POINTERS, internal=True, wide=True)
    width = lanes.width
    rtol, atol, factor, most = (w.splat(w.load("%u", lanes.setting(name)), width) for name in ("rtol", "atol", "factor", "most_steps"))
    step = make(w)
    zero, one = constant(0.0, width), constant(1.0, width)
    time, carry, end, floor, steps, rejected = (
        w.load("%u", lanes.field(name), width=width) for name in ("time", "carry", "end", "floor", "steps", "rejected")
    )
    goal = next_sample(w, lanes) if landing else end
    room = w.sub(w.sub(goal, time), carry)
    least = w.call("fabs", w.mul(time, constant(LEAST, width)))
    least = w.select(w.compare("ogt", least, floor), least, floor)
    done = step.write(Limits(room, least, rtol, atol, factor))
    moving = w.compare("ogt", room, zero)
    largest = done.largest
    if done.possible is None:
        largest = w.select(_vanished(w, done, room, least), constant(math.nan, width), largest)
    trying = moving if done.possible is None else w.both(moving, done.possible)
    through = trying if done.accepted is None else w.both(trying, done.accepted)
    good = w.both(through, w.compare("ole", largest, constant(LIMIT, width)))
    window = Window(time, carry, w.select(good, done.step, constant(-1.0, width)))
    if shape is not None and not landing:
        _write_outputs(w, shape, lanes, window, step.polynomial)
    step.keep(good)
    total, rest = later(w, time, carry, done.step)
    arrived = w.both(good, w.compare("oge", done.step, room))
    ended = write_landed(w, shape, lanes, arrived) if landing and shape is not None else arrived
    steps = w.add(steps, w.select(trying, one, zero))
    fields = {
        "time": w.select(good, w.select(arrived, goal, total), time),
        "carry": w.select(good, w.select(arrived, zero, rest), carry),
        "step": done.step,
        "largest": largest,
        "steps": steps,
        "rejected": w.add(rejected, done.rejected),
    }
    for name, value in fields.items():
        w.store(value, "%u", lanes.field(name))
    failed = w.integer("xor", good, through)
    if done.possible is not None:
        failed = w.either(failed, w.integer("xor", moving, trying))
    attention = w.any(w.either(w.either(ended, failed), w.both(moving, w.compare("oge", steps, most))))
    w.store(w.select(attention, constant(1.0), constant(0.0)), "%u", lanes.setting("attention"))
    w.finish()


def _vanished(w: Writer, done: Stepped, room: Value, least: Value) -> Value:
    """Whether a step came to nothing: too short from the start, or halved so far and still beyond the limit.

    One that was halved to the least and is good otherwise has found a jump, and passes it.
    """
    short = w.both(w.compare("ole", done.step, least), w.compare("olt", done.step, room))
    start = w.compare("oeq", done.rejected, constant(0.0, room.width))
    return w.both(short, w.either(start, w.compare("ogt", done.largest, constant(LIMIT, room.width))))


def _write_outputs(w: Writer, shape: Shape, lanes: Lanes, window: Window, polynomial: Callable[[], Value] | None) -> None:
    """Write the samples inside the step; where the polynomial costs something, only if there are any, and count the steps that have one."""
    alone = write_wide_samples if shape.dimension > WIDE else write_block_samples
    write = alone if lanes.width == 1 else write_lane_samples
    if polynomial is None:
        write(w, shape, lanes, window)
        return
    due = due_samples(w, lanes, window)
    with when(w, w.any(due)):
        write(w, shape, lanes, window._replace(scale=polynomial()))
    sampled = w.load("%u", lanes.field("sampled"), width=lanes.width)
    w.store(w.add(sampled, w.select(due, constant(1.0, lanes.width), constant(0.0, lanes.width))), "%u", lanes.field("sampled"))
