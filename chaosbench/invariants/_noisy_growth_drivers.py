"""The loop that carries a state with noise and its tangent columns; arguments as in `integrators._stochastic_drivers`."""

import numpy as np

from chaosbench.integrators._call import driver
from chaosbench.integrators._drivers import OK
from chaosbench.integrators._stochastic_drivers import advance
from chaosbench.integrators._stochastic_steps import Memory
from chaosbench.invariants._orthonormal import orthonormalise_columns
from chaosbench.invariants._tangent_drivers import wrap


@driver
def noisy_growth(
    code: int,
    addresses: np.ndarray,
    periods: np.ndarray,
    groups: np.ndarray,
    process_of: np.ndarray,
    key: np.ndarray,
    noise: np.ndarray,
    table: np.ndarray,
    h: float,
    interval: int,
    per_record: int,
    memory: Memory,
    logs: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry [x, v_1, ..., v_K] in memory[0] over logs.shape[0] records of per_record * interval steps of length h; return how it ended.

    periods (D,): of angles, wrapped at every orthonormalisation, NaN for others. noise (2,): stream and steps done, counted on. logs (M, K): log
    growth of each record, NaN after a failure.
    """
    state = memory[0]
    dimension, columns = periods.size, logs.shape[1]
    scratch, triangle, ones = np.empty((dimension, columns)), np.empty((columns, columns)), np.ones(dimension)
    clock = noise[1:]
    logs[:, :] = np.nan
    for record in range(logs.shape[0]):
        total = np.zeros(columns)
        for _ in range(per_record):
            ended = advance(code, addresses, 0.0, groups, process_of, key, noise[0], clock, 1, table, h, interval, memory, counts, stop)
            if ended != OK:
                return int(ended)
            orthonormalise_columns(state, dimension, scratch, ones, triangle)
            wrap(state, periods)
            for k in range(columns):
                total[k] += np.log(triangle[k, k])
        for k in range(columns):
            logs[record, k] = total[k]
    return OK
