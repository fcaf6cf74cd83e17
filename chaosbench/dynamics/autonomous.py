"""An autonomous map with a tangent: what a trained model becomes so that its Lyapunov exponents can be computed like a system's."""

from abc import ABC, abstractmethod

import numpy as np


class AutonomousMap(ABC):
    """A closed-loop model as a map of an internal state of size S; NumPy float64 outside, whatever runs inside.

    dt: time that one step stands for. dimension: S.
    """

    dt: float
    dimension: int

    @abstractmethod
    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the internal state (S,) after reading `context` (C, D)."""

    @abstractmethod
    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (S,) and the tangent vectors `tangents` (K, S) carried along by the map's derivative."""

    @abstractmethod
    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the predicted observation (D,) of `state`."""
