"""The error of tangent columns over a Runge-Kutta step: part of the step control wherever columns are carried."""

import numpy as np
from numba import njit

from chaosbench.integrators._call import driver

_FEW = 64
_LOST = 1e-100  # of the square of a column: the square of its error would be no number


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
        if length < _LOST:
            continue
        if main > 0.0:
            square = main * main / ((main + 0.01 * second) * length)
            if not square < np.inf:
                return np.inf
            worst = max(worst, square)
        elif main != 0.0:
            return np.inf
    return float(control[0] / control[2] * np.sqrt(worst))
