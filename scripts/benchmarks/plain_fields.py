"""ETDRK4 as a careful user of NumPy writes it: real transforms, one of each field and product, weights made once, one trajectory at a time."""

from collections.abc import Callable

import numpy as np

Nonlinear = Callable[[np.ndarray], np.ndarray]


def weights(linear: np.ndarray, h: float, points: int = 32) -> list[np.ndarray]:
    """Return the six weights for a real diagonal linear part, by means over half a circle.

    Source: A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26, 1214-1233 (2005), doi:10.1137/S1064827502410633.
    """
    z = h * linear[..., None] + np.exp(1j * np.pi * (np.arange(1, points + 1) - 0.5) / points)
    e = np.exp(z)
    parts = [
        (np.exp(0.5 * z) - 1) / z,
        (-4 - z + e * (4 - 3 * z + z**2)) / z**3,
        2 * (2 + z + e * (z - 2)) / z**3,
        (-4 - 3 * z - z**2 + e * (4 - z)) / z**3,
    ]
    return [np.exp(h * linear), np.exp(0.5 * h * linear), *(h * part.mean(axis=-1).real for part in parts)]


def stepped(v: np.ndarray, nonlinear: Nonlinear, tables: list[np.ndarray], steps: int) -> np.ndarray:
    """Return the spectrum after so many steps."""
    whole, half, stage, first, middle, last = tables
    for _ in range(steps):
        n = nonlinear(v)
        start = half * v
        a = start + stage * n
        n_a = nonlinear(a)
        n_b = nonlinear(start + stage * n_a)
        n_c = nonlinear(half * a + stage * (2 * n_b - n))
        v = whole * v + first * n + middle * (n_a + n_b) + last * n_c
    return v


def kuramoto_sivashinsky(length: float, n: int, fft: object = np.fft) -> tuple[np.ndarray, Nonlinear]:
    """Return the symbol and the nonlinear part of u_t = -u u_x - u_xx - u_xxxx, along the last axis."""
    k = 2.0 * np.pi / length * np.arange(n // 2 + 1)
    kept = np.arange(n // 2 + 1) <= (n - 1) // 3
    slope = -0.5j * k * kept

    def nonlinear(v: np.ndarray) -> np.ndarray:
        u = fft.irfft(v, n)
        return slope * fft.rfft(u * u)

    return (k**2 - k**4) * kept, nonlinear


def vorticity(n: int, viscosity: float, fft: object = np.fft) -> tuple[np.ndarray, Nonlinear]:
    """Return the symbol and the nonlinear part of the vorticity equation on a square of side 2 pi, along the last two axes."""
    kx, ky = np.arange(n // 2 + 1)[None].astype(float), np.fft.fftfreq(n, 1.0 / n)[:, None]
    kept = (kx <= (n - 1) // 3) & (np.abs(ky) <= (n - 1) // 3)
    square = kx**2 + ky**2
    inverse = np.where(square > 0, 1.0 / np.where(square > 0, square, 1.0), 0.0)
    to_u, to_v, to_x, to_y = (1j * factor * kept for factor in (ky * inverse, -kx * inverse, kx, ky))

    def nonlinear(w: np.ndarray) -> np.ndarray:
        u, v, w_x, w_y = (fft.irfft2(factor * w, (n, n)) for factor in (to_u, to_v, to_x, to_y))
        return kept * fft.rfft2(-u * w_x - v * w_y)

    return -viscosity * square * kept, nonlinear
