"""The weights of exponential time stepping by plain sums and products, so that their bits are the same on every machine."""

import numpy as np

from chaosbench.integrators._call import driver

_TERMS = 16  # of the series of the last function at half a unit: 3!/19! 2**-16 is 1e-21


@driver
def _product(a: np.ndarray, b: np.ndarray, j: int, k: int, out: np.ndarray, n: int) -> None:
    """Put the product of the matrices a[j] and b[k] into out (F, F, 2); the last axis holds real and imaginary part."""
    for row in range(n):
        for column in range(n):
            re, im = 0.0, 0.0
            for i in range(n):
                re += a[j, row, i, 0] * b[k, i, column, 0] - a[j, row, i, 1] * b[k, i, column, 1]
                im += a[j, row, i, 0] * b[k, i, column, 1] + a[j, row, i, 1] * b[k, i, column, 0]
            out[row, column, 0] = re
            out[row, column, 1] = im


@driver
def _set(phi: np.ndarray, k: int, part: np.ndarray, factor: float, unit: float, n: int) -> None:
    """Let phi[k] = factor part + unit times the identity."""
    for row in range(n):
        for column in range(n):
            phi[k, row, column, 0] = factor * part[row, column, 0] + (unit if row == column else 0.0)
            phi[k, row, column, 1] = factor * part[row, column, 1]


@driver
def _doubled(phi: np.ndarray, spare: np.ndarray, n: int) -> None:
    """Take phi (4, F, F, 2) from z to 2 z: phi_k(2z) = (phi_0 phi_k + sum_{j=1..k} phi_j / (k - j)!) / 2**k."""
    for k in range(3, -1, -1):
        _product(phi, phi, 0, k, spare, n)
        for j in range(1, k + 1):
            share = 0.5 if k - j == 2 else 1.0
            for row in range(n):
                for column in range(n):
                    for part in range(2):
                        spare[row, column, part] += share * phi[j, row, column, part]
        _set(phi, k, spare, 1.0 / (1 << k), 0.0, n)


@driver
def _size(linear: np.ndarray, mode: int, n: int) -> float:
    """Return a bound of a matrix: its largest row sum."""
    size = 0.0
    for i in range(n):
        row = 0.0
        for j in range(n):
            row += abs(linear[mode, i, j, 0]) + abs(linear[mode, i, j, 1])
        size = max(size, row)
    return size


@driver
def _series(z: np.ndarray, phi: np.ndarray, spare: np.ndarray, n: int) -> None:
    """Fill phi (4, F, F, 2) at a small z (1, F, F, 2)."""
    for row in range(n):
        for column in range(n):
            spare[row, column, 0] = 0.0
            spare[row, column, 1] = 0.0
    _set(phi, 3, spare, 0.0, 1.0, n)
    for j in range(_TERMS, 0, -1):
        _product(z, phi, 0, 3, spare, n)
        _set(phi, 3, spare, 1.0 / (j + 3.0), 1.0, n)
    for row in range(n):
        for column in range(n):
            for part in range(2):
                phi[3, row, column, part] *= 1.0 / 6.0
    for k in range(2, -1, -1):
        _product(z, phi, 0, k + 1, spare, n)
        _set(phi, k, spare, 1.0, 0.5 if k == 2 else 1.0, n)


@driver
def exponential_weights(linear: np.ndarray, h: float, out: np.ndarray) -> None:
    """Fill out (6, modes, F, F, 2) with the weights of ETDRK4 for linear (modes, F, F, 2).

    In order: phi_0(hL), phi_0(hL/2), h/2 phi_1(hL/2); at hL: h (phi_1 - 3 phi_2 + 4 phi_3), 2 h (phi_2 - 2 phi_3), h (4 phi_3 - phi_2).

    Method: phi_3 at hL 2**-s, at most half a unit long, by its series, phi_k = z phi_{k+1} + 1/k! for the others, then s doublings. There is no
    division, so that nothing cancels near 0, and matrices go the same way. Error: a few units in the last place times 1 + |hL| of oscillating modes.
    """
    n = linear.shape[1]
    z, phi, spare = np.zeros((1, n, n, 2)), np.zeros((4, n, n, 2)), np.zeros((n, n, 2))
    for mode in range(linear.shape[0]):
        size = _size(linear, mode, n) * abs(h)
        doublings, scale = 1, 0.5
        while size * scale > 0.5 and doublings < 1000:
            doublings += 1
            scale *= 0.5
        for i in range(n):
            for j in range(n):
                for part in range(2):
                    z[0, i, j, part] = linear[mode, i, j, part] * h * scale
        _series(z, phi, spare, n)
        for s in range(doublings):
            if s == doublings - 1:
                for i in range(n):
                    for j in range(n):
                        for part in range(2):
                            out[1, mode, i, j, part] = phi[0, i, j, part]
                            out[2, mode, i, j, part] = phi[1, i, j, part] * (0.5 * h)
            _doubled(phi, spare, n)
        for i in range(n):
            for j in range(n):
                for part in range(2):
                    first, second, third = phi[1, i, j, part], phi[2, i, j, part], phi[3, i, j, part]
                    out[0, mode, i, j, part] = phi[0, i, j, part]
                    out[3, mode, i, j, part] = (first - 3.0 * second + 4.0 * third) * h
                    out[4, mode, i, j, part] = (second - 2.0 * third) * (2.0 * h)
                    out[5, mode, i, j, part] = (4.0 * third - second) * h
