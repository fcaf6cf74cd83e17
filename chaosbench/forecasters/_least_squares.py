"""Regularised least squares by orthogonal triangularisation, in blocks of rows.

The textbook form W = (Phi' Phi + b I)^-1 Phi' Y squares the condition number. For readouts of smooth models that decides the result: with
ridge 1e-12 the squared form loses every digit while this one keeps half of them. Memory is (F + block) F numbers however many rows come.
"""

import numpy as np
import scipy.linalg

_BLOCK = 2048  # rows added at a time when there are fewer features than that; more features take blocks of their own number


class LeastSquares:
    """min_W |Y - Phi W|^2 + ridge |W|^2 for Phi (N, F), Y (N, D), rows given in any number of blocks.

    Method: Householder QR of [Phi, Y], updated block by block; the triangle R (F, F) and Q'Y (F, D) are all that is kept.
    Error: backward stable in [Phi; sqrt(ridge) I], so relative errors are about 1e-16 times its condition number, not its square.
    """

    def __init__(self, n_features: int, n_targets: int) -> None:
        self._size = n_features
        self._triangle = np.zeros((0, n_features + n_targets))
        self._waiting: list[np.ndarray] = []
        self._rows_waiting = 0

    def add(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Add rows `features` (n, F) with their `targets` (n, D)."""
        self._waiting.append(np.concatenate([features, targets], axis=1))
        self._rows_waiting += len(features)
        if self._rows_waiting >= max(_BLOCK, self._size):
            self._reduce()

    def _reduce(self) -> None:
        if self._waiting:
            stacked = np.concatenate([self._triangle, *self._waiting])
            self._triangle = _upper(stacked)
            self._waiting, self._rows_waiting = [], 0

    def ridge(self, penalty: float) -> np.ndarray:
        """Return the weights (F, D); penalty 0 gives the solution of least norm."""
        self._reduce()
        if penalty == 0.0:
            return self.truncated(0.0, rank=None)
        columns = self._triangle.shape[1]
        augmented = np.concatenate([self._triangle, np.sqrt(penalty) * np.eye(self._size, columns)])
        triangle = _upper(augmented)[: self._size]
        weights: np.ndarray = scipy.linalg.solve_triangular(triangle[:, : self._size], triangle[:, self._size :], check_finite=False)
        return weights

    def truncated(self, penalty: float, *, rank: int | None) -> np.ndarray:
        """Return the weights (F, D) in the span of the leading `rank` singular vectors; None keeps what exceeds rounding (see `numerical_rank`)."""
        self._reduce()
        left, values, right = scipy.linalg.svd(self._triangle[:, : self._size], full_matrices=False, check_finite=False)
        kept = numerical_rank(values, self._size) if rank is None else min(rank, numerical_rank(values, self._size))
        values = values[:kept]
        projected = left[:, :kept].T @ self._triangle[:, self._size :]
        weights: np.ndarray = right[:kept].T @ (values[:, None] / (values**2 + penalty)[:, None] * projected)
        return weights

    def singular_values(self) -> np.ndarray:
        """Return the singular values of Phi, largest first."""
        self._reduce()
        values: np.ndarray = scipy.linalg.svdvals(self._triangle[:, : self._size], check_finite=False)
        return values


def numerical_rank(values: np.ndarray, size: int) -> int:
    """Return how many singular `values` exceed size * machine epsilon * the largest (the rule of LAPACK's and NumPy's rank decisions)."""
    return int(np.count_nonzero(values > size * np.finfo(np.float64).eps * values[0]))


def optimal_rank(values: np.ndarray, n_rows: int) -> int:
    """Return how many singular `values` exceed omega(beta) times their median, at least 1: the hard threshold for noise of unknown level.

    beta = columns / rows (or its inverse if larger than 1); omega(beta) = 0.56 beta^3 - 0.95 beta^2 + 1.82 beta + 1.43.
    Source: M. Gavish, D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), doi:10.1109/TIT.2014.2323359.
    """
    beta = min(len(values), n_rows) / max(len(values), n_rows)
    omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    return max(1, int(np.count_nonzero(values > omega * np.median(values))))


def _upper(stacked: np.ndarray) -> np.ndarray:
    triangle: np.ndarray = scipy.linalg.qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0]
    return triangle[: stacked.shape[1]]
