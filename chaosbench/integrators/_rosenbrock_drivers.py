"""The loop of Rosenbrock methods: one Jacobian a state, one LU factorisation a step, control and continuous output as in `_drivers`.

Arguments in common, beside those of `_drivers`: address: int64 (value, value with the tangents of a Jacobian). sizes: int64 (D, stages, degree,
extra stages, order of the error estimate, tangents, band). method: (gamma, a, c, dense) as arrays, see `_rodas5p_tableau`. linear: entries and
place of the Jacobian's plan, then working memory of one thread: extended (the state and the tangents), slopes (the rate and its derivatives), work of
their kernel, matrix, pivots, vector, stages (S, D). trace (n, 2 + D): filled with the length, the largest column sum of |J| and the first state
of the first n accepted steps, on which nothing else depends; n may be 0.

A Jacobian with an entry that is not finite, and a singular matrix, count as a rejected step.
"""

import math

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, copy, write_outputs
from chaosbench.integrators._linear_drivers import factorise, substitute
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped, first_step, fitted, later, too_small, trial_step

Method = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Linear = tuple[np.ndarray, ...]


@driver
def _begin(address: np.ndarray, sizes: np.ndarray, settings: np.ndarray, p: np.ndarray, buffers: Buffers, time: float, room: float) -> float:
    """Return the first step; `rate` is known."""
    u, rate, trial, a, past, work, result = buffers
    h = trial_step(u, rate, trial, sizes[0], settings[0], settings[1], room)
    call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
    return float(settings[2]) if settings[2] > 0.0 else float(first_step(h, buffers, sizes[0], sizes[4], settings[0], settings[1], time, room))


