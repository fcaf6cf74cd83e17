"""The loop that runs Taylor kernels: `width` trajectories at once, each with a step and a clock of its own.

A lane whose trajectory has ended takes the next one, so none waits for the others. Arguments as in `_drivers`, and: sizes: (width, D, order).
tolerances: the first entries of the step's control. buffers: (u, p, a, clock, past, work, result), see kernels/taylor.py and kernels/samples.py for what they hold.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers
from chaosbench.integrators._step_size import LIMIT, later

_ULP = 1.1102230246251565e-16


@driver
def _least(time: float, span: float) -> float:
    """Return the step at which halving ends: 16 units in the last place of the time, or of a millionth of the whole span near time 0."""
    return 32.0 * _ULP * max(abs(time), 1e-6 * span)


@driver
def _enter(lane: int, b: int, width: int, states: np.ndarray, parameters: np.ndarray, times: np.ndarray, buffers: Buffers, out: np.ndarray) -> None:
    """Put trajectory b at its start into a lane."""
    u, p, a, clock = buffers[0], buffers[1], buffers[2], buffers[3]
    dimension, samples = states.shape[1], times.shape[1]
    row, own = min(b, times.shape[0] - 1), min(b, parameters.shape[0] - 1)
    for d in range(dimension):
        u[d * width + lane] = states[b, d]
        out[b, 0, d] = states[b, d]
    for k in range(parameters.shape[1]):
        p[k * width + lane] = parameters[own, k]
    span = times[row, samples - 1] - times[row, 0]
    a[8 + lane], a[8 + width + lane] = span, _least(times[row, 0], span)
    clock[lane], clock[width + lane] = times[row, 0], 0.0
    clock[3 * width + lane], clock[4 * width + lane] = 1.0, samples
    clock[5 * width + lane], clock[6 * width + lane] = row * samples, b * samples * dimension


@driver
def _rest(lane: int, width: int, buffers: Buffers) -> None:
    """Let a lane stand still and write nothing."""
    a, clock = buffers[2], buffers[3]
    a[8 + lane] = 0.0
    clock[2 * width + lane], clock[3 * width + lane] = 0.0, clock[4 * width + lane]


@driver
def _leave(lane: int, b: int, width: int, ended: int, buffers: Buffers, out: np.ndarray, final: np.ndarray, status: np.ndarray) -> None:
    """Write down how trajectory b ended, in the state that its lane holds, and empty the lane."""
    u, a, clock = buffers[0], buffers[2], buffers[3]
    samples = out.shape[1]
    status[b] = ended
    for d in range(out.shape[2]):
        final[b, d] = u[d * width + lane]
    if ended == OK:
        for d in range(out.shape[2]):
            out[b, samples - 1, d] = final[b, d]
    else:
        for row in range(int(clock[3 * width + lane]), samples):
            for d in range(out.shape[2]):
                out[b, row, d] = np.nan
    _rest(lane, width, buffers)


@driver
def _verdict(lane: int, width: int, dimension: int, steps: int, max_steps: int, buffers: Buffers) -> int:
    """Tell whether the step of a lane counts: OK, or how its trajectory ended before it."""
    a, result = buffers[2], buffers[6]
    step, largest = result[dimension * width + lane], result[(dimension + 2) * width + lane]
    if steps >= max_steps:
        return TOO_MANY_STEPS
    if largest <= LIMIT:
        return OK
    return STEP_UNDERFLOW if step <= a[8 + width + lane] or not largest == largest else BLOW_UP


@driver
def solve_taylor(
    address: np.ndarray,
    sizes: np.ndarray,
    tolerances: np.ndarray,
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
    """Solve trajectories first <= b < beyond; rows of `out` (B, T, D) after a failure become NaN."""
    u, p, a, clock, past, work, result = buffers
    width, dimension, order, last = sizes[0], sizes[1], sizes[2], times.shape[1] - 1
    held, steps, following = np.full(width, -1), np.zeros(width, dtype=np.int64), first
    for k in range(tolerances.size):
        a[k] = tolerances[k]
    for lane in range(width):  # a lane that never gets a trajectory stays at a start
        _enter(lane, min(first + lane, beyond - 1), width, states, parameters, times, buffers, out)
        _rest(lane, width, buffers)
    while True:
        running = 0
        for lane in range(width):
            if held[lane] < 0 and following < beyond:
                held[lane], following, steps[lane] = following, following + 1, 0
                _enter(lane, held[lane], width, states, parameters, times, buffers, out)
                if last == 0:
                    _leave(lane, held[lane], width, OK, buffers, out, final, status)
                    held[lane] = -1
            running += held[lane] >= 0
        if running == 0 and following == beyond:
            return
        call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        for lane in range(width):
            b = held[lane]
            if b < 0:
                continue
            ended = INTERRUPTED if stop[0] != 0 else _verdict(lane, width, dimension, steps[lane], max_steps, buffers)
            if ended != OK:
                _leave(lane, b, width, ended, buffers, out, final, status)
                held[lane] = -1
                continue
            clock[2 * width + lane] = result[dimension * width + lane]
            halvings = int(result[(dimension + 1) * width + lane])
            steps[lane] += 1
            counts[b, 0] += order + 1 + halvings
            counts[b, 1] += halvings
        call(address[1], at(clock, 0), at(times, 0), at(a, 0), at(past, 0), at(work, 0), at(out, 0))
        for lane in range(width):
            b = held[lane]
            if b < 0:
                continue
            for d in range(dimension):
                u[d * width + lane] = result[d * width + lane]
            step = clock[2 * width + lane]
            if step >= a[8 + lane]:
                _leave(lane, b, width, OK, buffers, out, final, status)
                held[lane] = -1
                continue
            time, carry = later(clock[lane], clock[width + lane], step)
            clock[lane], clock[width + lane] = time, carry
            row = min(b, times.shape[0] - 1)
            a[8 + lane] = (times[row, last] - time) - carry
            a[8 + width + lane] = _least(time, times[row, last] - times[row, 0])
