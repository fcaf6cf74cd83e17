"""Compiled loops that carry a state and its tangent columns with kernels, for flows and for maps.

They know a system only by the addresses of its kernels, so they are compiled once for all systems. The step of a flow is controlled by the error of
the state and by that of every column. The second is needed: where a fast variable is slaved to a slow one its errors die out, steps grow to
the limit of stability, and the orbit is right while the contraction is not (hyperchaotic Rossler flow, rtol 1e-7, state alone: fourth exponent
-23.1 +- 0.1 instead of -25.0). With both, the sum of the Lorenz 1963 exponents is off by 2e-5, 2e-6 and 2e-7 at rtol 1e-5, 1e-6 and 1e-7.

Arguments in common: periods (D,), NaN where a component is no angle; angles are wrapped at every orthonormalisation, so that they keep their digits.
buffers: (state, parameters, control, past, work, out) of one thread; state (E,) = [x, v_1, ..., v_K] is updated, control begins with [step, atol,
rtol], the others are the kernels' own. per_record: orthonormalisations in one record. logs (M, K) receives the log growth summed over each record,
NaN after a failure. counts (2,): kernel evaluations, rejected steps. stop: nonzero ends every loop.
"""

import numpy as np
from numba import njit

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped
from chaosbench.invariants._orthonormal import orthonormalise_columns

OK, BLOW_UP, STEP_UNDERFLOW, INTERRUPTED = 0, 1, 2, 4

Buffers = tuple[np.ndarray, ...]

_SMALLEST_STEP = 1e-12
_FEW = 64


@driver
def wrap(state: np.ndarray, periods: np.ndarray) -> None:
    """Bring every angle into [0, period)."""
    for i in range(periods.size):
        if periods[i] > 0.0:
            state[i] -= np.floor(state[i] / periods[i]) * periods[i]


@driver
def _add_scaled(total: np.ndarray, weight: float, part: np.ndarray) -> None:
    for i in range(total.size):
        total[i] += weight * part[i]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def tangent_error(weights: np.ndarray, dimension: int, state: np.ndarray, control: np.ndarray, work: np.ndarray, sums: np.ndarray) -> float:
    """Return the largest error of a column over a step relative to its length before the step, in units of rtol.

    weights (1 or 2, S): the tableau's error weights and its second ones, combined as h e^2 / sqrt(e^2 + 0.01 e2^2). sums (2, E - D): scratch.
    Long vectors are summed a stage at a time, which vectorises; short ones directly, without making views.
    """
    size, width = state.size, state.size - dimension
    for row in range(weights.shape[0]):
        if width <= _FEW:
            for i in range(width):
                total = 0.0
                for s in range(weights.shape[1]):
                    total += weights[row, s] * work[s * size + dimension + i]
                sums[row, i] = total
        else:
            sums[row, :] = 0.0
            for s in range(weights.shape[1]):
                _add_scaled(sums[row], weights[row, s], work[s * size + dimension : (s + 1) * size])
    worst = 0.0
    for first in range(0, width, dimension):
        main, second, length = 0.0, 0.0, 0.0
        for i in range(first, first + dimension):
            main += sums[0, i] * sums[0, i]
            length += state[dimension + i] * state[dimension + i]
            if weights.shape[0] > 1:
                second += sums[1, i] * sums[1, i]
        if main > 0.0:
            square = main * main / ((main + 0.01 * second) * length)
            if not square < np.inf:
                return np.inf
            worst = max(worst, square)
        elif main != 0.0:
            return np.inf
    return float(control[0] / control[2] * np.sqrt(worst))


@driver
def flow_growth(
    address: np.ndarray,
    periods: np.ndarray,
    order: int,
    weights: np.ndarray,
    buffers: Buffers,
    interval: float,
    per_record: int,
    logs: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry a flow over logs.shape[0] records; return how it ended.

    address: (value, step). order: of the error estimate; weights (1 or 2, S): see tangent_error. interval: time between orthonormalisations; steps
    are stretched so that they end on it. control[0] is the step to try first and is left at the step to try next; control[3] is the step control's
    memory of the last error.
    """
    state, parameters, control, past, work, out = buffers
    size, dimension = state.size, periods.size
    stages = weights.shape[1]
    newest = (stages - 1) * size
    sums = np.empty((2, size - dimension))
    wanted, before, again = control[0], control[3], False
    scratch = np.empty((dimension, logs.shape[1]))
    ones = np.ones(dimension)
    triangle = np.empty((logs.shape[1], logs.shape[1]))
    logs[:, :] = np.nan
    for record in range(logs.shape[0]):
        if stop[0] != 0:
            return INTERRUPTED
        total = np.zeros(logs.shape[1])
        for _ in range(per_record):
            call(address[0], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
            work[:size] = out[:size]
            counts[0] += 1
            left = interval
            while left > 0.0:
                pieces = np.ceil(left / wanted)
                step = left / pieces
                control[0] = step
                call(address[1], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                counts[0] += stages - 1
                error = max(out[size], tangent_error(weights, dimension, state, control, work, sums)) if out[size] <= 1.0 else out[size]
                if not error <= 1.0:
                    counts[1] += 1
                    wanted, again = step * after_rejected(error, order), True
                    if not wanted > _SMALLEST_STEP * interval:
                        return STEP_UNDERFLOW
                    continue
                if escaped(out, dimension):
                    return BLOW_UP
                state[:] = out[:size]
                work[:size] = work[newest : newest + size]
                factor, before = after_accepted(error, before, order, again)
                again = False
                wanted = step * factor if pieces > 1.0 else max(wanted, step * factor)
                left = left - step if pieces > 1.0 else 0.0
            wrap(state, periods)
            orthonormalise_columns(state, dimension, scratch, ones, triangle)
            for k in range(total.size):
                total[k] += np.log(triangle[k, k])
        logs[record] = total
    control[0], control[3] = wanted, before
    return OK


@driver
def map_growth(
    address: np.ndarray,
    periods: np.ndarray,
    buffers: Buffers,
    interval: int,
    per_record: int,
    logs: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Iterate a map over logs.shape[0] records, `interval` iterations between orthonormalisations; return how it ended."""
    state, parameters, control, past, work, out = buffers
    size, dimension = state.size, periods.size
    scratch = np.empty((dimension, logs.shape[1]))
    ones = np.ones(dimension)
    triangle = np.empty((logs.shape[1], logs.shape[1]))
    logs[:, :] = np.nan
    for record in range(logs.shape[0]):
        if stop[0] != 0:
            return INTERRUPTED
        total = np.zeros(logs.shape[1])
        for _ in range(per_record):
            for _ in range(interval):
                call(address[0], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                state[:] = out[:size]
            counts[0] += interval
            if escaped(state, dimension):
                return BLOW_UP
            wrap(state, periods)
            orthonormalise_columns(state, dimension, scratch, ones, triangle)
            for k in range(total.size):
                total[k] += np.log(triangle[k, k])
        logs[record] = total
    return OK
