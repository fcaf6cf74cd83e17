"""Snapshots of a dictionary compressed to orthonormal coordinates: Koopman matrices, residuals of eigenpairs, pseudospectra.

The textbook route goes through the Gram matrices G = X'X, A = X'Y, L = Y'Y (X, Y: observables now and one step later). Each squares a
condition number, and a residual computed from their difference cannot be smaller than 1e-8. Here X and Y are triangularised side by side, so an
invariant subspace shows residuals of rounding size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._least_squares import numerical_rank, optimal_rank
from chaosbench.forecasters._window_map import FeatureMap

_CHUNK = 4096  # windows lifted at a time


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues (r,) of a compressed Koopman operator, eigenfunctions as columns of vectors (r, r) in its coordinates, residuals (r,)."""

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True)
class CompressedKoopman:
    """The Koopman operator on the leading r directions of a dictionary psi (F,), from N snapshot pairs.

    Coordinates w = basis' psi (r,) are orthonormal over the snapshots: the mean of w w' is the identity. basis (F, r); inverse (r, F) gives
    psi = inverse' w back (its part in those directions). matrix (r, r): w_{t+1} = matrix' w_t in least squares, so an observable w'g becomes
    w' (matrix g). outside (r, r): |outside g| is the part of the next value of w'g that no observable of the dictionary reaches.
    following (r, F): psi_{t+1} = following' w_t in least squares.
    """

    matrix: np.ndarray
    outside: np.ndarray
    basis: np.ndarray
    inverse: np.ndarray
    following: np.ndarray

    def eigenpairs(self) -> Eigenpairs:
        """Return all eigenpairs of `matrix` with their residuals, smallest residual first; for them the residual is |outside g| / |g|."""
        values, vectors = np.linalg.eig(self.matrix)
        residuals = self.residuals(values, vectors)
        order = np.argsort(residuals, kind="stable")
        return Eigenpairs(values[order].astype(complex), vectors[:, order].astype(complex), residuals[order])

    def residuals(self, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the residuals (k,) of candidate eigenvalues (k,) with observables `vectors` (r, k).

        Method: res(z, g)^2 = (|(matrix - z) g|^2 + |outside g|^2) / |g|^2, the mean square of g(next) - z g(now) over the snapshots divided by
        the mean square of g: equal to g*(L - z A* - conj(z) A + |z|^2 G)g / g*Gg.
        Error: relative to the distance from the true residual of the operator, that of a mean over the snapshots.
        Source: M. J. Colbrook, L. J. Ayton, M. Szoke, J. Fluid Mech. 955, A21 (2023), doi:10.1017/jfm.2022.1052.
        """
        inside = self.matrix @ vectors - vectors * values
        size = np.hypot(np.linalg.norm(inside, axis=0), np.linalg.norm(self.outside @ vectors, axis=0))
        relative: np.ndarray = size / np.linalg.norm(vectors, axis=0)
        return relative

    def pseudospectrum(self, points: np.ndarray) -> np.ndarray:
        """Return the smallest residual (k,) that any observable of the compressed dictionary has at each complex number of `points` (k,).

        Where it is below eps, z lies in the eps-pseudospectrum of the operator, up to the error of means over the snapshots.
        Method: the smallest singular value of [matrix - z; outside].
        """
        identity = np.eye(len(self.matrix))
        smallest = [scipy.linalg.svdvals(np.concatenate([self.matrix - z * identity, self.outside]), check_finite=False)[-1] for z in points]
        return np.array(smallest)

    def orthogonal(self) -> np.ndarray:
        """Return the orthogonal matrix (r, r) nearest to `matrix`: the best measure-preserving step (see `polar`)."""
        return polar(self.matrix)


def polar(matrix: np.ndarray) -> np.ndarray:
    """Return the orthogonal polar factor U V' of `matrix` = U S V' (r, r), the orthogonal matrix nearest to it in the Frobenius norm."""
    left, _, right = scipy.linalg.svd(matrix, check_finite=False)
    factor: np.ndarray = left @ right
    return factor


def _triangle(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(matrix, mode="r"))


class SnapshotTriangle:
    """The triangle of [X Y], observables of N snapshots now and one step later, added in blocks of rows; then any truncation of it.

    Memory is 4 F^2 numbers whatever N; adding costs 8 N F^2, the first truncation one singular value decomposition of size F.
    """

    def __init__(self, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        self.n_rows = 0
        triangle: np.ndarray | None = None
        with threadpool_limits(limits=1, user_api="blas"):  # the bits then do not depend on the number of cores
            for now, following in pairs:
                self.n_rows += len(now)
                block = np.concatenate([now, following], axis=1)
                triangle = _triangle(block if triangle is None else np.concatenate([triangle, block]))
            assembled = np.zeros((0, 0)) if triangle is None else triangle
            size = assembled.shape[1] // 2
            full = np.zeros((2 * size, 2 * size))
            full[: len(assembled)] = assembled
            self._upper, self._lower = full[:size, size:], full[size:, size:]
            self._left, self.singular_values, self._right = scipy.linalg.svd(full[:size, :size], check_finite=False)

    def rank(self, rule: int | str, *, cutoff: float = 0.0) -> int:
        """Return how many directions `rule` keeps: a number, "numerical" (rounding) or "gavish-donoho" (noise); none below cutoff x the largest."""
        if not self.singular_values[0] > 0.0:
            raise ForecasterError("training.states: every value is 0; a linear map needs something that moves; leave constant components out")
        numerical = numerical_rank(self.singular_values, len(self.singular_values))
        above = int(np.count_nonzero(self.singular_values > cutoff * self.singular_values[0]))
        wanted = optimal_rank(self.singular_values, self.n_rows) if rule == "gavish-donoho" else numerical if isinstance(rule, str) else rule
        return max(1, min(wanted, numerical, above))

    def compressed(self, rank: int) -> CompressedKoopman:
        """Return the operator on the leading `rank` directions (see `rank`)."""
        left, values, right = self._left[:, :rank], self.singular_values[:rank], self._right[:rank].T
        scaled = right / values
        inside = self._upper @ scaled
        matrix = left.T @ inside
        rest = np.concatenate([inside - left @ matrix, self._lower @ scaled])
        root = np.sqrt(self.n_rows)
        return CompressedKoopman(
            matrix=matrix,
            outside=_triangle(rest),
            basis=scaled * root,
            inverse=values[:, None] * right.T / root,
            following=left.T @ self._upper / root,
        )


def snapshots(window: DelayWindow, features: FeatureMap, series: Sequence[np.ndarray]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of observables (n, F) of the delay windows of `series` (each (T, D)), now and one step later."""
    for states in series:
        rows = window.embed(states)
        for first in range(0, len(rows) - 1, _CHUNK):
            lifted = features.value(rows[first : first + _CHUNK + 1])
            yield lifted[:-1], lifted[1:]
