"""Compiled loop that carries a hybrid system with its tangent columns from event to event; arguments as in `integrators/_event_drivers`."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import INTERRUPTED, OK, Buffers, copy
from chaosbench.integrators._event_drivers import FAILED, begin_events, due, jump, land, reach, resume
from chaosbench.integrators._event_search import VALUE
from chaosbench.integrators._step_size import later
from chaosbench.invariants._orthonormal import orthonormalise_columns
from chaosbench.invariants._tangent_drivers import wrap

_LOST = 1e-14


@driver
def _renewed(address: np.ndarray, size: int, p: np.ndarray, buffers: Buffers) -> None:
    """Put the derivative at the state and columns as they are now where the next step looks for it."""
    u, _, _, a, past, work, result = buffers
    call(address[VALUE], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
    copy(result, 0, work, size)


@driver
def _without_lost_columns(u: np.ndarray, dimension: int, triangle: np.ndarray) -> None:
    """Give no length to a column that the others explain to rounding: an event that forgets part of the state leaves fewer directions for good."""
    for k in range(1, triangle.shape[0]):
        length = 0.0
        for j in range(k + 1):
            length += triangle[j, k] * triangle[j, k]
        if triangle[k, k] <= _LOST * np.sqrt(length):
            triangle[k, k] = 0.0
            for i in range(dimension):
                u[(k + 1) * dimension + i] = 0.0


@driver
def _gather(u: np.ndarray, dimension: int, scratch: np.ndarray, ones: np.ndarray, triangle: np.ndarray, total: np.ndarray) -> None:
    """Orthonormalise the columns of u and add their growth to `total`."""
    orthonormalise_columns(u, dimension, scratch, ones, triangle)
    _without_lost_columns(u, dimension, triangle)
    for k in range(total.size):
        total[k] += np.log(triangle[k, k])


@driver
def hybrid_growth(
    address: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    settings: np.ndarray,
    jumps: np.ndarray,
    limits: np.ndarray,
    periods: np.ndarray,
    p: np.ndarray,
    buffers: Buffers,
    scene: Buffers,
    clock: np.ndarray,
    moment: np.ndarray,
    interval: float,
    per_record: int,
    logs: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry the state and its columns in buffers[0] over logs.shape[0] records; return how it ended.

    moment: (time, what it lost in rounding, number of events) so far; negative before the first call. logs (M, K): growth summed over each record,
    -inf for a column that an event leaves without length.
    """
    u = buffers[0]
    size, dimension, columns = sizes[0], sizes[5], logs.shape[1]
    sums, ones = np.zeros((2, size - dimension)), np.ones(dimension)
    scratch, triangle, total = np.empty((dimension, columns)), np.empty((columns, columns)), np.empty(columns)
    if moment[0] < 0.0:
        moment[0] = 0.0
        begin_events(address, sizes, settings, jumps, p, buffers, scene, clock, 0.0, interval)
    for record in range(logs.shape[0]):
        for k in range(columns):
            total[k], logs[record, k] = 0.0, np.nan
        for _ in range(per_record):
            _renewed(address, size, p, buffers)
            left = interval
            while left > 0.0:
                if stop[0] != 0:
                    return INTERRUPTED
                clock[4] = 0.0
                which, step = reach(address, sizes, weights, settings, jumps, limits, 1000, p, buffers, scene, sums, clock, moment[0], left, counts)
                if which >= FAILED:
                    return int(which) - FAILED
                left = left - step if step < left else 0.0
                moment[0], moment[1] = later(moment[0], moment[1], step)
                if which < 0:
                    land(sizes, buffers, clock, step)
                    continue
                due(address, sizes, jumps, p, buffers, scene, which, step)
                for i in range(sizes[6]):
                    if scene[17][i] > 0.0:  # a graze stretches by 1/slope and shrinks by as much: from orthonormal columns alone that can be followed
                        _gather(buffers[6], dimension, scratch, ones, triangle, total)
                        jump(address, sizes, jumps, limits, p, buffers, scene, i)
                        _gather(buffers[6], dimension, scratch, ones, triangle, total)
                        moment[2] += 1.0
                ended = resume(address, sizes, jumps, p, buffers, scene, clock, moment[0], step, counts)
                if ended != OK:
                    return int(ended)
            wrap(u, periods)
            _gather(u, dimension, scratch, ones, triangle, total)
        for k in range(columns):
            logs[record, k] = total[k]
    return OK
