"""Linear systems inside compiled loops: LU factorisation of a band matrix with partial pivoting; its bits depend on the matrix alone.

matrix (D, D): row k holds *column* k, so that elimination and substitution are sums of columns, which vectorise without a change of order.
Entries lie within `band` of the diagonal on both sides (D - 1 for a full matrix); exchanges of rows widen the upper band to twice that, which must
be zero before. What lies outside is neither read nor written.

Method: right-looking elimination; rows are exchanged to the right of the pivot only, and the exchanges are repeated in the substitution.
"""

import numpy as np

from chaosbench.integrators._call import driver


@driver
def factorise(matrix: np.ndarray, pivots: np.ndarray, band: int) -> bool:
    """Replace a matrix by its factors; False if it is singular or too large."""
    size = pivots.size
    for k in range(size):
        below, right = min(k + band + 1, size), min(k + 2 * band + 1, size)
        largest, chosen = -1.0, k
        for i in range(k, below):
            if abs(matrix[k, i]) > largest:
                largest, chosen = abs(matrix[k, i]), i
        if not 0.0 < largest <= 1e300:
            return False
        pivots[k] = chosen
        if chosen != k:
            for j in range(k, right):
                matrix[j, k], matrix[j, chosen] = matrix[j, chosen], matrix[j, k]
        pivot = matrix[k, k]
        for i in range(k + 1, below):
            matrix[k, i] /= pivot
        for j in range(k + 1, right):
            multiplier = matrix[j, k]
            if multiplier != 0.0:
                for i in range(k + 1, below):
                    matrix[j, i] -= matrix[k, i] * multiplier
    return True


@driver
def substitute(matrix: np.ndarray, pivots: np.ndarray, band: int, vector: np.ndarray) -> None:
    """Replace `vector` (D,) by the solution of the factorised system."""
    size = pivots.size
    for k in range(size):
        value = vector[pivots[k]]
        vector[pivots[k]] = vector[k]
        vector[k] = value
        if value != 0.0:
            for i in range(k + 1, min(k + band + 1, size)):
                vector[i] -= matrix[k, i] * value
    for k in range(size - 1, -1, -1):
        value = vector[k] / matrix[k, k]
        vector[k] = value
        if value != 0.0:
            for i in range(max(k - 2 * band, 0), k):
                vector[i] -= matrix[k, i] * value
