"""The closed loop of a reservoir with a linear readout."""

import numpy as np

from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._products import rowwise
from chaosbench.forecasters._reservoir import Reservoir


class EchoStateMap(FeedbackMap):
    """h_t = F(h_{t-1}, u_t), u_{t+1} = constant + weights' h_t, on the state (h_{t-1}, u_t) of N + D numbers; observe returns u."""

    def __init__(self, reservoir: Reservoir, constant: np.ndarray, weights: np.ndarray, *, dt: float, settling: int) -> None:
        self.dt = dt
        self.observed = len(constant)
        self.span = 1
        self.settling = settling
        self.dimension = reservoir.units + self.observed
        self._reservoir = reservoir
        self._constant = constant
        self._weights = weights

    def _listen(self, context: np.ndarray) -> np.ndarray:
        """Return the states (N + D, W) after `context` (W, C, D), from units at rest: the last sample is held, not yet read."""
        inputs = np.ascontiguousarray(context.transpose(1, 2, 0))
        units = np.zeros((self._reservoir.units, len(context)))
        for sample in inputs[:-1]:
            units = self._reservoir.advance(np.concatenate([units, sample]))
        return np.concatenate([units, inputs[-1]])

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the closed-loop continuation (W, H, D) of `context` (W, C, D), all windows at once."""
        values = np.empty((horizon, len(context), self.observed))
        with np.errstate(all="ignore"):
            states = self._listen(context)
            for lead in range(horizon):
                units = self._reservoir.advance(states)
                values[lead] = self._constant + rowwise(units.T, self._weights)
                states = np.concatenate([units, values[lead].T])
        return np.ascontiguousarray(values.swapaxes(0, 1))

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (N + D,) after `context` (C, D)."""
        return self._listen(np.asarray(context, dtype=np.float64)[None])[:, 0]

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (N + D,) and the carried tangents (K, N + D)."""
        with np.errstate(all="ignore"):
            units, slope = self._reservoir.advance_tangents(state, tangents)
            following = self._constant + rowwise(units[None], self._weights)[0]
            return np.concatenate([units, following]), np.concatenate([slope, slope @ self._weights], axis=1)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the observation (D,) held in `state`."""
        return np.array(state[self._reservoir.units :])
