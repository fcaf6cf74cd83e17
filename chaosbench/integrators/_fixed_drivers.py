"""The loop of the classical Runge-Kutta method with fixed steps; arguments as in `_drivers`."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, copy
from chaosbench.integrators._step_size import escaped, too_small


@driver
def _step(address: np.ndarray, h: float, p: np.ndarray, buffers: Buffers) -> None:
    """Put the state one step on into `result`."""
    u, rate, trial, a, past, work, result = buffers
    size = u.size
    call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
    for i in range(size):
        trial[i] = u[i] + 0.5 * h * rate[i]
        result[i] = rate[i]
    for s in range(1, 4):
        call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
        weight, ahead = (2.0, 0.5 * h if s == 1 else h) if s < 3 else (1.0, 0.0)
        for i in range(size):
            trial[i] = u[i] + ahead * rate[i]
            result[i] += weight * rate[i]
    for i in range(size):
        result[i] = u[i] + h / 6.0 * result[i]


@driver
def _flow(
    address: np.ndarray,
    longest: float,
    max_steps: int,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    out: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, int]:
    """Carry the state in buffers[0] over `times` in steps of at most `longest`; return how it ended and the number of rows written."""
    u, result = buffers[0], buffers[6]
    copy(u, 0, out[0], u.size)
    steps = 0
    for index in range(1, times.size):
        span = times[index] - times[index - 1]
        number = max(np.ceil(span / longest * (1.0 - 1e-12)), 1.0)
        if too_small(span / number, times[index]):
            return STEP_UNDERFLOW, index
        done = 0.0
        while done < number:
            if stop[0] != 0:
                return INTERRUPTED, index
            if steps >= max_steps:
                return TOO_MANY_STEPS, index
            _step(address, span / number, p, buffers)
            steps += 1
            counts[0] += 4
            if escaped(result, u.size):
                return BLOW_UP, index
            copy(result, 0, u, u.size)
            done += 1.0
        copy(u, 0, out[index], u.size)
    return OK, times.size


@driver
def solve_fixed(
    address: np.ndarray,
    longest: np.ndarray,
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
    """Solve trajectories first <= lane < beyond in steps of at most longest[lane]; rows of `out` (B, T, D) after a failure become NaN."""
    u = buffers[0]
    for lane in range(first, beyond):
        copy(states[lane], 0, u, u.size)
        p = parameters[min(lane, parameters.shape[0] - 1)]
        row = times[min(lane, times.shape[0] - 1)]
        status[lane], written = _flow(address, longest[lane], max_steps, p, row, buffers, out[lane], counts[lane], stop)
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)
