"""The loop around the kernels that carry tangent columns: records of a common length, and the lanes that fail.

It knows a system only by the addresses of its kernels, so it is compiled once for all systems. buffers: (u, p, past, work, out) of a block of lanes,
see kernels/growth.py for what they hold.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.kernels.lanes import FIELDS, LEAST, LIMIT

OK, BLOW_UP, STEP_UNDERFLOW, TOO_MANY_STEPS, INTERRUPTED = 0, 1, 2, 3, 4

Buffers = tuple[np.ndarray, ...]

_TIME, _CARRY, _END, _FLOOR = (FIELDS.index(name) for name in ("time", "carry", "end", "floor"))
_STEP, _LARGEST, _STEPS = (FIELDS.index(name) for name in ("step", "largest", "steps"))
_REJECTED = FIELDS.index("rejected")


@driver
def _start(u: np.ndarray, size: int, width: int, held: np.ndarray, time: float) -> None:
    """Put the clocks of the lanes to 0, with `time` to go; a lane that holds no orbit, or one that failed, rests."""
    for lane in range(width):
        fields = size * width + lane
        for field in (_TIME, _CARRY, _STEPS, _REJECTED, _LARGEST):
            u[fields + field * width] = 0.0
        u[fields + _END * width] = time if lane < held.size and held[lane] == OK else 0.0
        u[fields + _FLOOR * width] = LEAST * 1e-6 * time


@driver
def _verdict(u: np.ndarray, size: int, width: int, lane: int, most: float) -> int:
    """How the orbit of a lane stands after an advance: -1 if it is on its way, OK at the end of the record."""
    fields = size * width + lane
    if not u[fields + _END * width] - u[fields + _TIME * width] - u[fields + _CARRY * width] > 0.0:
        return OK
    largest = u[fields + _LARGEST * width]
    if not largest <= LIMIT:
        least = max(LEAST * abs(u[fields + _TIME * width]), u[fields + _FLOOR * width])
        return STEP_UNDERFLOW if not largest > LIMIT and u[fields + _STEP * width] <= least else BLOW_UP
    return TOO_MANY_STEPS if u[fields + _STEPS * width] >= most else -1


@driver
def carry(
    address: np.ndarray,
    width: int,
    size: int,
    buffers: Buffers,
    time: float,
    most: float,
    logs: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> None:
    """Carry the orbits of one block over logs.shape[1] records of length `time`.

    address: (advance, finish). size: variables of a lane, state and columns. most: steps of a lane in a record. logs (B, M, K), B <= width: the log
    growth of each record, NaN from a failure on. status (B,): orbits that have failed stay at rest; set. counts (B, 2): steps and halvings, added to.
    stop: nonzero ends the loop.
    """
    u, p, past, work, out = buffers
    for record in range(logs.shape[1]):
        _start(u, size, width, status, time)
        going = True
        while going:
            call(address[0], at(u, 0), at(p, 0), at(p, 0), at(past, 0), at(work, 0), at(out, 0))
            going = False
            for lane in range(status.size):
                ended = _verdict(u, size, width, lane, most) if status[lane] == OK else OK
                if ended < 0 and stop[0] != 0:
                    ended = INTERRUPTED
                if ended > 0:
                    status[lane] = ended
                    u[size * width + lane + _END * width] = u[size * width + lane + _TIME * width]
                    u[size * width + lane + _CARRY * width] = 0.0
                going = going or ended < 0
        call(address[1], at(u, 0), at(p, 0), at(p, 0), at(past, 0), at(work, 0), at(out, 0))
        for lane in range(status.size):
            counts[lane, 0] += int(u[size * width + lane + _STEPS * width])
            counts[lane, 1] += int(u[size * width + lane + _REJECTED * width])
            for k in range(logs.shape[2]):
                logs[lane, record, k] = out[k * width + lane] if status[lane] == OK else np.nan
        if stop[0] != 0:
            return
