"""The loop that iterates double-double maps; arguments as in `_extended_drivers`."""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, TOO_MANY_STEPS, Buffers
from chaosbench.integrators._extended_lanes import enter, leave, verdict


@driver
def iterate_extended(
    address: np.ndarray,
    sizes: np.ndarray,
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
    """Apply the map between the whole numbers `times` for trajectories first <= b < beyond, `width` of them at a time."""
    u, p, a, past, work, result = buffers
    width, dimension, samples = sizes[0], sizes[1], times.shape[1]
    rows, running = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.bool_)
    for start in range(first, beyond, width):
        passed = 0.0
        for lane in range(width):
            b = min(start + lane, beyond - 1)
            enter(lane, b, width, states, parameters, buffers, out)
            rows[lane], running[lane], status[b] = 1, start + lane < beyond, OK
        while running.any():
            for lane in range(width):
                b = start + lane
                if not running[lane]:
                    continue
                if rows[lane] == samples or stop[0] != 0 or passed >= max_steps or status[b] != OK:
                    if rows[lane] < samples and status[b] == OK:
                        status[b] = INTERRUPTED if stop[0] != 0 else TOO_MANY_STEPS
                    leave(lane, b, width, rows[lane], buffers, out, final)
                    running[lane] = False
            call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
            passed += 1.0
            for lane in range(width):
                b = start + lane
                if not running[lane]:
                    continue
                counts[b, 0] += 1
                result[4 * dimension * width + lane] = 0.0
                if verdict(width, dimension, lane, result) != OK:
                    status[b] = BLOW_UP
                    continue
                for d in range(dimension):
                    for part in range(2):
                        u[(2 * d + part) * width + lane] = result[(2 * d + part) * width + lane]
                row = min(b, times.shape[0] - 1)
                if passed == times[row, rows[lane]] - times[row, 0]:
                    for d in range(dimension):
                        out[b, rows[lane], d] = result[2 * d * width + lane]
                    rows[lane] += 1
