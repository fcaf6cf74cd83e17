"""The loop that carries fields with their tangents in the spectrum; arguments as in `integrators._field_drivers`.

The length of a tangent is the root of the integral of its square over the domain. Modes that are left out and means that are held are exactly 0 in
every tangent: the weights of a step are 0 there, and sums of zeros stay so.
"""

import numpy as np

from chaosbench.integrators._call import driver
from chaosbench.integrators._field_drivers import field_step
from chaosbench.invariants._orthonormal import orthonormalise

OK, BLOW_UP, INTERRUPTED = 0, 1, 4


@driver
def orthonormal_lane(block: np.ndarray, lane: int, lanes: int, vectors: np.ndarray, weights: np.ndarray, triangle: np.ndarray) -> bool:
    """Orthonormalise the tangents of a lane, every `lanes`-th number; vectors (n, K) and triangle (K, K) are filled. Return whether all is finite."""
    count = vectors.shape[1]
    for k in range(count):
        for i in range(vectors.shape[0]):
            vectors[i, k] = block[k + 1, i * lanes + lane]
    orthonormalise(vectors, weights, triangle)
    good = True
    for k in range(count):
        good = good and triangle[k, k] < np.inf
        for i in range(vectors.shape[0]):
            block[k + 1, i * lanes + lane] = vectors[i, k]
    return good


@driver
def field_growth(
    address: np.ndarray,
    block: np.ndarray,
    mirror: np.ndarray,
    arrays: tuple[np.ndarray, ...],
    lanes: int,
    weights: np.ndarray,
    steps: int,
    per_record: int,
    logs: np.ndarray,
    status: np.ndarray,
    stop: np.ndarray,
) -> None:
    """Fill logs (orbits, M, K) with the growth over M records of `per_record` intervals of `steps` steps; status (orbits,) is read and set."""
    orbits, records, count = logs.shape
    vectors, triangle, total = np.empty((weights.size, count)), np.empty((count, count)), np.empty((orbits, count))
    for record in range(records):
        total[:, :] = 0.0
        for _ in range(per_record):
            for _ in range(steps):
                if stop[0] != 0:
                    for lane in range(orbits):
                        status[lane] = INTERRUPTED if status[lane] == OK else status[lane]
                    return
                field_step(address, block, mirror, arrays)
            for lane in range(orbits):
                if status[lane] != OK:
                    continue
                if not orthonormal_lane(block, lane, lanes, vectors, weights, triangle):
                    status[lane] = BLOW_UP
                for k in range(count):
                    total[lane, k] += np.log(triangle[k, k])
        for lane in range(orbits):
            for k in range(count):
                logs[lane, record, k] = total[lane, k] if status[lane] == OK else np.nan
