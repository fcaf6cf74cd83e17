"""The loop around an advance: trajectories enter and leave the lanes of a kernel that integrates several of them at once.

A lane whose trajectory has ended takes the next one, so none waits for the others. Arguments as in `_drivers`, and: width: number of lanes. costs:
evaluations at the start, a step, a rejection, a step with an output. settings: as in kernels/lanes.py. kept (B, K): what the method keeps from step
to step, at the start. buffers: (u, p, past, work), see kernels/advance.py for what they hold.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers
from chaosbench.kernels.lanes import FIELDS, LEAST, LIMIT, SETTINGS

_TIME, _CARRY, _END, _FLOOR = (FIELDS.index(name) for name in ("time", "carry", "end", "floor"))
_INDEX, _COUNT, _ROW, _START = (FIELDS.index(name) for name in ("index", "count", "row", "start"))
_LARGEST, _STEPS, _REJECTED, _SAMPLED = (FIELDS.index(name) for name in ("largest", "steps", "rejected", "sampled"))
FIELD_COUNT, _MOST_STEPS = len(FIELDS), SETTINGS.index("most_steps")


@driver
def _enter(
    record: np.ndarray,
    p: np.ndarray,
    lane: int,
    width: int,
    b: int,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    kept: np.ndarray,
    out: np.ndarray,
) -> None:
    """Put trajectory b at its start into a lane."""
    dimension, samples = states.shape[1], times.shape[1]
    row, own, fields = min(b, times.shape[0] - 1), min(b, parameters.shape[0] - 1), dimension * width + lane
    for d in range(dimension):
        record[d * width + lane] = states[b, d]
    for d in range(out.shape[2]):
        out[b, 0, d] = states[b, d]
    for k in range(parameters.shape[1]):
        p[k * width + lane] = parameters[own, k]
    for k in range(FIELD_COUNT):
        record[fields + k * width] = 0.0
    for k in range(kept.shape[1]):
        record[fields + (FIELD_COUNT + k) * width] = kept[b, k]
    begin, end = times[row, 0], times[row, samples - 1]
    record[fields + _TIME * width], record[fields + _END * width] = begin, end
    record[fields + _FLOOR * width] = LEAST * 1e-6 * (end - begin)  # near time 0, where the unit in the last place says nothing
    record[fields + _INDEX * width], record[fields + _COUNT * width] = 1.0, samples
    record[fields + _ROW * width], record[fields + _START * width] = row * samples, b * samples * out.shape[2]


@driver
def _rest(record: np.ndarray, lane: int, width: int, dimension: int) -> None:
    """Let a lane stand still and write nothing."""
    fields = dimension * width + lane
    record[fields + _TIME * width], record[fields + _CARRY * width] = record[fields + _END * width], 0.0
    record[fields + _INDEX * width] = record[fields + _COUNT * width]


@driver
def _ending(record: np.ndarray, lane: int, width: int, dimension: int, most: int, interrupted: bool) -> int:
    """Tell how the trajectory of a lane has ended, -1 if it has not."""
    fields = dimension * width + lane
    largest = record[fields + _LARGEST * width]
    if not largest <= LIMIT:
        return BLOW_UP if largest > LIMIT else STEP_UNDERFLOW
    if record[fields + _TIME * width] == record[fields + _END * width] and record[fields + _CARRY * width] == 0.0:
        return OK
    if interrupted:
        return INTERRUPTED
    return TOO_MANY_STEPS if record[fields + _STEPS * width] >= most else -1


@driver
def _leave(
    record: np.ndarray,
    lane: int,
    width: int,
    b: int,
    ended: int,
    out: np.ndarray,
    final: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    costs: np.ndarray,
) -> None:
    """Write down how trajectory b ended, the state that its lane holds and the work done."""
    samples, dimension = out.shape[1], final.shape[1]
    fields = dimension * width + lane
    status[b] = ended
    steps, sampled = int(record[fields + _STEPS * width]), int(record[fields + _SAMPLED * width])
    counts[b, 1] = int(record[fields + _REJECTED * width])
    counts[b, 0] = costs[0] + steps * costs[1] + counts[b, 1] * costs[2] + sampled * costs[3]
    for d in range(dimension):
        final[b, d] = record[d * width + lane]
    if ended == OK:
        for d in range(out.shape[2]):
            out[b, samples - 1, d] = final[b, d]
        return
    for row in range(int(record[fields + _INDEX * width]), samples):
        for d in range(out.shape[2]):
            out[b, row, d] = np.nan


@driver
def solve_lanes(
    address: int,
    width: int,
    costs: np.ndarray,
    settings: np.ndarray,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    kept: np.ndarray,
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
    u, p, past, work = buffers
    dimension, most, place = states.shape[1], int(settings[_MOST_STEPS]), (states.shape[1] + FIELD_COUNT + kept.shape[1]) * width
    held, following, running = np.full(width, -1), first, 0
    for k in range(settings.size):
        u[place + k] = settings[k]
    for lane in range(width):  # a lane that never gets a trajectory rests at a start
        _enter(u, p, lane, width, min(first + lane, beyond - 1), states, parameters, times, kept, out)
        _rest(u, lane, width, dimension)
    while True:
        for lane in range(width):
            while held[lane] < 0 and following < beyond:
                _enter(u, p, lane, width, following, states, parameters, times, kept, out)
                if times.shape[1] > 1:
                    held[lane], running = following, running + 1
                else:
                    _leave(u, lane, width, following, OK, out, final, status, counts, costs)
                following += 1
        if running == 0:
            return
        if stop[0] == 0:
            call(address, at(u, 0), at(p, 0), at(times, 0), at(past, 0), at(work, 0), at(out, 0))
        for lane in range(width):
            ended = _ending(u, lane, width, dimension, most, stop[0] != 0) if held[lane] >= 0 else -1
            if ended >= 0:
                _leave(u, lane, width, held[lane], ended, out, final, status, counts, costs)
                _rest(u, lane, width, dimension)
                held[lane], running = -1, running - 1
