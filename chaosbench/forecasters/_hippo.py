"""Matrices of online memory (HiPPO), and the modes that state-space layers start from.

A pair (A, B) of x' = A x + B u projects the past of u on polynomials or waves. Layers hold such a system by its modes: one of each conjugate pair,
z' = Lambda z + b u, y = 2 Re(c z). Where a rank-one term stays, it is z' = Lambda z - 2 p Re(p^H z) + b u.

Source: A. Gu, T. Dao, S. Ermon, A. Rudra, C. Re, "HiPPO", arXiv:2008.07669 (LegS, LegT); A. Gu, K. Goel, C. Re, arXiv:2111.00396 (normal plus low
rank); A. Gu, I. Johnson, A. Timalsina, A. Rudra, C. Re, arXiv:2206.12037 (FouT); A. Gu, A. Gupta, K. Goel, C. Re, arXiv:2206.11893 (the diagonal
starts); A. Yu, A. Nigmetov, D. Morozov, M. W. Mahoney, N. B. Erichson, arXiv:2310.01698 (perturbed then diagonalised).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_PERTURBATION = 0.1  # spectral norm of what is added before diagonalising
_SLOWEST = 1e-3  # decay of modes that do not decay by themselves


@dataclass(frozen=True)
class Start:
    """Modes at the start: A = -decay + i frequency, input b, rank-one term p, each (N,); p is 0 where the system is diagonal."""

    decay: np.ndarray
    frequency: np.ndarray
    b: np.ndarray
    p: np.ndarray


def legs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return A (N, N) and B (N,) of scaled Legendre memory: A_nk = -sqrt((2n+1)(2k+1)) below the diagonal, -(n+1) on it; B_n = sqrt(2n+1)."""
    root = np.sqrt(2.0 * np.arange(size) + 1.0)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(size) + 1.0), root


def legt(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return A (N, N) and B (N,) of Legendre memory of a window of length 1: A_nk = -sqrt((2n+1)(2k+1)), times (-1)^(n-k) above the diagonal."""
    n = np.arange(size)
    root = np.sqrt(2.0 * n + 1.0)
    sign = np.where(n[:, None] >= n, 1.0, (-1.0) ** (n[:, None] - n))
    return -np.outer(root, root) * sign, root


def fout(pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return A (2 pairs - 1, same) and B of Fourier memory of a window of length 2: turns by pi k minus B B^T, B = (1, sqrt2, 0, sqrt2, 0, ...).

    The sine of frequency 0 is left out: nothing drives it, and its eigenvalue is 0.
    """
    size = 2 * pairs - 1
    B = np.zeros(size)
    B[0], B[1::2] = 1.0, np.sqrt(2.0)
    turns = np.zeros((size, size))
    for k in range(1, pairs):
        turns[2 * k - 1, 2 * k], turns[2 * k, 2 * k - 1] = -np.pi * k, np.pi * k
    return turns - np.outer(B, B), B


def legs_normal(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequencies w (N/2,), eigenvectors V (N, N/2) and P (N,) with A + P P^T = -1/2 + V i w V^H + conjugate, A that of `legs`, N even."""
    A, _ = legs(size)
    P = np.sqrt(np.arange(size) + 0.5)
    values, vectors = np.linalg.eigh(-1j * (A + np.outer(P, P) + 0.5 * np.eye(size)))
    upper = values > 0.0
    return values[upper], vectors[:, upper], P


def legs_start(modes: int) -> Start:
    """Return LegS of size 2 `modes` as a normal matrix minus a rank-one term, in its eigenbasis."""
    size = 2 * modes
    frequency, vectors, P = legs_normal(size)
    return Start(np.full(modes, 0.5), frequency, vectors.conj().T @ legs(size)[1], vectors.conj().T @ P)


def fout_start(modes: int) -> Start:
    """Return FouT with `modes` frequencies from 0 as a normal matrix minus a rank-one term; its modes get a decay of 1e-3."""
    b = np.full(modes, np.sqrt(2.0), dtype=complex)
    b[0] = 1.0
    return Start(np.full(modes, _SLOWEST), np.pi * np.arange(modes), b, b / np.sqrt(2.0))


def perturbed_legs(size: int, norm: float, random: np.random.Generator) -> np.ndarray:
    """Return A + E (N, N), A that of `legs`, E Gaussian scaled to the spectral norm `norm`: eigenvectors that can be inverted."""
    noise = random.normal(size=(size, size))
    disturbed: np.ndarray = legs(size)[0] + noise * (norm / np.linalg.norm(noise, 2))
    return disturbed


def _diagonal(decay: np.ndarray, frequency: np.ndarray, b: np.ndarray | None = None) -> Start:
    ones = np.ones(len(decay), dtype=complex)
    return Start(decay, frequency, ones if b is None else b, 0.0 * ones)


def _linear(modes: int, random: np.random.Generator) -> Start:
    return _diagonal(np.full(modes, 0.5), np.pi * np.arange(modes))


def _inverse(modes: int, random: np.random.Generator) -> Start:
    size = 2 * modes
    return _diagonal(np.full(modes, 0.5), size / np.pi * (size / (2.0 * np.arange(modes) + 1.0) - 1.0))


def _legs_diagonal(modes: int, random: np.random.Generator) -> Start:
    start = legs_start(modes)
    return _diagonal(start.decay, start.frequency, start.b)


def _real(modes: int, random: np.random.Generator) -> Start:
    return _diagonal(np.arange(modes) + 1.0, np.zeros(modes))


def _perturbed(modes: int, random: np.random.Generator) -> Start:
    values, vectors = np.linalg.eig(perturbed_legs(2 * modes, _PERTURBATION, random))
    upper = np.lexsort((-values.real, -values.imag))[:modes]  # one of each pair, then the slower half of those that are real
    b = np.linalg.solve(vectors, legs(2 * modes)[1].astype(complex))[upper]
    return _diagonal(-values.real[upper], values.imag[upper], b)


DIAGONAL: Mapping[str, Callable[[int, np.random.Generator], Start]] = {
    "lin": _linear,
    "inv": _inverse,
    "legs": _legs_diagonal,
    "real": _real,
    "ptd": _perturbed,
}


def ring(modes: int, low: float, high: float, most: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return moduli (N,), uniform by area between the circles `low` and `high`, and phases (N,), uniform in [0, `most`]."""
    return np.sqrt(random.uniform(low**2, high**2, modes)), random.uniform(0.0, most, modes)
