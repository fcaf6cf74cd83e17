"""QR of tangent vectors in compiled code: modified Gram-Schmidt with a second pass where it is needed."""

import math

import numpy as np

from chaosbench.integrators._call import driver

_TINY = 1e-290
_AGAIN = 1e-4


@driver
def orthonormalise(vectors: np.ndarray, weights: np.ndarray, triangle: np.ndarray) -> None:
    """Replace the columns of `vectors` (n, K) by Q and fill `triangle` (K, K) with R, diagonal not negative, vectors = Q R.

    The inner product is sum_i weights[i] a[i] b[i]. Right-looking, so that the inner loops run over columns: they vectorise without reordering any
    sum, which keeps the bits independent of the machine. A column that lost four digits is projected again (Kahan: twice is enough), so that columns
    are orthogonal to 1e-12. A column without length (a singular map) becomes zero and gives a zero on the diagonal.
    """
    n, count = vectors.shape
    before = np.zeros(count)
    dots = np.empty(count)
    triangle[:, :] = 0.0
    for i in range(n):
        for j in range(count):
            before[j] += weights[i] * vectors[i, j] * vectors[i, j]
    for k in range(count):
        norm = _norm(vectors, weights, k)
        if norm < _AGAIN * np.sqrt(before[k]):
            for p in range(k):
                shift = 0.0
                for i in range(n):
                    shift += weights[i] * vectors[i, p] * vectors[i, k]
                for i in range(n):
                    vectors[i, k] -= shift * vectors[i, p]
                triangle[p, k] += shift
            norm = _norm(vectors, weights, k)
        if norm < _TINY:
            norm = 0.0
        triangle[k, k] = norm
        for i in range(n):
            vectors[i, k] = vectors[i, k] / norm if norm > 0.0 else 0.0
        dots[k + 1 :] = 0.0
        for i in range(n):
            scale = weights[i] * vectors[i, k]
            for j in range(k + 1, count):
                dots[j] += scale * vectors[i, j]
        for i in range(n):
            scale = vectors[i, k]
            for j in range(k + 1, count):
                vectors[i, j] -= scale * dots[j]
        for j in range(k + 1, count):
            triangle[k, j] = dots[j]


@driver
def _norm(vectors: np.ndarray, weights: np.ndarray, k: int) -> float:
    total = 0.0
    for i in range(vectors.shape[0]):
        total += weights[i] * vectors[i, k] * vectors[i, k]
    return math.sqrt(total)


@driver
def orthonormalise_columns(state: np.ndarray, dimension: int, scratch: np.ndarray, weights: np.ndarray, triangle: np.ndarray) -> None:
    """Orthonormalise the tangent columns of an extended state [x, v_1, ..., v_K] in place; `scratch` is (D, K)."""
    count = scratch.shape[1]
    for k in range(count):
        for i in range(dimension):
            scratch[i, k] = state[(k + 1) * dimension + i]
    orthonormalise(scratch, weights, triangle)
    for k in range(count):
        for i in range(dimension):
            state[(k + 1) * dimension + i] = scratch[i, k]
