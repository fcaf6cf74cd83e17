"""What a time stepper needs of a system of fields at one set of parameters: symbols, inputs, the pointwise tape, outputs, the modes kept."""

from dataclasses import dataclass

import numpy as np

from chaosbench.expressions.tape import Tape


@dataclass(frozen=True, eq=False)
class FieldPlan:
    """A pseudo-spectral right-hand side u_hat' = linear u_hat + N_hat(u_hat) at one set of parameter values.

    K is the shape of the spectrum: that of numpy.fft.rfftn over the grid for real fields, of fftn for complex ones, unscaled forward, 1/n back.

    shape: of the grid, (nx,) or (ny, nx). complex: whether the fields are. n_fields: F.
    linear: (F, F, *K) complex128, the symbol; a diagonal one has zeros for f != g.
    inputs: (field, multiplier (*K)) for each of the M inputs: ifft(multiplier * u_hat[field]), of which real systems take the real part.
    pointwise: tape without axes at ONE grid point. Its variables are the M inputs (complex systems: real and imaginary part of each in turn), then
        the C coefficients; its first outputs are the Q products (complex: re, im of each in turn). Variables or outputs that are missing for
        equal numbers are dummies: they are not read, or are the constant 0. Its parameters are the system's flat parameters.
    n_products: Q.
    coefficients: (C, *shape) float64, functions of x and y on the grid.
    outputs: (field, product, multiplier (*K)): N_hat[field] gains multiplier * fft(product).
    constant: (F, *K) complex128, a source that does not depend on the fields.
    mask: (*K) bool, the modes kept: states and tangents are 0 outside it, as are linear, constant and the multipliers of outputs.
    held: per field its mean where that is held, else None: linear, constant and outputs then leave the mean of that field alone.
    parameters: (P,).
    """

    shape: tuple[int, ...]
    complex: bool
    n_fields: int
    linear: np.ndarray
    inputs: tuple[tuple[int, np.ndarray], ...]
    pointwise: Tape
    n_products: int
    coefficients: np.ndarray
    outputs: tuple[tuple[int, int, np.ndarray], ...]
    constant: np.ndarray
    mask: np.ndarray
    held: tuple[float | None, ...]
    parameters: np.ndarray

    @property
    def spectral_shape(self) -> tuple[int, ...]:
        """The shape K of one spectrum."""
        return self.mask.shape

    @property
    def points(self) -> int:
        """The number of grid points."""
        return int(np.prod(self.shape))

    @property
    def diagonal(self) -> bool:
        """Whether the linear part leaves every field to itself."""
        return all(not self.linear[f, g].any() for f in range(self.n_fields) for g in range(self.n_fields) if f != g)
