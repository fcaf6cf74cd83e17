"""A torch closed loop as a feedback map with a tangent: NumPy float64 outside, forward-mode differentiation inside."""

import numpy as np
import torch

from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._torch_loop import TorchLoop, advance, one_thread


class TorchMap(FeedbackMap):
    """The map of a closed loop, for one window (states and tangents) or for many at once (`roll`).

    Method: the state is repeated once a tangent vector and `torch.func.jvp` carries all vectors through one batched step, so K tangents cost one
    dual evaluation of K rows and no Jacobian matrix is formed. Because rows are independent, the map and `roll` agree bit for bit.
    """

    def __init__(self, loop: TorchLoop, dt: float) -> None:
        self._loop = loop
        self.dt = dt
        self.dimension = loop.dimension
        self.observed = loop.observed
        self.span = loop.span
        self.settling = loop.settling

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the continuation (W, H, D) of `context` (W, C, D)."""
        with torch.inference_mode(), one_thread():
            state = self._loop.start(self._tensor(context))
            return _to_numpy(advance(self._loop, state, horizon)[1])

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (S,) after reading `context` (C, D)."""
        with torch.inference_mode(), one_thread():
            return _to_numpy(self._loop.start(self._tensor(context)[None])[0])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (S,) and the carried tangents (K, S)."""
        point = self._tensor(state)[None]
        with torch.no_grad(), one_thread():
            if len(tangents) == 0:
                return _to_numpy(self._loop.step(point)[0]), np.empty((0, self.dimension))
            after, carried = torch.func.jvp(self._loop.step, (point.repeat(len(tangents), 1),), (self._tensor(tangents),))
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
