"""What a rotation leaves alone, and the rotation itself: moments of whitened states and their rates.

Whitened states of two trajectories of one system, one of them seen through an invertible linear map, differ by an orthogonal matrix alone. Moments of
states z and rates v are tensors, which it turns: their eigenvalues and norms tell systems apart, matching them gives the matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.optimize import least_squares

_FIRST = {2: 400, 3: 2000, 4: 6000}  # random rotations looked at
_REFINED = 8
TENSORS = 8


@dataclass(frozen=True)
class Moments:
    """mean (D,), whitening matrix (D, D) and rate (root mean square speed of whitened states a sample; 1 for maps), and tensors of z and v."""

    mean: np.ndarray
    whitening: np.ndarray
    rate: float
    tensors: tuple[np.ndarray, ...]

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of each component (D,)."""
        inverse = np.linalg.inv(self.whitening)
        return np.asarray(np.sqrt(np.diag(inverse @ inverse)))


def moments(runs: Sequence[np.ndarray], discrete: bool) -> Moments:
    """Return the moments of trajectories (T, D); v is the rate of z by a quintic spline, scaled to unit mean square, for maps the next z."""
    together = np.concatenate(runs)
    mean = together.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov((together - mean).T).reshape(len(mean), -1))
    whitening = (axes / np.sqrt(np.maximum(variances, 1e-14 * variances.max()))) @ axes.T
    states, rates = [], []
    for run in runs:
        white = (run - mean) @ whitening.T
        if discrete:
            states.append(white[:-1])
            rates.append(white[1:])
        else:
            spline = make_interp_spline(np.arange(len(white)), white, k=5)
            states.append(white[3:-3])
            rates.append(spline(np.arange(3, len(white) - 3), nu=1))
    z, v = np.concatenate(states), np.concatenate(rates)
    rate = 1.0 if discrete else float(np.sqrt((v**2).mean()))
    v = v / rate
    zz = (z[:, :, None] * z[:, None, :]).reshape(len(z), -1)
    vv = (v[:, :, None] * v[:, None, :]).reshape(len(z), -1)
    d, n = z.shape[1], len(z)
    flat = (z.T @ v, v.T @ v, zz.T @ z, zz.T @ v, vv.T @ z, vv.T @ v, zz.T @ zz, zz.T @ vv)
    return Moments(
        mean, whitening, rate, tuple(tensor.reshape((d,) * order) / n for tensor, order in zip(flat, (2, 2, 3, 3, 3, 3, 4, 4), strict=True))
    )


def invariants(found: Moments) -> np.ndarray:
    """Return numbers that no rotation changes."""
    numbers = []
    for tensor in found.tensors:
        d = tensor.shape[0]
        if tensor.ndim == 2:
            numbers += [np.linalg.svd(tensor, compute_uv=False), [np.trace(tensor)]]
        elif tensor.ndim == 3:
            by_last, by_first = np.einsum("ijk,ijl->kl", tensor, tensor), np.einsum("ijk,ljk->il", tensor, tensor)
            numbers += [np.sqrt(np.maximum(np.linalg.eigvalsh(one), 0)) for one in (by_last, by_first)]
            numbers += [[np.linalg.norm(np.einsum("iik->k", tensor))]]
        else:
            numbers += [np.linalg.svd(np.einsum(trace, tensor) / d, compute_uv=False) for trace in ("iikl->kl", "ikjk->ij")]
    return np.concatenate([np.asarray(part, dtype=float) for part in numbers])


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far two sets of invariants are apart, 0 for the same."""
    return float(np.mean(np.minimum(np.abs(one - other) / (0.1 + np.abs(one) + np.abs(other)), 0.5)))


def rotations(data: Moments, reference: Moments, wanted: int, seed: int = 0) -> list[tuple[float, np.ndarray]]:
    """Return up to `wanted` of (misfit, Q) with Q z_data distributed as z_reference, best first.

    Method: of random orthogonal matrices those whose turned tensors of order 2 and 3 fit best, each improved by least squares over all orders.
    """
    d = len(data.mean)
    generator = np.random.default_rng(seed)
    q, r = np.linalg.qr(generator.standard_normal((_FIRST.get(d, 8000), d, d)))
    many = q * np.sign(np.einsum("nii->ni", r))[:, None, :]
    weights = [1 / (0.1 + np.sqrt((tensor**2).sum())) for tensor in reference.tensors]
    misfit: np.ndarray = np.zeros(len(many))
    for tensor, target, weight in zip(data.tensors[:6], reference.tensors[:6], weights, strict=False):
        misfit += weight**2 * ((_turned(tensor, many) - target) ** 2).reshape(len(many), -1).sum(axis=1)
    skew = np.triu_indices(d, 1)

    def turned(angles: np.ndarray, start: np.ndarray) -> np.ndarray:
        generator_matrix = np.zeros((d, d))
        generator_matrix[skew] = angles
        half = 0.5 * (generator_matrix - generator_matrix.T)  # Cayley's form of a rotation
        return np.asarray(np.linalg.solve(np.eye(d) - half, np.eye(d) + half) @ start)

    def residual(angles: np.ndarray, start: np.ndarray) -> np.ndarray:
        matrix = turned(angles, start)[None]
        parts = zip(data.tensors, reference.tensors, weights, strict=True)
        return np.concatenate([weight * (_turned(tensor, matrix)[0] - target).ravel() for tensor, target, weight in parts])

    found: list[tuple[float, np.ndarray]] = []
    starts: list[np.ndarray] = []
    for index in np.argsort(misfit):
        if len(starts) == _REFINED:
            break
        if all(np.linalg.norm(many[index] - other) > 0.7 for other in starts):
            starts.append(many[index])
    for start in starts:
        solved = least_squares(residual, np.zeros(len(skew[0])), args=(start,), max_nfev=15, ftol=1e-4, xtol=1e-4)
        matrix = turned(solved.x, start)
        if all(np.linalg.norm(matrix - other) > 0.05 for _, other in found):
            found.append((float(2 * solved.cost), matrix))
    return sorted(found, key=lambda pair: pair[0])[:wanted]


def _turned(tensor: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Return `tensor` with every index turned by each of matrices (N, D, D): (N, D, ..., D)."""
    d, n = tensor.shape[0], len(matrices)
    turned = np.broadcast_to(tensor, (n, *tensor.shape))
    for _ in range(tensor.ndim):  # each pass turns the first index and moves it to the end
        turned = np.swapaxes(turned.reshape(n, d, -1), 1, 2) @ np.swapaxes(matrices, 1, 2)
        turned = turned.reshape((n, *tensor.shape))
    return turned
