"""The loop that carries one trajectory of a hybrid system from event to event; arguments as in `_event_drivers`."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import INTERRUPTED, OK, Buffers, copy, dense_state
from chaosbench.integrators._event_drivers import FAILED, begin_events, due, jump, land, reach, resume
from chaosbench.integrators._event_search import DENSE
from chaosbench.integrators._step_size import later

Record = tuple[np.ndarray, np.ndarray, np.ndarray]
_SLACK = 4.0 * 2.220446049250313e-16


@driver
def _grown(record: Record) -> Record:
    """Return the record in arrays of twice the length; loops, because slices take seconds to compile."""
    times, kinds, states = record
    count, dimension = states.shape
    longer = (np.empty(2 * count), np.empty(2 * count, dtype=np.int64), np.empty((2 * count, dimension)))
    for row in range(count):
        longer[0][row], longer[1][row] = times[row], kinds[row]
        for k in range(dimension):
            longer[2][row, k] = states[row, k]
    return longer


@driver
def _write_inside(
    index: int, times: np.ndarray, time: float, carry: float, step: float, event: bool, result: np.ndarray, sizes: np.ndarray, out: np.ndarray
) -> int:
    """Fill the rows whose times lie inside the step, one at its end only without an event; return the first row beyond."""
    slack = _SLACK * max(abs(time), step) if event else 0.0
    while index < times.size:
        since = (times[index] - time) - carry
        if since >= step - slack if event else since > step:
            return index
        dense_state(result, sizes[0] + 1, sizes[0], sizes[2], since / step, out, index)
        index += 1
    return index


@driver
def solve_hybrid(
    address: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    settings: np.ndarray,
    jumps: np.ndarray,
    limits: np.ndarray,
    max_steps: int,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    scene: Buffers,
    clock: np.ndarray,
    out: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
    record: Record,
) -> tuple[int, int, Record]:
    """Carry the state in buffers[0] over `times` (T,) and fill out (T, D), NaN after a failure.

    Returns the status, the number of events, and their times, kinds and states before, in arrays that may be longer.
    """
    u, _, _, a, past, work, result = buffers
    time, carry, end, index, found, status = times[0], 0.0, times[-1], 1, 0, OK
    sums = np.zeros((2, 1))
    copy(u, 0, out[0], out.shape[1])
    if index < times.size:
        begin_events(address, sizes, settings, jumps, p, buffers, scene, clock, time, end - time)
        counts[0] += 2
    while index < times.size and status == OK:
        if stop[0] != 0:
            status = INTERRUPTED
            break
        room = (end - time) - carry
        which, step = reach(address, sizes, weights, settings, jumps, limits, max_steps, p, buffers, scene, sums, clock, time, room, counts)
        if which >= FAILED:
            status = which - FAILED
            break
        last = step >= room
        if times[index] - time - carry <= step:
            if which >= 0:
                call(address[DENSE], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
                counts[0] += sizes[3]
            index = _write_inside(index, times, time, carry, step, which >= 0, result, sizes, out)
        if which < 0:
            land(sizes, buffers, clock, step)
        time, carry = later(time, carry, step)
        if which >= 0:
            due(address, sizes, jumps, p, buffers, scene, which, step)
            for i in range(sizes[6]):
                if scene[17][i] > 0.0:
                    if found == record[0].size:
                        record = _grown(record)
                    record[0][found], record[1][found] = time, i
                    copy(result, 0, record[2][found], out.shape[1])
                    found += 1
                    jump(address, sizes, jumps, limits, p, buffers, scene, i)
            status = resume(address, sizes, jumps, p, buffers, scene, clock, time, step, counts)
            if status == OK:
                while index < times.size and (times[index] - time) - carry <= _SLACK * max(abs(time), step):
                    copy(u, 0, out[index], out.shape[1])
                    index += 1
        if last and status == OK:
            while index < times.size:
                copy(u, 0, out[index], out.shape[1])
                index += 1
    for row in range(index, times.size):
        for k in range(out.shape[1]):
            out[row, k] = np.nan
    return status, found, record
