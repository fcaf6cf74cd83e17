"""Lorenz-63 as scipy integrates it: training series, test windows and the valid prediction time, independent of the package's own engine."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

DT = 0.02
LARGEST_EXPONENT = 0.9056  # Sprott 2003


def lorenz_rate(_: float, state: np.ndarray) -> np.ndarray:
    x, y, z = state.reshape(3, -1)
    return np.concatenate([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def lorenz_trajectories(n: int, samples: int, seed: int) -> np.ndarray:
    """Return (n, samples, 3) at dt = 0.02 from different starts, 30 time units after each; tolerance 1e-11."""
    start = np.random.default_rng(seed).normal(0.0, 5.0, (3, n)) + np.array([[0.0], [0.0], [25.0]])
    settled = solve_ivp(lorenz_rate, (0.0, 30.0), start.ravel(), method="DOP853", rtol=1e-8, atol=1e-8).y[:, -1]
    times = np.arange(samples) * DT
    solution = solve_ivp(lorenz_rate, (0.0, times[-1]), settled, method="DOP853", rtol=1e-11, atol=1e-11, t_eval=times)
    return np.ascontiguousarray(solution.y.reshape(3, n, samples).transpose(1, 2, 0))


@pytest.fixture(scope="session")
def lorenz_series() -> np.ndarray:
    """One trajectory (1000, 3), raw units."""
    return lorenz_trajectories(1, 1000, seed=1)[0]


@pytest.fixture(scope="session")
def lorenz_long_series() -> np.ndarray:
    """One trajectory (10000, 3), raw units."""
    return lorenz_trajectories(1, 10_000, seed=1)[0]


@pytest.fixture(scope="session")
def lorenz_windows() -> np.ndarray:
    """100 windows (100, 100 + 884, 3), raw units: a context of 100 samples, then 884 = 16.01 Lyapunov times of truth."""
    return lorenz_trajectories(100, 984, seed=2)


@pytest.fixture(scope="session")
def prediction_times(lorenz_windows: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The valid prediction time of forecasts (W, 884, 3) given their scale (3,): first lead with normalised error above 0.4, in Lyapunov times."""
    deviation = lorenz_windows.reshape(-1, 3).std(axis=0)

    def times(error: np.ndarray, scale: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            normalised = np.sqrt(np.mean((error * scale / deviation) ** 2, axis=2))
        late = ~(normalised <= 0.4)
        first = np.where(late.any(axis=1), late.argmax(axis=1), late.shape[1])
        leads: np.ndarray = first * DT * LARGEST_EXPONENT
        return leads

    return times
