"""The closed loop of a reservoir with a linear readout, over the whole state or patch by patch."""

from dataclasses import dataclass

import numpy as np

from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._patches import Patches
from chaosbench.forecasters._reservoir import Reservoir


@dataclass(frozen=True)
class Readout:
    """prediction = constant + weights' [h, and with `squares` the squares of every second h]; with `increments`, of what is added to the last sample.

    constant (R, 1, m), weights (R, F, m): R = 1 when all patches share one readout, else one each.
    """

    constant: np.ndarray
    weights: np.ndarray
    squares: bool
    increments: bool


class ReservoirMap(FeedbackMap):
    """h_t = F(h_{t-1}, u_t) in each of G patches, u_{t+1} from their h_t, on the state (h_{t-1} of all patches, u_t) of G N + D numbers."""

    def __init__(self, reservoir: Reservoir, patches: Patches, readout: Readout, *, dt: float, settling: int) -> None:
        self.dt = dt
        self.observed = patches.dimension
        self.span = 1
        self.settling = settling
        self.dimension = reservoir.units * patches.count + self.observed
        self._reservoir = reservoir
        self._patches = patches
        self._readout = readout

    def _listen(self, context: np.ndarray) -> np.ndarray:
        """Return the unit states (N, W * G) after all but the last sample of `context` (W, C, D), from units at rest."""
        units = np.zeros((self._reservoir.units, len(context) * self._patches.count))
        for t in range(context.shape[1] - 1):
            units = self._step(units, context[:, t])
        return units

    def _step(self, units: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._reservoir.advance(np.concatenate([units, self._patches.gather(samples)]))

    def _read(self, units: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return the samples (W, D) that follow `samples` (W, D), given the unit states (N, W * G) that have seen them."""
        rows = features(units, self._readout.squares).reshape(len(samples), self._patches.count, 1, -1)
        # a stack of products of one row each: no window can change the bits of another
        parts = (self._readout.constant + np.matmul(rows, self._readout.weights))[:, :, 0]
        following = self._patches.join(parts)
        return samples + following if self._readout.increments else following

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the closed-loop continuation (W, H, D) of `context` (W, C, D), all windows at once."""
        values = np.empty((horizon, len(context), self.observed))
        with np.errstate(all="ignore"):
            units, samples = self._listen(context), context[:, -1]
            for lead in range(horizon):
                units = self._step(units, samples)
                values[lead] = samples = self._read(units, samples)
        return np.ascontiguousarray(values.swapaxes(0, 1))

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (G N + D,) after `context` (C, D)."""
        given = np.asarray(context, dtype=np.float64)
        return np.concatenate([self._listen(given[None]).T.ravel(), given[-1]])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (G N + D,) and the carried tangents (K, G N + D)."""
        G, N, K = self._patches.count, self._reservoir.units, len(tangents)
        sample = state[None, G * N :]
        with np.errstate(all="ignore"):
            before = np.concatenate([state[: G * N].reshape(G, N).T, self._patches.gather(sample)])
            along = np.concatenate([tangents[:, : G * N].reshape(K * G, N).T, self._patches.gather(tangents[:, G * N :])])
            units, slopes = self._reservoir.advance_tangents(before, along.reshape(len(before), K, G))
            following = self._read(units, sample)[0]
            rows = feature_tangents(units, slopes, self._readout.squares)  # (G, K, F)
            carried = self._patches.join(np.matmul(rows, self._readout.weights).swapaxes(0, 1))
            if self._readout.increments:
                carried = carried + tangents[:, G * N :]
        after = np.concatenate([units.T.ravel(), following])
        return after, np.concatenate([slopes.transpose(1, 2, 0).reshape(K, G * N), carried], axis=1)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the observation (D,) held in `state`."""
        return np.array(state[-self.observed :])


def features(units: np.ndarray, squares: bool) -> np.ndarray:
    """Return the rows (C, F) that a readout sees of unit states (N, C): h, and with `squares` the square of every second entry."""
    rows = np.ascontiguousarray(units.T)
    return np.concatenate([rows, rows[:, 1::2] ** 2], axis=1) if squares else rows


def feature_tangents(units: np.ndarray, slopes: np.ndarray, squares: bool) -> np.ndarray:
    """Return the derivatives (G, K, F) of the features of `units` (N, G) along `slopes` (N, K, G)."""
    rows = slopes.transpose(2, 1, 0)
    return np.concatenate([rows, 2.0 * units.T[:, None, 1::2] * rows[:, :, 1::2]], axis=2) if squares else rows
