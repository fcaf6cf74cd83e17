"""The leading Lyapunov exponents of a fitted model, measured once for all metrics of a cell that need them."""

import numpy as np

from chaosbench.invariants._map_exponents import exponents_of_map
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Answer, Scales

DURATION = 300.0  # units of time
SHORTEST = 1_000
LONGEST = 20_000
BEYOND = 2  # exponents of the model beyond those that the truth has: a model that contracts more weakly needs them for its dimension


def steps_of(duration: float, dt: float, scales: Scales) -> int:
    """Return the steps of `dt` that `duration` units of time take, within 1 000 and 20 000."""
    return int(np.clip(round(duration * unit_of_time(scales) / dt), SHORTEST, LONGEST))


def true_exponents(scales: Scales) -> np.ndarray:
    """Return the exponents (K,) of the truth that are finite numbers, largest first."""
    spectrum = np.asarray(scales.spectrum, dtype=np.float64)
    return np.sort(spectrum[np.isfinite(spectrum)])[::-1]


def leading_exponents(answer: Answer, scales: Scales) -> np.ndarray:
    """Return the leading exponents of the model, largest first: 2 more than the truth has, as far as the model's state goes; NaN when it escapes.

    Method: as for the largest exponent alone, with more tangents: 300 units of time, within 1 000 and 20 000 steps, after a quarter of that.
    """
    if "exponents" not in answer.shared:
        count = min(len(true_exponents(scales)) + BEYOND, answer.map.dimension)
        steps = steps_of(DURATION, answer.map.dt, scales)
        state = answer.map.start(answer.start)
        estimate = exponents_of_map(answer.map, state, n_exponents=count, steps=steps, transient=steps // 4, seed=0)
        answer.shared["exponents"] = np.asarray(estimate.value, dtype=np.float64).reshape(-1)
    found: np.ndarray = answer.shared["exponents"]
    return found
