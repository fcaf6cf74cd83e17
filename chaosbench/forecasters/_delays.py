"""Delay windows: which past samples a model reads at each step, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DelayWindow:
    """The samples x_t, x_{t-s}, ..., x_{t-(k-1)s} of D components, newest first: k = delays, s = stride."""

    delays: int
    stride: int
    dimension: int

    @property
    def span(self) -> int:
        """Consecutive samples that one window covers: (k - 1) s + 1."""
        return (self.delays - 1) * self.stride + 1

    @property
    def size(self) -> int:
        """Numbers in one window: k D."""
        return self.delays * self.dimension

    def read(self, samples: np.ndarray, newest: int) -> np.ndarray:
        """Return the windows (W, k D) of `samples` (time, W, D) whose newest sample is number `newest`."""
        return np.concatenate([samples[newest - j * self.stride] for j in range(self.delays)], axis=1)

    def embed(self, states: np.ndarray) -> np.ndarray:
        """Return all windows (T - span + 1, k D) of one trajectory (T, D); row i has its newest sample at i + span - 1."""
        count = len(states) - self.span + 1
        newest = self.span - 1
        return np.concatenate([states[newest - j * self.stride : newest - j * self.stride + count] for j in range(self.delays)], axis=1)

    def pairs(self, trajectories: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return (windows (N, k D), the sample that follows each (N, D)) over trajectories of at least span + 1 samples."""
        windows = np.concatenate([self.embed(states[:-1]) for states in trajectories])
        following = np.concatenate([states[self.span :] for states in trajectories])
        return windows, following
