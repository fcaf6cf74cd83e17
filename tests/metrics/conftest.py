"""Independent Lorenz-63 trajectories from twelve lines of NumPy, so that the metrics' tests need no other part of the package."""

from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.metrics.base import Scales


def _rates(u: np.ndarray) -> np.ndarray:
    x, y, z = u.T
    return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z], axis=1)


def lorenz_states(n: int, samples: int, *, seed: int = 0, dt: float = 0.01, dropped: int = 2_000) -> np.ndarray:
    """Return (n, samples, 3): classical Runge-Kutta, dt as step and sampling interval, independent starts."""
    u = np.random.default_rng(seed).normal(size=(n, 3)) * 8.0 + [0.0, 0.0, 25.0]
    states = np.empty((n, samples, 3))
    for t in range(-dropped, samples):
        k1 = _rates(u)
        k2 = _rates(u + dt / 2 * k1)
        k3 = _rates(u + dt / 2 * k2)
        u = u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + _rates(u + dt * k3))
        if t >= 0:
            states[:, t] = u
    return states


@pytest.fixture(scope="session")
def lorenz() -> Callable[..., np.ndarray]:
    return lorenz_states


@pytest.fixture(scope="session")
def lorenz_scales() -> Scales:
    """Scales of Lorenz-63 at dt = 0.01: period 0.75, largest exponent 0.9056, standard deviations of a long run."""
    return Scales(0.01, 0.75, 1.0 / 0.9056, np.array([0.9056, 0.0, -14.5723]), np.array([7.92, 9.01, 8.62]))
