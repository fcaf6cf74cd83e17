"""What the loops over double-double kernels share: sums of pairs, and putting a trajectory into a lane and taking it out.

A lane is one of `width` trajectories that a kernel carries at once. States are (B, 2, D), high and low parts; in `buffers[0]` [D][2][width].
"""

import numpy as np

from chaosbench.integrators._call import driver
from chaosbench.integrators._drivers import BLOW_UP, OK, STEP_UNDERFLOW, Buffers
from chaosbench.kernels.lanes import LIMIT


@driver
def two_sum(a: float, b: float) -> tuple[float, float]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@driver
def pair_sum(high: float, low: float, more: float, less: float) -> tuple[float, float]:
    """Return (high + low) + (more + less) as a pair, right to 2^-104."""
    total, error = two_sum(high, more)
    first, second = two_sum(total, error + (low + less))
    return first, second


@driver
def enter(lane: int, b: int, width: int, states: np.ndarray, parameters: np.ndarray, buffers: Buffers, out: np.ndarray) -> None:
    """Put trajectory b at its start into a lane."""
    u, p = buffers[0], buffers[1]
    for d in range(states.shape[2]):
        u[2 * d * width + lane] = states[b, 0, d]
        u[(2 * d + 1) * width + lane] = states[b, 1, d]
        out[b, 0, d] = states[b, 0, d]
    own = min(b, parameters.shape[0] - 1)
    for k in range(parameters.shape[1]):
        p[k * width + lane] = parameters[own, k]


@driver
def leave(lane: int, b: int, width: int, row: int, buffers: Buffers, out: np.ndarray, final: np.ndarray) -> None:
    """Write down the state that a lane holds as the end of trajectory b, of which `row` rows are written."""
    u = buffers[0]
    for d in range(final.shape[2]):
        final[b, 0, d] = u[2 * d * width + lane]
        final[b, 1, d] = u[(2 * d + 1) * width + lane]
        for rest in range(row, out.shape[1]):
            out[b, rest, d] = np.nan


@driver
def verdict(width: int, dimension: int, lane: int, result: np.ndarray) -> int:
    """Tell how a step ended: OK, BLOW_UP beyond the limit, STEP_UNDERFLOW where the right-hand side does not exist."""
    defect = result[4 * dimension * width + lane]
    for d in range(dimension):
        value = result[2 * d * width + lane]
        if value != value or defect != defect:
            return STEP_UNDERFLOW
        if not abs(value) <= LIMIT:
            return BLOW_UP
    return OK
