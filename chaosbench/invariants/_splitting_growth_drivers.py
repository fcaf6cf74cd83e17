"""The compiled loop that carries a state and its tangent columns by a splitting method: the derivative of every shear is a shear, too.

Arguments as in `_tangent_drivers`. address: the right-hand sides of either half with their columns, 0 for the other's variables; lengths: see
`_splitting.stage_lengths`. lost (E,): what the compensated sums lost.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._splitting_drivers import add_compensated
from chaosbench.integrators._step_size import escaped
from chaosbench.invariants._orthonormal import orthonormalise_columns
from chaosbench.invariants._tangent_drivers import BLOW_UP, INTERRUPTED, OK, Buffers, wrap


@driver
def split_growth(
    address: np.ndarray,
    lengths: np.ndarray,
    periods: np.ndarray,
    longest: float,
    buffers: Buffers,
    lost: np.ndarray,
    interval: float,
    per_record: int,
    logs: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry a flow over logs.shape[0] records in equal steps of at most `longest`; return how it ended."""
    state, parameters, control, past, work, out = buffers
    dimension, columns = periods.size, logs.shape[1]
    number = max(np.ceil(interval / longest * (1.0 - 1e-12)), 1.0)
    h = interval / number
    scratch = np.empty((dimension, columns))
    ones = np.ones(dimension)
    triangle = np.empty((columns, columns))
    logs[:, :] = np.nan
    for record in range(logs.shape[0]):
        if stop[0] != 0:
            return INTERRUPTED
        total = np.zeros(columns)
        for _ in range(per_record):
            done = 0.0
            while done < number:
                for s in range(lengths.shape[1]):
                    for half in range(2):
                        if lengths[half, s] != 0.0:
                            call(address[half], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                            add_compensated(state, lost, h * lengths[half, s], out)
                counts[0] += lengths.shape[1] - 1
                done += 1.0
            if escaped(state, dimension):
                return BLOW_UP
            wrap(state, periods)
            orthonormalise_columns(state, dimension, scratch, ones, triangle)
            lost[dimension:] = 0.0
            for k in range(columns):
                total[k] += np.log(triangle[k, k])
        logs[record] = total
    return OK
