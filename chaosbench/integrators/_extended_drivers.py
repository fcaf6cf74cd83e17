"""The loop that runs double-double Taylor kernels: `width` trajectories at once, each with steps and a clock of its own.

Arguments in common: states (B, 2, D), high and low parts. sizes: (width, D, order, where the table begins in work, doubles of one order). buffers:
(u, p, a, past, work, result), see kernels/double_double_jet.py. clock (4, width): time, its low part, s, the unit of time of the coefficients (a
power of two near the step, so that no coefficient overflows next to a singularity), and what was left to the last of the times before a step.
"""

import math

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers
from chaosbench.integrators._extended_lanes import enter, leave, pair_sum, two_sum, verdict
from chaosbench.integrators._step_size import exp2, fitted, log2

_DEFECT = 10.0  # tolerances by which the polynomial's derivative may miss the equations; a smooth step misses them by about 3 at order 34
_LEAST = 2.0**-95  # of the time, the step at which halving ends
_FAR = 8.0  # binary orders of magnitude between a step and the unit s from which on the coefficients are computed again
_RETRIES = 8
_NONE = 1000.0  # log2 of a step that no coefficient limits


@driver
def _largest(work: np.ndarray, start: int, width: int, dimension: int, lane: int) -> float:
    """Return the largest high part of a state's coefficients; not a number stays."""
    total = 0.0
    for d in range(dimension):
        size = abs(work[start + 2 * d * width + lane])
        if size > total or size != size:
            total = size
    return total


@driver
def _binary_step(work: np.ndarray, sizes: np.ndarray, tolerance: float, lane: int) -> float:
    """Return log2 of the step in units of s: the last two terms come down to the tolerance (Jorba and Zou 2005, section 3.2)."""
    width, dimension, order, start, block = sizes
    bound, goal = _NONE, log2(tolerance)
    for n in range(order - 1, order + 1):
        size = _largest(work, start + n * block, width, dimension, lane)
        if not math.isfinite(size):
            return np.nan
        if size > 0.0:
            bound = min(bound, (goal - log2(size)) / n)
    return bound


