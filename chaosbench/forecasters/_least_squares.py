"""Regularised least squares by orthogonal triangularisation, in blocks of rows.

The textbook form W = (Phi' Phi + b I)^-1 Phi' Y squares the condition number. For readouts of smooth models that decides the result: with
ridge 1e-12 the squared form loses every digit while this one keeps half of them. Memory is (F + block) F numbers however many rows come, and
a further ridge costs a sixth of a factorisation, because both parts of [R; sqrt(b) I] are triangular.
"""

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dtpmqrt, dtpqrt
from threadpoolctl import threadpool_limits

_ROWS = 1024  # rows collected before they are folded in: enough for matrix-matrix speed
_COLUMNS = 32  # columns that LAPACK treats at a time


class LeastSquares:
    """min_W |Y - Phi W|^2 + ridge |W|^2 for Phi (N, F), Y (N, D), rows given in any number of blocks.

    Method: Householder QR of Phi, updated block by block (LAPACK's tpqrt); the triangle R (F, F) and Q'Y (F, D) are all that is kept.
    Error: backward stable in [Phi; sqrt(ridge) I], so relative errors are about 1e-16 times its condition number, not its square.
    """

    def __init__(self, n_features: int, n_targets: int) -> None:
        self._triangle = np.zeros((n_features, n_features), order="F")
        self._projected = np.zeros((n_features, n_targets), order="F")
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Add rows `features` (n, F) with their `targets` (n, D)."""
        self._waiting.append((features, targets))
        if sum(len(rows) for rows, _ in self._waiting) >= _ROWS:
            self._fold()

    def _fold(self) -> None:
        if self._waiting:
            features, targets = (np.concatenate(part) for part in zip(*self._waiting, strict=True))
            self._triangle, self._projected = _stacked(self._triangle, self._projected, features, targets, triangular=False)
            self._waiting = []

    def ridge(self, penalty: float) -> np.ndarray:
        """Return the weights (F, D); penalty 0 gives the solution of least norm."""
        self._fold()
        if penalty == 0.0:
            return self.truncated(0.0, rank=None)
        size = len(self._triangle)
        diagonal, nothing = np.diag(np.full(size, np.sqrt(penalty))), np.zeros_like(self._projected)
        triangle, projected = _stacked(self._triangle, self._projected, diagonal, nothing, triangular=True)
        weights: np.ndarray = scipy.linalg.solve_triangular(triangle, projected, check_finite=False)
        return np.ascontiguousarray(weights)

    def truncated(self, penalty: float, *, rank: int | None) -> np.ndarray:
        """Return the weights (F, D) in the span of the leading `rank` singular vectors; None keeps what exceeds rounding (see `numerical_rank`)."""
        self._fold()
        left, values, right = scipy.linalg.svd(self._triangle, check_finite=False)
        kept = numerical_rank(values, len(values)) if rank is None else min(rank, numerical_rank(values, len(values)))
        values = values[:kept]
        weights: np.ndarray = right[:kept].T @ (values[:, None] / (values**2 + penalty)[:, None] * (left[:, :kept].T @ self._projected))
        return weights

    def singular_values(self) -> np.ndarray:
        """Return the singular values of Phi, largest first, F of them."""
        self._fold()
        values: np.ndarray = scipy.linalg.svdvals(self._triangle, check_finite=False)
        return values


def numerical_rank(values: np.ndarray, size: int) -> int:
    """Return how many singular `values` exceed size * machine epsilon * the largest (the rule of LAPACK's and NumPy's rank decisions)."""
    return int(np.count_nonzero(values > size * np.finfo(np.float64).eps * values[0]))


def optimal_rank(values: np.ndarray, n_rows: int) -> int:
    """Return how many singular `values` exceed omega(beta) times their median, at least 1: the hard threshold for noise of unknown level.

    beta = columns / rows (or its inverse if larger than 1); omega(beta) = 0.56 beta^3 - 0.95 beta^2 + 1.82 beta + 1.43.
    Source: M. Gavish, D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), doi:10.1109/TIT.2014.2323359.
    """
    possible = values[:n_rows]
    beta = len(possible) / max(len(values), n_rows)
    omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    return max(1, int(np.count_nonzero(possible > omega * np.median(possible))))


@threadpool_limits.wrap(limits=1, user_api="blas")
def _stacked(
    triangle: np.ndarray, projected: np.ndarray, below: np.ndarray, targets: np.ndarray, *, triangular: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return R and Q'Y of [triangle; below] with right-hand sides [projected; targets]; `triangular` says that `below` is one, too.

    On one BLAS thread: the panels are too small to share (two threads took ten times as long), and the bits then do not depend on the cores.
    """
    size = len(triangle)
    trapezoid = size if triangular else 0
    upper, reflectors, factors, _ = dtpqrt(trapezoid, min(_COLUMNS, size), triangle, np.asfortranarray(below))
    turned, _, _ = dtpmqrt(trapezoid, reflectors, factors, projected, np.asfortranarray(targets), side="L", trans="T")
    return upper, turned