@driver
def _differentiate(address: np.ndarray, p: np.ndarray, buffers: Buffers, linear: Linear) -> float:
    """Put the rate at u and its derivatives into memory and return the largest column sum of |J|, inf if an entry is not finite."""
    u, rate, _, a, past, _, _ = buffers
    entries, _, extended, slopes, work, _, _, _, _ = linear
    copy(u, 0, extended, u.size)
    call(address[1], at(extended, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(slopes, 0))
    copy(slopes, 0, rate, u.size)
    largest, total, column = 0.0, 0.0, 0
    for n in range(entries.shape[0]):
        if entries[n, 1] != column:
            total, column = 0.0, entries[n, 1]
        total += abs(slopes[entries[n, 2]])
        if not total <= 1e300:
            return math.inf
        largest = max(largest, total)
    return largest


@driver
def _solvable(step: float, band: int, gamma: float, linear: Linear) -> bool:
    """Factorise I / (gamma step) - J; False if that is impossible."""
    entries, _, _, slopes, _, matrix, pivots, _, _ = linear
    size = pivots.size
    for k in range(size):
        for i in range(max(k - 2 * band, 0), min(k + band + 1, size)):
            matrix[k, i] = 0.0
        matrix[k, k] = 1.0 / (gamma * step)
    for n in range(entries.shape[0]):
        matrix[entries[n, 1], entries[n, 0]] -= slopes[entries[n, 2]]
    return bool(factorise(matrix, pivots, band))


@driver
def _attempt(
    address: np.ndarray, sizes: np.ndarray, settings: np.ndarray, method: Method, step: float, p: np.ndarray, buffers: Buffers, linear: Linear
) -> float:
    """Fill the stages and the new state of a step of any length; return the scaled error, inf if the linear system has no solution."""
    gamma, weights, couplings, _ = method
    u, rate, trial, a, past, work, result = buffers
    _, place, _, slopes, _, matrix, pivots, vector, stages = linear
    size, last = sizes[0], sizes[1] - 1
    if not _solvable(step, sizes[6], gamma[0], linear):
        return math.inf
    for s in range(sizes[1]):
        copy(u, 0, trial, size)
        for j in range(s):
            weight = weights[s, j]
            for i in range(size):
                trial[i] += weight * stages[j, i]
        if s > 0:
            call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
        for j in range(s):
            weight = couplings[s, j] / step
            for i in range(size):
                rate[i] += weight * stages[j, i]
        for i in range(size):
            vector[place[i]] = rate[i]
        substitute(matrix, pivots, sizes[6], vector)
        for i in range(size):
            stages[s, i] = vector[place[i]]
    copy(slopes, 0, rate, size)
    total = 0.0
    for i in range(size):
        result[i] = trial[i] + stages[last, i]
        total += (stages[last, i] / (settings[1] + settings[0] * max(abs(u[i]), abs(result[i])))) ** 2
    return math.sqrt(total / size)


@driver
def _extend(sizes: np.ndarray, method: Method, buffers: Buffers, linear: Linear) -> None:
    """Put the continuous extension of the step behind the new state in `result`, as coefficients of powers of theta."""
    u, result, stages, dense = buffers[0], buffers[6], linear[8], method[3]
    size = sizes[0]
    for i in range(size):
        first, second, third = 0.0, 0.0, 0.0
        for s in range(sizes[1]):
            first += dense[0, s] * stages[s, i]
            second += dense[1, s] * stages[s, i]
            third += dense[2, s] * stages[s, i]
        place = size + 1 + i
        result[place] = u[i]
        result[place + size] = (result[i] - u[i]) + first
        result[place + 2 * size] = second - first
        result[place + 3 * size] = third - second
        result[place + 4 * size] = -third


@driver
def _flow(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    max_steps: int,
    method: Method,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    linear: Linear,
    out: np.ndarray,
    counts: np.ndarray,
    trace: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, int]:
    """Carry the state in buffers[0] over `times`; return how it ended and the number of rows written."""
    u, result, size = buffers[0], buffers[6], sizes[0]
    time, carry, end, index, steps, before, again = times[0], 0.0, times[-1], 1, 0, 0.0, False
    copy(u, 0, out[0], out.shape[1])
    if index == times.size:
        return OK, index
    steepest = _differentiate(address, p, buffers, linear)
    h = _begin(address, sizes, settings, p, buffers, time, end - time)
    counts[0] += sizes[5] + 2
    while index < times.size:
        if stop[0] != 0:
            return INTERRUPTED, index
        if steps >= max_steps:
            return TOO_MANY_STEPS, index
        if too_small(h, time):
            return STEP_UNDERFLOW, index
        room = (end - time) - carry
        step = fitted(h, room)
        error = _attempt(address, sizes, settings, method, step, p, buffers, linear) if steepest <= 1e300 else math.inf
        steps += 1
        counts[0] += sizes[1] - 1
        if math.isinf(error) and settings[2] > 0.0:
            return STEP_UNDERFLOW, index
        if not error <= 1.0 and not settings[2] > 0.0:
            counts[1] += 1
            h, again = step * after_rejected(error, sizes[4]), True
            continue
        if escaped(result, size):
            return BLOW_UP, index
        last = step >= room
        if last or times[index] - time - carry <= step:
            _extend(sizes, method, buffers, linear)
            index = write_outputs(index, times, time, carry, step, last, result, sizes, out)
        record = steps - counts[1] - 1
        if record < trace.shape[0]:
            trace[record, 0], trace[record, 1] = step, steepest
            for i in range(size):
                trace[record, 2 + i] = u[i]
        copy(result, 0, u, size)
        time, carry = later(time, carry, step)
        if not last:
            steepest = _differentiate(address, p, buffers, linear)
            counts[0] += sizes[5] + 1
        if not settings[2] > 0.0:
            factor, before = after_accepted(error, before, sizes[4], again)
            h, again = step * factor, False
    return OK, index


@driver
def solve_stiff(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    max_steps: int,
    method: Method,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    linear: Linear,
    out: np.ndarray,
    final: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    trace: np.ndarray,
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
        status[lane], written = _flow(address, sizes, settings, max_steps, method, p, row, buffers, linear, out[lane], counts[lane], trace, stop)
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)
