"""The loop of the Gauss methods; arguments as in `_drivers`. matrix (s, s), weights (s,), forecast (s, s): see `_gauss.Collocation`."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, copy
from chaosbench.integrators._splitting_drivers import add_compensated
from chaosbench.integrators._step_size import escaped, too_small

_ROUNDS = 100


@driver
def _rates(
    address: np.ndarray, matrix: np.ndarray, h: float, p: np.ndarray, buffers: Buffers, rates: np.ndarray, before: np.ndarray, counts: np.ndarray
) -> bool:
    """Solve for the rates (s, D) at the nodes, from a guess in `rates`; False if substitution does not converge.

    It ends when a round changes no rate, or changes them no less than the round before did, which is rounding.
    """
    u, _, trial, a, past, work, rate = buffers
    stages, size = rates.shape
    last = np.inf
    for _ in range(_ROUNDS):
        for s in range(stages):
            copy(rates[s], 0, before[s], size)
        change, scale = 0.0, 0.0
        for s in range(stages):
            for i in range(size):
                total = 0.0
                for r in range(stages):
                    total += matrix[s, r] * before[r, i]
                trial[i] = u[i] + h * total
            call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
            counts[0] += 1
            for i in range(size):
                change = max(change, abs(rate[i] - before[s, i]))
                scale = max(scale, abs(rate[i]))
                rates[s, i] = rate[i]
        if not scale < np.inf:
            return False
        if change == 0.0 or (change >= last and change <= 1e-10 * scale):
            return True
        last = change
    return False


@driver
def _flow(
    address: np.ndarray,
    matrix: np.ndarray,
    weights: np.ndarray,
    forecast: np.ndarray,
    stage: np.ndarray,
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
    u, lost, trial, a, past, work, rate = buffers
    rates, before = stage[0], stage[1]
    stages, size = rates.shape
    lost[:] = 0.0
    copy(u, 0, out[0], size)
    call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
    for s in range(stages):
        copy(rate, 0, rates[s], size)
    steps = 0
    for index in range(1, times.size):
        span = times[index] - times[index - 1]
        number = max(np.ceil(span / longest * (1.0 - 1e-12)), 1.0)
        h = span / number
        if too_small(h, times[index]):
            return STEP_UNDERFLOW, index
        done = 0.0
        while done < number:
            if stop[0] != 0:
                return INTERRUPTED, index
            if steps >= max_steps:
                return TOO_MANY_STEPS, index
            if not _rates(address, matrix, h, p, buffers, rates, before, counts):
                return BLOW_UP, index
            steps += 1
            for i in range(size):
                total = 0.0
                for s in range(stages):
                    total += weights[s] * rates[s, i]
                trial[i] = total
            add_compensated(u, lost, h, trial)
            if escaped(u, size):
                return BLOW_UP, index
            for i in range(size):
                for s in range(stages):
                    total = 0.0
                    for r in range(stages):
                        total += forecast[s, r] * rates[r, i]
                    before[s, i] = total
            for s in range(stages):
                copy(before[s], 0, rates[s], size)
            done += 1.0
        copy(u, 0, out[index], size)
    return OK, times.size


@driver
def solve_collocation(
    address: np.ndarray,
    matrix: np.ndarray,
    weights: np.ndarray,
    forecast: np.ndarray,
    stage: np.ndarray,
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
        status[lane], written = _flow(
            address, matrix, weights, forecast, stage, longest[lane], max_steps, p, row, buffers, out[lane], counts[lane], stop
        )
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)
