"""The closed loop of every model that reads a delay window: next sample = weights' * features(window), fed back."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._least_squares import LeastSquares
from chaosbench.forecasters._products import rowwise

_CHUNK = 4096  # windows lifted at a time while fitting


class FeatureMap(Protocol):
    """A differentiable map from a window to features; rows are independent of each other, bit for bit."""

    size: int

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return the features (W, F) of `points` (W, m)."""
        ...

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the derivatives (K, F) of the features at `point` (m,) along `directions` (K, m)."""
        ...


class WindowMap(FeedbackMap):
    """x_{t+1} = a x_t + weights' features(window_t), with a = 1 when the weights predict increments and 0 otherwise.

    State: the last `span` samples, oldest first, flattened: S = span D; observe returns the newest, so that observing the state after n
    steps from `start(context)` gives lead n of the forecast.
    """

    def __init__(self, *, dt: float, window: DelayWindow, features: FeatureMap, weights: np.ndarray, increment: bool) -> None:
        self.dt = dt
        self.window = window
        self.features = features
        self.weights = weights
        self.increment = increment
        self.observed = window.dimension
        self.span = window.span
        self.settling = window.span
        self.dimension = window.span * window.dimension

    def advance(self, windows: np.ndarray) -> np.ndarray:
        """Return the samples (W, D) that follow `windows` (W, k D)."""
        following = rowwise(self.features.value(windows), self.weights)
        return windows[:, : self.window.dimension] + following if self.increment else following

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the closed-loop continuation (W, H, D) of `context` (W, C >= span, D); overflow runs on as infinities."""
        span = self.window.span
        samples = np.empty((span + horizon, len(context), self.window.dimension))
        samples[:span] = context[:, -span:].swapaxes(0, 1)
        with np.errstate(all="ignore"):
            for lead in range(span, span + horizon):
                samples[lead] = self.advance(self.window.read(samples, lead - 1))
        return np.ascontiguousarray(samples[span:].swapaxes(0, 1))

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the state (S,) of `context` (C >= span, D)."""
        return np.array(context[-self.window.span :], dtype=np.float64).ravel()

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (S,) and the carried tangents (K, S)."""
        D = self.window.dimension
        samples = state.reshape(self.window.span, 1, D)
        directions = tangents.reshape(len(tangents), self.window.span, D).swapaxes(0, 1)
        newest = self.window.span - 1
        with np.errstate(all="ignore"):
            point, along = self.window.read(samples, newest), self.window.read(directions, newest)
            following = self.advance(point)[0]
            slope = self.features.tangent(point[0], along) @ self.weights
            if self.increment:
                slope = slope + directions[newest]
        return np.concatenate([state[D:], following]), np.concatenate([tangents[:, D:], slope], axis=1)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the newest sample (D,) of the state."""
        return np.array(state[-self.window.dimension :])


def ridge_family(
    window: DelayWindow, features: FeatureMap, series: Sequence[np.ndarray], dt: float, *, increment: bool
) -> Callable[[float], WindowMap]:
    """Return the function that gives the map fitted to `series` (each (T, D)) with a ridge; the features are triangularised once, here."""
    problem = LeastSquares(features.size, window.dimension)
    windows, following = window.pairs(series)
    for first in range(0, len(windows), _CHUNK):
        block = windows[first : first + _CHUNK]
        target = following[first : first + _CHUNK]
        problem.add(features.value(block), target - block[:, : window.dimension] if increment else target)

    def fitted_with(ridge: float) -> WindowMap:
        return WindowMap(dt=dt, window=window, features=features, weights=problem.ridge(ridge), increment=increment)

    return fitted_with
