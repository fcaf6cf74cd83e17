"""The purely linear closed loop on a dictionary of observables: lift once, then multiply by one matrix for ever."""

import numpy as np

from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._products import rowwise
from chaosbench.forecasters._window_map import FeatureMap


class LiftedLinearMap(FeedbackMap):
    """s_{t+1} = matrix' s_t from s_0 = encode' features(window), and x_t = decode' s_t.

    State: s, S numbers. matrix: (S, S). encode: (F, S), None where s is the features themselves; decode: (S, D), None where entry 0 is the
    constant and entries 1 ... D are the newest sample, as in every dictionary here.
    """

    def __init__(
        self,
        *,
        dt: float,
        window: DelayWindow,
        features: FeatureMap,
        matrix: np.ndarray,
        encode: np.ndarray | None = None,
        decode: np.ndarray | None = None,
    ) -> None:
        self.dt = dt
        self.window = window
        self.features = features
        self.matrix = np.ascontiguousarray(matrix)
        self.encode = None if encode is None else np.ascontiguousarray(encode)
        self.decode = None if decode is None else np.ascontiguousarray(decode)
        self.dimension = len(matrix)
        self.observed = window.dimension
        self.span = window.span
        self.settling = window.span

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the linear continuation (W, H, D) of `context` (W, C >= span, D)."""
        values = np.empty((horizon, len(context), self.window.dimension))
        with np.errstate(all="ignore"):
            state = self._lift(context)
            for lead in range(horizon):
                state = rowwise(state, self.matrix)
                values[lead] = self._read(state)
        return np.ascontiguousarray(values.swapaxes(0, 1))

    def _lift(self, context: np.ndarray) -> np.ndarray:
        samples = context[:, -self.window.span :].swapaxes(0, 1)
        lifted = self.features.value(self.window.read(samples, self.window.span - 1))
        return lifted if self.encode is None else rowwise(lifted, self.encode)

    def _read(self, states: np.ndarray) -> np.ndarray:
        return states[:, 1 : 1 + self.window.dimension] if self.decode is None else rowwise(states, self.decode)

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (S,) of `context` (C >= span, D)."""
        lifted: np.ndarray = self._lift(np.asarray(context, dtype=np.float64)[None])[0]
        return lifted

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (S,) and the carried tangents (K, S): the same matrix moves both."""
        return rowwise(state[None], self.matrix)[0], tangents @ self.matrix

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the sample (D,) that `state` stands for."""
        return np.array(self._read(state[None])[0])
