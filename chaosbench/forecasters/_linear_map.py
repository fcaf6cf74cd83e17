"""The purely linear closed loop on a dictionary of observables: lift once, then multiply by one matrix for ever."""

import numpy as np

from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._products import rowwise
from chaosbench.forecasters._window_map import FeatureMap


class LiftedLinearMap(FeedbackMap):
    """psi_{t+1} = matrix' psi_t from psi_0 = features(window); feature 0 is the constant and 1 ... D are the newest sample.

    State: psi, S = F numbers; observe returns its coordinates 1 ... D. matrix: (F, F).
    """

    def __init__(self, *, dt: float, window: DelayWindow, features: FeatureMap, matrix: np.ndarray) -> None:
        self.dt = dt
        self.window = window
        self.features = features
        self.matrix = matrix
        self.dimension = features.size
        self.observed = window.dimension
        self.span = window.span
        self.settling = window.span

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the linear continuation (W, H, D) of `context` (W, C >= span, D)."""
        values = np.empty((horizon, len(context), self.window.dimension))
        with np.errstate(all="ignore"):
            lifted = self._lift(context)
            for lead in range(horizon):
                lifted = rowwise(lifted, self.matrix)
                values[lead] = lifted[:, 1 : 1 + self.window.dimension]
        return np.ascontiguousarray(values.swapaxes(0, 1))

    def _lift(self, context: np.ndarray) -> np.ndarray:
        samples = context[:, -self.window.span :].swapaxes(0, 1)
        return self.features.value(self.window.read(samples, self.window.span - 1))

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (F,) of `context` (C >= span, D)."""
        lifted: np.ndarray = self._lift(np.asarray(context, dtype=np.float64)[None])[0]
        return lifted

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (F,) and the carried tangents (K, F): the same matrix moves both."""
        return rowwise(state[None], self.matrix)[0], tangents @ self.matrix

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the coordinates (D,) held in `state`."""
        return np.array(state[1 : 1 + self.window.dimension])
