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

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped
from chaosbench.integrators._tangent_error import tangent_error
from chaosbench.invariants._orthonormal import orthonormalise_columns

OK, BLOW_UP, STEP_UNDERFLOW, INTERRUPTED = 0, 1, 2, 4

Buffers = tuple[np.ndarray, ...]

_SMALLEST_STEP = 1e-12


@driver
def wrap(state: np.ndarray, periods: np.ndarray) -> None:
    """Bring every angle into [0, period)."""
    for i in range(periods.size):
        if periods[i] > 0.0:
            state[i] -= np.floor(state[i] / periods[i]) * periods[i]


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