@driver
def _expand(
    address: np.ndarray, sizes: np.ndarray, tolerances: np.ndarray, held: np.ndarray, clock: np.ndarray, step: np.ndarray, buffers: Buffers
) -> None:
    """Compute the coefficients of all lanes and the steps that they allow; again where s was far from the step. A step of NaN: there are none."""
    u, p, a, past, work, result = buffers
    width = sizes[0]
    tries = np.zeros(width, dtype=np.int64)
    again = True
    while again:
        again = False
        for lane in range(width):
            a[1 + lane] = clock[2, lane]
        call(address[1], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        for lane in range(width):
            if held[lane] < 0:
                continue
            size = _largest(work, sizes[3], width, sizes[1], lane)
            bound = _binary_step(work, sizes, tolerances[1] + tolerances[0] * size, lane)
            step[lane] = clock[2, lane] * exp2(min(bound - tolerances[2], 60.0)) if bound == bound else np.nan
            far = bound != bound or (abs(bound) > _FAR and bound < _NONE)
            if far and tries[lane] < _RETRIES:
                change = -20.0 if bound != bound else min(max(math.floor(bound + 0.5), -40.0), 20.0)
                clock[2, lane] = min(math.ldexp(clock[2, lane], int(change)), 1e100)
                tries[lane] += 1
                again = True


@driver
def _settle(
    address: np.ndarray,
    sizes: np.ndarray,
    tolerances: np.ndarray,
    held: np.ndarray,
    step: np.ndarray,
    least: np.ndarray,
    counts: np.ndarray,
    buffers: Buffers,
) -> None:
    """Take the steps in `a`, halving those whose polynomial leaves the equations, until none does or they are too small."""
    u, p, a, past, work, result = buffers
    width, dimension = sizes[0], sizes[1]
    again = True
    while again:
        again = False
        call(address[2], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        for lane in range(width):
            if held[lane] < 0 or not step[lane] > least[lane]:
                continue
            size = _largest(work, sizes[3], width, dimension, lane)
            defect = result[4 * dimension * width + lane] * a[1 + width + lane]
            if not defect <= _DEFECT * (tolerances[1] + tolerances[0] * size):
                step[lane] *= 0.5
                a[1 + width + lane] *= 0.5
                a[1 + 2 * width + lane] *= 0.5
                counts[held[lane], 0] += 1
                counts[held[lane], 1] += 1
                again = True


@driver
def _write_row(work: np.ndarray, sizes: np.ndarray, lane: int, theta: float, out: np.ndarray, b: int, row: int) -> None:
    """Write the polynomials at theta, in units of s, into out[b, row]."""
    width, dimension, order, start, block = sizes
    for d in range(dimension):
        place = start + 2 * d * width + lane
        total = 0.0
        for n in range(order, 0, -1):
            total = total * theta + work[place + n * block]
        out[b, row, d] = work[place] + (work[place + width] + theta * total)


@driver
def _begin_step(
    lane: int,
    sizes: np.ndarray,
    fixed: float,
    times: np.ndarray,
    clock: np.ndarray,
    step: np.ndarray,
    least: np.ndarray,
    buffers: Buffers,
) -> int:
    """Put the step of a lane into `a`: what the coefficients allow, or less to end exactly at the last of its times; tell whether it is too small."""
    width, a, end = sizes[0], buffers[2], times[times.size - 1]
    ahead, behind = two_sum(end, -clock[0, lane])
    room, rest = two_sum(ahead, behind - clock[1, lane])
    least[lane] = np.inf if fixed > 0.0 else _LEAST * max(abs(clock[0, lane]), 1e-6 * (end - times[0]))
    if fixed <= 0.0 and not step[lane] > least[lane]:
        return STEP_UNDERFLOW
    step[lane] = fitted(fixed if fixed > 0.0 else step[lane], room)
    clock[3, lane] = room
    a[1 + width + lane] = step[lane] / clock[2, lane]
    a[1 + 2 * width + lane] = rest / clock[2, lane] if step[lane] == room else 0.0
    return OK


@driver
def _end_step(
    lane: int, b: int, row: int, sizes: np.ndarray, times: np.ndarray, clock: np.ndarray, step: np.ndarray, buffers: Buffers, out: np.ndarray
) -> int:
    """Write the outputs inside the step, move state and clock on, and return the first row not yet written."""
    u, a, work, result = buffers[0], buffers[2], buffers[4], buffers[5]
    width, dimension = sizes[0], sizes[1]
    unit = clock[2, lane]
    low = a[1 + 2 * width + lane] * unit
    last = step[lane] == clock[3, lane]
    while row < times.size - 1 or (row < times.size and last):
        since = (times[row] - clock[0, lane]) - clock[1, lane]
        if since > step[lane] and not last:
            break
        _write_row(work, sizes, lane, since / unit, out, b, row)
        row += 1
    for d in range(dimension):
        for part in range(2):
            u[(2 * d + part) * width + lane] = result[(2 * d + part) * width + lane]
        if last:
            out[b, times.size - 1, d] = result[2 * d * width + lane]
    clock[0, lane], clock[1, lane] = pair_sum(clock[0, lane], clock[1, lane], step[lane], low)
    return row


@driver
def solve_extended(
    address: np.ndarray,
    sizes: np.ndarray,
    tolerances: np.ndarray,
    fixed: float,
    max_steps: int,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    out: np.ndarray,
    final: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
    first: int,
    beyond: int,
) -> None:
    """Solve trajectories first <= b < beyond by Taylor steps; rows of `out` (B, T, D) after a failure become NaN.

    tolerances: rtol, atol, log2 of what the step is divided by for safety. fixed > 0: a step size taken whatever the error. final: as states.
    """
    a, width, dimension, order, samples = buffers[2], sizes[0], sizes[1], sizes[2], times.shape[1]
    held, rows, steps = np.full(width, -1), np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
    clock, step, least = np.ones((4, width)), np.zeros(width), np.zeros(width)
    following, running = first, 1
    for lane in range(width):  # a lane that never gets a trajectory stays at a start
        enter(lane, min(first + lane, beyond - 1), width, states, parameters, buffers, out)
    a[0] = float(order)
    while running > 0 or following < beyond:
        running = 0
        for lane in range(width):
            if held[lane] < 0 and following < beyond:
                held[lane], rows[lane], steps[lane] = following, 1, 0
                enter(lane, following, width, states, parameters, buffers, out)
                clock[0, lane], clock[1, lane], clock[2, lane] = times[min(following, times.shape[0] - 1), 0], 0.0, 1.0
                following += 1
                if samples == 1:
                    leave(lane, held[lane], width, 1, buffers, out, final)
                    status[held[lane]], held[lane] = OK, -1
            running += held[lane] >= 0
        if running == 0:
            continue
        _expand(address, sizes, tolerances, held, clock, step, buffers)
        for lane in range(width):
            b = held[lane]
            a[1 + width + lane], a[1 + 2 * width + lane] = 0.0, 0.0
            if b < 0:
                continue
            ended = _begin_step(lane, sizes, fixed, times[min(b, times.shape[0] - 1)], clock, step, least, buffers)
            if stop[0] != 0:
                ended = INTERRUPTED
            elif steps[lane] >= max_steps:
                ended = TOO_MANY_STEPS
            if ended != OK:
                leave(lane, b, width, rows[lane], buffers, out, final)
                status[b], held[lane] = ended, -1
        _settle(address, sizes, tolerances, held, step, least, counts, buffers)
        for lane in range(width):
            b = held[lane]
            if b < 0:
                continue
            steps[lane] += 1
            counts[b, 0] += order + 1
            ended = verdict(width, dimension, lane, buffers[5])
            if ended == OK:
                rows[lane] = _end_step(lane, b, rows[lane], sizes, times[min(b, times.shape[0] - 1)], clock, step, buffers, out)
            if ended != OK or rows[lane] == samples:
                leave(lane, b, width, rows[lane], buffers, out, final)
                status[b], held[lane] = ended, -1
