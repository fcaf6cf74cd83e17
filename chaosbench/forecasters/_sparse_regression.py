"""Which few terms of a library make the rate of change of a series: regression rows in three forms, and thresholded least squares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
from scipy.signal import savgol_filter
from threadpoolctl import threadpool_limits

from chaosbench.forecasters._window_map import FeatureMap

Form = Literal["weak", "differences", "map"]
HALF_WIDTH = {"weak": 10, "differences": 4, "map": 0}  # samples on either side of a row's time
_SMOOTHNESS = 12  # exponent of the test function
_ITERATIONS = 20
_DEPENDENT = 1e-11  # columns this close to a combination of others add nothing: cos^2 + sin^2 = 1 holds in many libraries, up to rounding


def samples_needed(form: Form) -> int:
    """Return how many samples a series must have to give one row."""
    return 2 if form == "map" else 2 * HALF_WIDTH[form] + 1


def rows(form: Form, features: FeatureMap, series: Sequence[np.ndarray], dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return library rows (N, F) and what they must make (N, D) for `series` (each (T, D)).

    "weak": sum_j phi(t_j) features(x_j) and -sum_j phi'(t_j) x_j over 21 samples around every time, phi(t) = (1 - (t / 10 dt)^2)^12: integration by
    parts moves the derivative from the data to phi, and the trapezoidal rule is accurate because phi ends smoothly. "differences": features(x) and
    the derivative of the polynomial of degree 8 through 9 samples. "map": features(x_t) and x_{t+1}.
    Error on clean Lorenz-63 (dt = 0.02), relative, largest of the seven coefficients: weak 1e-9, differences 7e-5.
    """
    usable = [states for states in series if len(states) >= samples_needed(form)]
    if form == "map":
        return np.concatenate([features.value(states[:-1]) for states in usable]), np.concatenate([states[1:] for states in usable])
    half = HALF_WIDTH[form]
    if form == "differences":
        library = np.concatenate([features.value(states[half:-half]) for states in usable])
        slopes = [savgol_filter(states, 2 * half + 1, 2 * half, deriv=1, delta=dt, axis=0)[half:-half] for states in usable]
        return library, np.concatenate(slopes)
    place = np.arange(-half, half + 1) / half
    test = (1.0 - place**2) ** _SMOOTHNESS
    slope = -2.0 * _SMOOTHNESS * place * (1.0 - place**2) ** (_SMOOTHNESS - 1) / (half * dt)
    size = test.sum()  # so that rows are means, whatever dt
    library = np.concatenate([_correlated(features.value(states), test / size) for states in usable])
    return library, np.concatenate([_correlated(states, -slope / size) for states in usable])


def _correlated(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    count = len(values) - len(weights) + 1
    total = np.zeros((count, values.shape[1]))
    for first, weight in enumerate(weights):
        total += weight * values[first : first + count]
    return total


@dataclass(frozen=True)
class SparseProblem:
    """A library (N, F) and targets (N, D), columns of both scaled to unit root mean square and triangularised: triangle (F, F), projected (F, D)."""

    triangle: np.ndarray
    projected: np.ndarray
    scale: np.ndarray
    full: np.ndarray

    @classmethod
    def of(cls, library: np.ndarray, targets: np.ndarray) -> "SparseProblem":
        """Return the problem of `library` (N, F) and `targets` (N, D)."""
        size, reach = _size(library), _size(targets)
        with threadpool_limits(limits=1, user_api="blas"):  # the bits then do not depend on the number of cores
            stacked = np.asarray(np.linalg.qr(np.concatenate([library / size, targets / reach], axis=1), mode="r"))
            F = library.shape[1]
            triangle, projected = stacked[:F, :F], stacked[:F, F:]
            return cls(triangle, projected, reach / size[:, None], _solved(triangle, projected))

    def thresholded(self, threshold: float) -> np.ndarray:
        """Return coefficients (F, D): sequentially thresholded least squares.

        Method: solve, drop every term that makes less than `threshold` of its target (coefficient x root mean square of the term, over root mean
        square of the target), solve again with the rest, until none is dropped; the last solution is plain least squares on what is left.
        """
        coefficients = self.full.copy()
        with threadpool_limits(limits=1, user_api="blas"):
            for column in range(coefficients.shape[1]):
                self._sparsify(coefficients[:, column], self.projected[:, column], threshold)
        unscaled: np.ndarray = coefficients * self.scale
        return unscaled

    def _sparsify(self, solution: np.ndarray, target: np.ndarray, threshold: float) -> None:
        kept = np.ones(len(solution), dtype=bool)
        for _ in range(_ITERATIONS):
            smaller = kept & (np.abs(solution) >= threshold)
            if np.array_equal(smaller, kept):
                return
            kept = smaller
            solution[:] = 0.0
            if not kept.any():
                return
            solution[kept] = _solved(self.triangle[:, kept], target)


def _solved(matrix: np.ndarray, targets: np.ndarray) -> np.ndarray:
    solution: np.ndarray = scipy.linalg.lstsq(matrix, targets, cond=_DEPENDENT, lapack_driver="gelsy", check_finite=False)[0]
    return solution


def _size(columns: np.ndarray) -> np.ndarray:
    size: np.ndarray = np.sqrt(np.mean(columns**2, axis=0))
    return np.where(size > 0.0, size, 1.0)
