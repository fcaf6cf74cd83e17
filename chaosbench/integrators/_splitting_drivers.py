"""The loop of the splitting methods; arguments as in `_drivers`. address: the right-hand sides of either half, 0 for the other's variables."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, copy
from chaosbench.integrators._step_size import escaped, too_small


@driver
def add_compensated(u: np.ndarray, lost: np.ndarray, scale: float, rate: np.ndarray) -> None:
    """Add scale * rate to u; `lost` (D,) keeps what rounding takes away, which the next sum gets back (Kahan)."""
    for i in range(u.size):
        increment = scale * rate[i] - lost[i]
        total = u[i] + increment
        lost[i] = (total - u[i]) - increment
        u[i] = total


@driver
def _step(address: np.ndarray, lengths: np.ndarray, h: float, p: np.ndarray, buffers: Buffers) -> None:
    """Move the state in buffers[0] one step on; buffers[1] is what its sums lost."""
    u, lost, _, a, past, work, rate = buffers
    for s in range(lengths.shape[1]):
        for half in range(2):
            if lengths[half, s] != 0.0:
                call(address[half], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
                add_compensated(u, lost, h * lengths[half, s], rate)


@driver
def _flow(
    address: np.ndarray,
    lengths: np.ndarray,
    longest: float,
    max_steps: int,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    out: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, int]:
    """Carry the state over `times` in steps of at most `longest`; return how it ended and the number of rows written."""
    u, lost = buffers[0], buffers[1]
    lost[:] = 0.0
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
            _step(address, lengths, span / number, p, buffers)
            steps += 1
            counts[0] += lengths.shape[1] - 1
            if escaped(u, u.size):
                return BLOW_UP, index
            done += 1.0
        copy(u, 0, out[index], u.size)
    return OK, times.size


@driver
def solve_split(
    address: np.ndarray,
    lengths: np.ndarray,
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
        status[lane], written = _flow(address, lengths, longest[lane], max_steps, p, row, buffers, out[lane], counts[lane], stop)
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)
