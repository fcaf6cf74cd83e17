"""The loops that run kernels: steps of a flow with control and continuous output, and the repeated application of a map.

They know a system only by the addresses of its kernels, so they are compiled once for all systems. Arguments in common:
address: int64 (value, step, dense). sizes: int64 (state size, stages, degree, extra stages, order of the error estimate).
settings: (rtol, atol, fixed); fixed > 0 is a step size taken whatever the error. buffers: (u, rate, trial, a, past, work, result), working
memory of one thread. times (1 or B, T), parameters (1 or B, P). counts (B, 2): evaluations, rejected steps. stop: nonzero ends every loop.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver, fma
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped, first_step, fitted, later, too_small, trial_step

Buffers = tuple[np.ndarray, ...]
OK, BLOW_UP, STEP_UNDERFLOW, TOO_MANY_STEPS, INTERRUPTED = 0, 1, 2, 3, 4


@driver
def copy(source: np.ndarray, start: int, target: np.ndarray, count: int) -> None:
    """Copy source[start : start + count] to the front of `target`; a slice assignment takes seconds longer to compile, for its messages."""
    for i in range(count):
        target[i] = source[start + i]


@driver
def dense_state(coefficients: np.ndarray, start: int, size: int, degree: int, theta: float, out: np.ndarray, row: int) -> None:
    """Write the continuous extension at `theta` into out[row]; its coefficients begin at `start`, those of theta**q at start + q * size.

    The row is not passed as a view: views count references with locked instructions, which cost more than the polynomial.
    """
    for i in range(out.shape[1]):
        value = coefficients[start + degree * size + i]
        for q in range(degree - 1, -1, -1):
            value = fma(value, theta, coefficients[start + q * size + i])
        out[row, i] = value


@driver
def _begin(address: np.ndarray, sizes: np.ndarray, settings: np.ndarray, p: np.ndarray, buffers: Buffers, time: float, room: float) -> float:
    """Put the rate at u into the work array and return the first step."""
    u, rate, trial, a, past, work, result = buffers
    size, rtol, atol = sizes[0], settings[0], settings[1]
    a[0], a[1], a[2] = 0.0, atol, rtol
    call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
    h = trial_step(u, rate, trial, size, rtol, atol, room)
    call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
    copy(rate, 0, work, size)
    return float(settings[2]) if settings[2] > 0.0 else float(first_step(h, buffers, size, sizes[4], rtol, atol, time, room))


@driver
def write_outputs(
    index: int, times: np.ndarray, time: float, carry: float, step: float, last: bool, result: np.ndarray, sizes: np.ndarray, out: np.ndarray
) -> int:
    """Fill the rows of `out` whose times lie inside the step; return the first one beyond. The last row is the new state itself."""
    size, degree, scale = sizes[0], sizes[2], 1.0 / step
    while index < times.size:
        since = (times[index] - time) - carry
        if since > step and not last:
            return index
        dense_state(result, size + 1, size, degree, since * scale, out, index)
        index += 1
    copy(result, 0, out[times.size - 1], out.shape[1])
    return index


@driver
def _flow(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    max_steps: int,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    out: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, int]:
    """Carry the state in buffers[0] over `times`; return how it ended and the number of rows written."""
    u, _, _, a, past, work, result = buffers
    size, newest = sizes[0], (sizes[1] - 1) * sizes[0]
    time, carry, end, index, steps, before, again = times[0], 0.0, times[-1], 1, 0, 0.0, False
    copy(u, 0, out[0], out.shape[1])
    if index == times.size:
        return OK, index
    h = _begin(address, sizes, settings, p, buffers, time, end - time)
    counts[0] += 2
    while index < times.size:
        if stop[0] != 0:
            return INTERRUPTED, index
        if steps >= max_steps:
            return TOO_MANY_STEPS, index
        if too_small(h, time):
            return STEP_UNDERFLOW, index
        room = (end - time) - carry
        step = fitted(h, room)
        a[0] = step
        call(address[1], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        error = result[size]
        steps += 1
        counts[0] += sizes[1] - 1
        if not error <= 1.0 and not settings[2] > 0.0:
            counts[1] += 1
            h, again = step * after_rejected(error, sizes[4]), True
            continue
        if escaped(result, size):
            return BLOW_UP, index
        last = step >= room
        if last or times[index] - time - carry <= step:
            call(address[2], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
            counts[0] += sizes[3]
            index = write_outputs(index, times, time, carry, step, last, result, sizes, out)
        copy(result, 0, u, size)
        copy(work, newest, work, size)
        time, carry = later(time, carry, step)
        if not settings[2] > 0.0:
            factor, before = after_accepted(error, before, sizes[4], again)
            h, again = step * factor, False
    return OK, index


@driver
def begin_flows(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    kept: np.ndarray,
    first: int,
    beyond: int,
) -> None:
    """Fill kept[b] = (first step, 0, 0, rate at the start) for trajectories first <= b < beyond, see kernels/rk_lanes.py."""
    u, rate = buffers[0], buffers[1]
    for b in range(first, beyond):
        copy(states[b], 0, u, u.size)
        row = times[min(b, times.shape[0] - 1)]
        kept[b, 0] = _begin(address, sizes, settings, parameters[min(b, parameters.shape[0] - 1)], buffers, row[0], row[-1] - row[0])
        kept[b, 1], kept[b, 2] = 0.0, 0.0
        for d in range(u.size):
            kept[b, 3 + d] = rate[d]


@driver
def solve_flows(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
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
    """Solve trajectories first <= lane < beyond; rows of `out` (B, T, D) after a failure become NaN."""
    u = buffers[0]
    for lane in range(first, beyond):
        copy(states[lane], 0, u, u.size)
        p = parameters[min(lane, parameters.shape[0] - 1)]
        row = times[min(lane, times.shape[0] - 1)]
        status[lane], written = _flow(address, sizes, settings, max_steps, p, row, buffers, out[lane], counts[lane], stop)
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)


@driver
def _map(
    address: int, max_steps: int, p: np.ndarray, times: np.ndarray, buffers: Buffers, out: np.ndarray, counts: np.ndarray, stop: np.ndarray
) -> tuple[int, int]:
    u, _, _, a, past, work, result = buffers
    size, passed, index = u.size, 0.0, 1
    copy(u, 0, out[0], size)
    while index < times.size:
        if stop[0] != 0:
            return INTERRUPTED, index
        if counts[0] >= max_steps:
            return TOO_MANY_STEPS, index
        call(address, at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        counts[0] += 1
        if escaped(result, size):
            return BLOW_UP, index
        passed += 1.0
        copy(result, 0, u, size)
        if passed == times[index] - times[0]:
            copy(u, 0, out[index], size)
            index += 1
    return OK, index


@driver
def solve_maps(
    address: np.ndarray,
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
    """Apply the map between the whole numbers `times` for trajectories first <= lane < beyond."""
    u = buffers[0]
    for lane in range(first, beyond):
        copy(states[lane], 0, u, u.size)
        p = parameters[min(lane, parameters.shape[0] - 1)]
        row = times[min(lane, times.shape[0] - 1)]
        status[lane], written = _map(address[0], max_steps, p, row, buffers, out[lane], counts[lane], stop)
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)
