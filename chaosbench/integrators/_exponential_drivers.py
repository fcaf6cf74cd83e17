"""The weights of exponential time stepping by plain sums and products, so that their bits are the same on every machine."""

import numpy as np

from chaosbench.integrators._call import driver

_TERMS = 16  # of the series of the last function at half a unit: 3!/19! 2**-16 is 1e-21


@driver
def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Put the matrix product into out (F, F, 2); the last axis holds real and imaginary part."""
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            re, im = 0.0, 0.0
            for k in range(n):
                re += a[i, k, 0] * b[k, j, 0] - a[i, k, 1] * b[k, j, 1]
                im += a[i, k, 0] * b[k, j, 1] + a[i, k, 1] * b[k, j, 0]
            out[i, j, 0], out[i, j, 1] = re, im


@driver
def _set(total: np.ndarray, part: np.ndarray, unit: float) -> None:
    """Let total = part + unit times the identity."""
    total[:, :, :] = part
    for i in range(part.shape[0]):
        total[i, i, 0] += unit


@driver
def _doubled(phi: np.ndarray, spare: np.ndarray) -> None:
    """Take phi (4, F, F, 2) from z to 2 z: phi_k(2z) = (phi_0 phi_k + sum_{j=1..k} phi_j / (k - j)!) / 2**k."""
    factorials = (1.0, 1.0, 2.0)
    for k in range(3, -1, -1):
        _product(phi[0], phi[k], spare)
        if k > 0:
            for j in range(1, k + 1):
                spare += phi[j] * (1.0 / factorials[k - j])
            spare *= 0.5**k
        phi[k, :, :, :] = spare


@driver
def exponential_weights(linear: np.ndarray, h: float, out: np.ndarray) -> None:
    """Fill out (6, modes, F, F, 2) with the weights of ETDRK4 for linear (modes, F, F, 2).

    In order: phi_0(hL), phi_0(hL/2), h/2 phi_1(hL/2), h (phi_1 - 3 phi_2 + 4 phi_3), 2 h (phi_2 - 2 phi_3), h (4 phi_3 - phi_2), the last three at hL.

    Method: phi_3 at hL 2**-s, at most half a unit long, by its series, phi_k = z phi_{k+1} + 1/k! for the others, then s doublings; no division, so
    that there is nothing to cancel near 0, and matrices go the same way. Error: a few units in the last place times 1 + |hL| of oscillating modes.
    """
    n = linear.shape[1]
    z, phi, spare = np.empty((n, n, 2)), np.empty((4, n, n, 2)), np.empty((n, n, 2))
    for mode in range(linear.shape[0]):
        size = 0.0
        for i in range(n):
            row = 0.0
            for j in range(n):
                row += abs(linear[mode, i, j, 0]) + abs(linear[mode, i, j, 1])
            size = max(size, row)
        size *= abs(h)
        doublings = 1
        while size > 0.5 * 2.0**doublings and doublings < 1000:
            doublings += 1
        z[:, :, :] = linear[mode] * (h * 0.5**doublings)
        phi[3, :, :, :] = 0.0
        for j in range(_TERMS, -1, -1):
            _product(z, phi[3], spare)
            spare *= 1.0 / (j + 4.0)
            _set(phi[3], spare, 1.0)
        phi[3] *= 1.0 / 6.0
        for k in range(2, -1, -1):
            _product(z, phi[k + 1], spare)
            _set(phi[k], spare, 0.5 if k == 2 else 1.0)
        for s in range(doublings):
            if s == doublings - 1:
                out[1, mode] = phi[0]
                out[2, mode] = phi[1] * (0.5 * h)
            _doubled(phi, spare)
        out[0, mode] = phi[0]
        out[3, mode] = (phi[1] - 3.0 * phi[2] + 4.0 * phi[3]) * h
        out[4, mode] = (phi[2] - 2.0 * phi[3]) * (2.0 * h)
        out[5, mode] = (4.0 * phi[3] - phi[2]) * h
