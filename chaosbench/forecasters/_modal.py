"""Complex eigenpairs of a real linear map as real blocks: numbers for real eigenvalues, rotations with growth for conjugate pairs."""

import numpy as np


def upper_half(values: np.ndarray) -> np.ndarray:
    """Return the indices of `values` (r,) with imaginary part >= 0: one of each conjugate pair, and all real ones."""
    return np.flatnonzero(values.imag >= 0.0)


def blocks(values: np.ndarray) -> np.ndarray:
    """Return the matrix (S, S) that multiplies the real state of amplitudes (see `amplitudes`) of `values` (k,) by them, from the right.

    A real value takes one entry of the state, a complex one (standing for its pair) two: real and imaginary part of its amplitude.
    """
    sizes = np.where(values.imag > 0.0, 2, 1)
    matrix = np.zeros((sizes.sum(), sizes.sum()))
    for first, size, value in zip(np.cumsum(sizes) - sizes, sizes, values, strict=True):
        matrix[first, first] = value.real
        if size == 2:
            matrix[first : first + 2, first : first + 2] = [[value.real, value.imag], [-value.imag, value.real]]
    return matrix


def amplitudes(values: np.ndarray, functionals: np.ndarray) -> np.ndarray:
    """Return the real matrix (F, S) that reads the state off features, from complex `functionals` (F, k) that read one amplitude each."""
    columns = [part[:, j] for j, value in enumerate(values) for part in _parts(functionals, value)]
    return np.stack(columns, axis=1)


def mode_rows(values: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Return the real matrix (S, D) that turns the state into 2 Re(amplitude mode) for pairs and amplitude * mode for real values; modes (k, D)."""
    rows = []
    for value, mode in zip(values, modes, strict=True):
        rows += [2.0 * mode.real, -2.0 * mode.imag] if value.imag > 0.0 else [mode.real]
    return np.stack(rows)


def _parts(functionals: np.ndarray, value: complex) -> list[np.ndarray]:
    return [functionals.real, functionals.imag] if value.imag > 0.0 else [functionals.real]
