"""A random recurrent network with leaky units: the part of an echo state network that is drawn, not trained."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._products import columnwise

_DENSE_LIMIT = 1000  # units up to which all eigenvalues are computed; above, Arnoldi iteration finds the largest


class Reservoir:
    """h' = (1 - leak) h + leak tanh(W h + V u + b) for N units and n inputs.

    network: [W, V] as one sparse matrix (N, N + n), applied to the stacked state [h; u]; bias (N,); leak in (0, 1], one number or (N, 1).
    """

    def __init__(self, network: scipy.sparse.csr_array, bias: np.ndarray, leak: float | np.ndarray) -> None:
        self.network = network
        self.bias = bias
        self.leak = leak
        self.units = network.shape[0]

    def advance(self, states: np.ndarray) -> np.ndarray:
        """Return the next unit states (N, C) of stacked `states` (N + n, C); columns are independent, bit for bit."""
        driven = np.tanh(columnwise(self.network, states) + self.bias[:, None])
        following: np.ndarray = (1.0 - self.leak) * states[: self.units] + self.leak * driven
        return following

    def advance_tangents(self, states: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next unit states (N, C) of `states` (N + n, C) and the derivatives (N, K, C) along `tangents` (N + n, K, C)."""
        driven = np.tanh(columnwise(self.network, states) + self.bias[:, None])
        following = (1.0 - self.leak) * states[: self.units] + self.leak * driven
        _, K, C = tangents.shape
        slope = (self.network @ tangents.reshape(len(states), K * C)).reshape(self.units, K, C) * (1.0 - driven**2)[:, None]
        leak = np.asarray(self.leak).reshape(-1, 1, 1)
        return following, (1.0 - leak) * tangents[: self.units] + leak * slope


def stacked(reservoirs: Sequence[Reservoir]) -> Reservoir:
    """Return `reservoirs` side by side as one: units of all, then inputs of all. Each keeps its bits: rows of a sparse product are summed alone."""
    if len(reservoirs) == 1:
        return reservoirs[0]
    recurrent = scipy.sparse.block_diag([one.network[:, : one.units] for one in reservoirs])
    feeding = scipy.sparse.block_diag([one.network[:, one.units :] for one in reservoirs])
    network = scipy.sparse.csr_array(scipy.sparse.hstack([recurrent, feeding]))
    network.sort_indices()
    leak = np.concatenate([np.broadcast_to(one.leak, (one.units, 1)) for one in reservoirs])
    return Reservoir(network, np.concatenate([one.bias for one in reservoirs]), leak)


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
