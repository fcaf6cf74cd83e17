"""Small dense linear systems inside compiled loops: LU factorisation with partial pivoting, whose bits depend on the matrix alone.

matrix (D, D): row k holds *column* k, so that elimination and substitution are sums of columns, which vectorise without a change of order.
spans (D, 2): for each column the row after the last nonzero of L and the row of the first nonzero of U; multipliers that are zero are
skipped. With both a banded matrix (a chain or ring of cells) costs what a banded solver would.

Method: right-looking elimination; rows are exchanged to the right of the pivot only, and the exchanges are repeated in the substitution.
"""

import numpy as np

from chaosbench.integrators._call import driver


@driver
def factorise(matrix: np.ndarray, pivots: np.ndarray, spans: np.ndarray, size: int) -> bool:
    """Replace a matrix by its factors; False if it is singular or not finite."""
    for k in range(size):
        largest, chosen, beyond = -1.0, k, k + 1
        for i in range(k, size):
            entry = abs(matrix[k, i])
            if entry > largest:
                largest, chosen = entry, i
            if entry != 0.0:
                beyond = i + 1
        if not 0.0 < largest <= 1e300:
            return False
        pivots[k] = chosen
        if chosen != k:
            for j in range(k, size):
                matrix[j, k], matrix[j, chosen] = matrix[j, chosen], matrix[j, k]
        pivot = matrix[k, k]
        for i in range(k + 1, beyond):
            matrix[k, i] /= pivot
        for j in range(k + 1, size):
            multiplier = matrix[j, k]
            if multiplier != 0.0:
                for i in range(k + 1, beyond):
                    matrix[j, i] -= matrix[k, i] * multiplier
        spans[k, 0] = beyond
        first = 0
        while matrix[k, first] == 0.0:  # ends at the pivot
            first += 1
        spans[k, 1] = first
    return True


@driver
def substitute(matrix: np.ndarray, pivots: np.ndarray, spans: np.ndarray, vector: np.ndarray, size: int) -> None:
    """Replace `vector` by the solution of the factorised system."""
    for k in range(size):
        chosen = pivots[k]
        value = vector[chosen]
        vector[chosen] = vector[k]
        vector[k] = value
        if value != 0.0:
            for i in range(k + 1, spans[k, 0]):
                vector[i] -= matrix[k, i] * value
    for k in range(size - 1, -1, -1):
        value = vector[k] / matrix[k, k]
        vector[k] = value
        if value != 0.0:
            for i in range(spans[k, 1], k):
                vector[i] -= matrix[k, i] * value
