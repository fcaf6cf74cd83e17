"""A torch closed loop as a feedback map with a tangent: NumPy float64 outside, torch inside."""

import numpy as np
import torch

from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._torch_loop import TorchLoop, advance, one_thread


class TorchMap(FeedbackMap):
    """The map of a closed loop, for one window (state and tangents) or for many at once (`roll`); both are the same arithmetic."""

    def __init__(self, loop: TorchLoop, dt: float) -> None:
        self._loop = loop
        self.dt = dt
        self.dimension = loop.dimension
        self.observed = loop.observed
        self.span = loop.span
        self.settling = loop.settling
        self.listens = loop.listens

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the continuation (W, H, D) of `context` (W, C, D)."""
        with torch.inference_mode(), one_thread():
            rows = self._tensor(context)
            batches = [rows] if self._loop.rowwise else [rows[n : n + 1] for n in range(len(rows))]
            return np.concatenate([_to_numpy(advance(self._loop, self._loop.start(batch), horizon)[1]) for batch in batches])

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (S,) after reading `context` (C, D)."""
        with torch.inference_mode(), one_thread():
            return _to_numpy(self._loop.start(self._tensor(context)[None])[0])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (S,) and the carried tangents (K, S)."""
        with torch.inference_mode(), one_thread():
            after, carried = self._loop.step_tangents(self._tensor(state)[None], self._tensor(tangents))
            return _to_numpy(after[0]), _to_numpy(carried)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the predicted observation (D,) of `state` (S,)."""
        with torch.inference_mode():
            return _to_numpy(self._loop.observe(self._tensor(state)[None])[0])

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float64, device=self._loop.device)


def _to_numpy(values: torch.Tensor) -> np.ndarray:
    array: np.ndarray = values.cpu().numpy()
    return array
