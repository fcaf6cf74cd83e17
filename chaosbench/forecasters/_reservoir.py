"""A random recurrent network with leaky units: the part of an echo state network that is drawn, not trained."""

from contextlib import suppress

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._products import columnwise

_DENSE_LIMIT = 1000  # units up to which all eigenvalues are computed; above, Arnoldi iteration finds the largest


class Reservoir:
    """h' = (1 - leak) h + leak tanh(W h + V u + b) for N units and D inputs.

    network: [W, V] as one sparse matrix (N, N + D), applied to the stacked state [h; u]; bias (N,); leak in (0, 1].
    """

    def __init__(self, network: scipy.sparse.csr_array, bias: np.ndarray, leak: float) -> None:
        self.network = network
        self.bias = bias
        self.leak = leak
        self.units = network.shape[0]

    def advance(self, states: np.ndarray) -> np.ndarray:
        """Return the next unit states (N, W) of stacked `states` (N + D, W); columns are independent, bit for bit."""
        driven = np.tanh(columnwise(self.network, states) + self.bias[:, None])
        following: np.ndarray = (1.0 - self.leak) * states[: self.units] + self.leak * driven
        return following

    def advance_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next unit state (N,) of `state` (N + D,) and the derivatives (K, N) along `tangents` (K, N + D)."""
        driven = np.tanh(columnwise(self.network, state[:, None])[:, 0] + self.bias)
        following = (1.0 - self.leak) * state[: self.units] + self.leak * driven
        slope = (self.network @ tangents.T).T * (1.0 - driven**2)
        return following, (1.0 - self.leak) * tangents[:, : self.units] + self.leak * slope


def draw_reservoir(
    random: np.random.Generator, *, units: int, inputs: int, degree: float, spectral_radius: float, input_scale: float, bias: float, leak: float
) -> Reservoir:
    """Return a reservoir drawn from `random`.

    W: each entry present with probability degree / units, normal, then scaled so that its largest eigenvalue modulus is exactly
    `spectral_radius`. V: dense, uniform in [-input_scale, input_scale]. b: uniform in [-bias, bias].
    """
    present = random.random((units, units)) < degree / units
    recurrent = np.where(present, random.standard_normal((units, units)), 0.0)
    radius = largest_modulus(recurrent, random)
    if spectral_radius > 0.0 and radius < 1e-6:
        raise ForecasterError(f"degree = {degree:g}: the drawn network of {units} units has no cycle and cannot be scaled; raise degree or units")
    scaled = recurrent * (spectral_radius / radius) if spectral_radius > 0.0 else np.zeros_like(recurrent)
    feeding = random.uniform(-input_scale, input_scale, (units, inputs))
    network = scipy.sparse.csr_array(np.concatenate([scaled, feeding], axis=1))
    return Reservoir(network, random.uniform(-bias, bias, units), leak)


def largest_modulus(matrix: np.ndarray, random: np.random.Generator) -> float:
    """Return the largest eigenvalue modulus of a square `matrix`: all eigenvalues up to 1000 rows, Arnoldi iteration to 1e-10 above.

    `random` gives the start vector of the iteration; where that does not converge, all eigenvalues are computed after all.
    """
    if len(matrix) > _DENSE_LIMIT:
        start = random.standard_normal(len(matrix))
        sparse = scipy.sparse.csr_array(matrix)
        with suppress(scipy.sparse.linalg.ArpackNoConvergence):
            leading = scipy.sparse.linalg.eigs(sparse, k=6, which="LM", v0=start, tol=1e-10, ncv=60, maxiter=2000, return_eigenvectors=False)
            return float(np.abs(leading).max())
    return float(np.abs(np.linalg.eigvals(matrix)).max())
