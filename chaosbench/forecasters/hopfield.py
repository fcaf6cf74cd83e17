"""Associative memory as a forecaster: recall the past by how near it is, all of it at once, and move as it moved."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from scipy.spatial import KDTree

from chaosbench.forecasters._border import fitted, positive, too_short, trajectories, within
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._products import rowwise
from chaosbench.forecasters._validation import best, held_out
from chaosbench.forecasters._window_map import WindowMap
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training

_SHARPNESS = tuple(4.0**power for power in range(-3, 4))  # tried for beta, in units of 1 / (median distance between nearest patterns)^2


class _Memory:
    """Softmax of similarity to M stored patterns: p = softmax(-beta |q - pattern|^2 / 2), the update of a modern Hopfield network with biases."""

    def __init__(self, patterns: np.ndarray, beta: float) -> None:
        self.size = len(patterns)
        self.patterns = patterns
        self.beta = beta
        self._columns = np.ascontiguousarray(patterns.T)
        self._half = 0.5 * np.sum(patterns**2, axis=1)

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return the weights (W, M) of the patterns for `points` (W, m); each row alone."""
        scores = self.beta * (rowwise(points, self._columns) - self._half)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        normalised: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
        return normalised

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the derivatives (K, M) of the weights at `point` (m,) along `directions` (K, m)."""
        weights = self.value(point[None])[0]
        slopes = self.beta * (directions @ self._columns)
        return np.asarray(weights * (slopes - (slopes @ weights)[:, None]))

    def retrieved(self, points: np.ndarray) -> np.ndarray:
        """Return one update of `points` (W, m): the patterns' mean under their weights."""
        return rowwise(self.value(points), self.patterns)

    def energy(self, points: np.ndarray) -> np.ndarray:
        """Return E (W,) = |q|^2 / 2 - log(sum over i of exp(beta (pattern_i . q - |pattern_i|^2 / 2))) / beta, which no update raises."""
        scores = self.beta * (rowwise(points, self._columns) - self._half)
        highest = scores.max(axis=1)
        summed = highest + np.log(np.sum(np.exp(scores - highest[:, None]), axis=1))
        return np.asarray(0.5 * np.sum(points**2, axis=1) - summed / self.beta)


class Hopfield(Forecaster):
    """x_{t+1} = x_t + sum over i of p_i (y_i - x_i), p = softmax(-beta |q - q_i|^2 / 2): a mean of what past states did, the nearer the more.

    Symbols: q (k D,) the window of the last k = delays samples, `stride` apart; q_i the windows stored, x_i their newest sample, y_i what followed
    it.
    Method: at most `patterns` evenly spaced windows of the training data are stored. p is the softmax update of a modern Hopfield network whose
    patterns have biases -|q_i|^2 / 2, which turn products into distances; the update retrieves the pattern itself, here it retrieves the step that
    followed it. beta = None, the default, tries 4^-3 ... 4^3 over the square of the median distance between nearest patterns, and keeps the one whose
    model runs free best over the validation data, or over the last fifth of each trajectory when there are none.
    Source: H. Ramsauer et al., "Hopfield Networks is All You Need", ICLR 2021, arXiv:2008.02217 (update and energy).
    Changed: biases, because standardised states differ in length and products alone recall the longest; increments instead of states, because a mean
    of states pulls each step to the middle of its neighbours; it then is the Nadaraya-Watson estimate of the step.
    Cost: M k D and M exponentials a step. Fails: like every local average it needs e^(D_0) times the data for one Lyapunov time more; between
    patterns far apart it takes the step of the nearest, far outside them it repeats one for ever.
    """

    family: ClassVar = "floors"
    rollout = "windowed"
    source = "H. Ramsauer et al., ICLR 2021, arXiv:2008.02217"
    space: ClassVar = {"patterns": Range(250, 4000, log=True, whole=True), "delays": Range(1, 5, whole=True), "stride": Choice((1, 2, 4))}

    def __init__(self, *, patterns: int = 2000, delays: int = 1, stride: int = 1, beta: float | None = None) -> None:
        positive({"patterns": patterns, "delays": delays, "stride": stride})
        if beta is not None:
            within("beta", beta, 0.0, 1e12, open_below=True)
        self.patterns = patterns
        self.delays = delays
        self.stride = stride
        self.beta = beta
        self._span = DelayWindow(delays, stride, 0).span
        self._map: WindowMap | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for one window."""
        return too_short(problem, training=self._span + 1, context=self._span, need=self._need())

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Store the patterns and choose beta."""
        self._map = None
        series = trajectories(training, minimum=self._span + 1, need=f"{self._need()} and one more to predict")
        everything = self._stored(series, training.dt)
        if self.beta is not None:
            self._map = everything(self.beta)
            return
        train, checks = held_out(training, series, minimum=self._span + 1)
        trial = everything if train is series else self._stored(train, training.dt)
        scale = _spacing(everything(1.0).features.patterns)  # type: ignore[attr-defined]
        betas = [factor / scale**2 for factor in _SHARPNESS]
        self._map = (best(betas, trial, everything, checks) if checks else None) or everything(betas[len(betas) // 2])

    def forecast(
        self,
        context: np.ndarray,
        horizon: int,
        *,
        times: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        n_samples: int = 1,
        seed: int = 0,
    ) -> np.ndarray:
        """Return the closed-loop continuations (W, S, H, D), all samples equal; parameters are not read."""
        return continued(fitted(self._map, "Hopfield"), context, horizon, times=times, n_samples=n_samples, need=self._need())

    def as_map(self) -> WindowMap | None:
        """Return the fitted map."""
        return self._map

    def _stored(self, series: Sequence[np.ndarray], dt: float) -> Callable[[float], WindowMap]:
        window = DelayWindow(self.delays, self.stride, series[0].shape[1])
        windows, following = window.pairs(series)
        kept = np.unique(np.linspace(0, len(windows) - 1, min(self.patterns, len(windows))).astype(int))
        steps = following[kept] - windows[kept, : window.dimension]
        return lambda beta: WindowMap(dt=dt, window=window, features=_Memory(windows[kept], beta), weights=steps, increment=True)

    def _need(self) -> str:
        return f"{self.delays} samples {self.stride} apart span {self._span}"


def _spacing(patterns: np.ndarray) -> float:
    """Return the median distance between nearest different patterns, 1 if there is none."""
    if len(patterns) < 2:
        return 1.0
    distances = KDTree(patterns).query(patterns, k=2)[0][:, 1]
    positive_ones = distances[distances > 0.0]
    return float(np.median(positive_ones)) if positive_ones.size else 1.0
