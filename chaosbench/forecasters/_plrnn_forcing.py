"""How strongly a forced network's Jacobians stretch: the three estimates of adaptive generalised teacher forcing."""

import math

import torch
from torch import Tensor

from chaosbench.forecasters._forced_plrnn import Weights, backward_tangents, forward_tangents
from chaosbench.forecasters._plrnn_sums import split_rows

ESTIMATES = ("norms", "mean", "logarithms")
_ITERATIONS = 10  # power iterations of a spectral norm
_TINY = 1e-30


def spectral_norms(slope: Tensor, weights: Weights, iterations: int = _ITERATIONS) -> Tensor:
    """Return the largest singular values (R, N) of J = A + W diag(slope) V, slope (R, N, H), by power iteration: a lower bound.

    The matrices are never formed: products with the weights are a few large operations for all of them on any device.
    """
    runs, count, _ = slope.shape
    vectors = weights.A.new_full((runs, count, weights.A.shape[1]), 1.0)
    for _ in range(iterations):
        vectors = backward_tangents(forward_tangents(vectors, slope, weights), slope, weights)
        vectors = vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(_TINY)
    norms: Tensor = torch.linalg.vector_norm(forward_tangents(vectors, slope, weights), dim=-1)
    return norms


def jacobians(slope: Tensor, weights: Weights) -> Tensor:
    """Return J (R, N, M, M) = A + W diag(slope) V at slopes (R, N, H)."""
    V = torch.eye(weights.A.shape[1], dtype=slope.dtype, device=slope.device) if weights.V is None else weights.V[:, None]
    return torch.diag_embed(weights.A)[:, None] + (weights.W[:, None] * slope[:, :, None, :]) @ V


def stretching(slope: Tensor, weights: Weights, estimate: str) -> Tensor:
    """Return kappa (R,): the largest over sequences of the norm of a mean over time of their Jacobians, at slopes (R, T, S, H).

    estimate: "norms", the geometric mean of spectral norms, which bounds the product of the Jacobians; "mean", the spectral norm of their arithmetic
    mean; "logarithms", that of exp(mean of log J), NaN where a J has no logarithm.
    """
    if estimate == "norms":
        norms = split_rows(spectral_norms(slope.flatten(1, 2), weights), (slope.shape[1], slope.shape[2]))
        return norms.clamp_min(_TINY).log().mean(1).exp().amax(1)
    if estimate == "mean":  # J is linear in the slopes
        return spectral_norms(slope.mean(1), weights, iterations=5 * _ITERATIONS).amax(1)
    return torch.stack([_log_mean(_jacobians_of_run(slope[r], weights, r)) for r in range(len(slope))]).to(slope)


def _jacobians_of_run(slope: Tensor, weights: Weights, run: int) -> Tensor:
    """Return J (T, S, M, M) of one run at slopes (T, S, H), in double precision on the CPU."""
    one = Weights(*(None if values is None else values[run : run + 1].cpu().double() for values in weights.all()))  # type: ignore[arg-type]
    matrices = jacobians(slope.cpu().double().flatten(0, 1)[None], one)
    return split_rows(matrices, (slope.shape[0], slope.shape[1]))[0]


def _log_mean(matrices: Tensor) -> Tensor:
    """Return the largest spectral norm () of exp(mean over time of log J) for J (T, S, M, M), by eigenvalues; zero eigenvalues count as tiny."""
    values, vectors = torch.linalg.eig(matrices)
    logs = torch.log(torch.where(values.abs() < _TINY, torch.full_like(values, _TINY), values))
    means = (vectors * logs[..., None, :] @ torch.linalg.inv_ex(vectors).inverse).mean(0)
    if not bool(torch.isfinite(means).all()):  # some Jacobian has no basis of eigenvectors
        return torch.tensor(math.nan, dtype=torch.float64)
    norm: Tensor = torch.linalg.matrix_norm(torch.linalg.matrix_exp(means), 2).amax()
    return norm
