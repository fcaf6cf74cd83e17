"""What the ways of carrying orbits with their tangent columns have in common."""

from abc import ABC, abstractmethod

import numpy as np


class Carrier(ABC):
    """Some orbits with their tangent columns that can be carried on: `advance` once per piece, results as if it were one.

    orbits: how many. worst: the largest local error norm of the last piece where the step is fixed, else 0.
    """

    orbits: int = 1
    worst: float = 0.0

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Evaluations of the equations so far, over all orbits."""

    @property
    @abstractmethod
    def work(self) -> float:
        """Multiplications so far, roughly, over all orbits: the cost without a clock."""

    @property
    def steps(self) -> int:
        """Steps so far, over all orbits, where `advance` counts them; else 0."""
        return 0

    def time_of(self, interval: float) -> float:
        """Return the system time between two orthonormalisations."""
        return interval

    @abstractmethod
    def advance(self, interval: float, per_record: int, every: int, logs: np.ndarray, status: np.ndarray, stop: np.ndarray) -> None:
        """Fill `logs` (orbits, M, K) with the log growth of M more records of `per_record` intervals each; `status` (orbits,) is read and set."""
