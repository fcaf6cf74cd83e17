"""The forecast that history repeats itself: find the most similar past and copy what followed."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.spatial import KDTree

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import as_samples, contexts, positive, too_short, trajectories
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training


class _Library:
    """Delay windows, each followed by at least `successors` samples of its series (None: a tenth of it), and the series."""

    def __init__(self, series: Sequence[np.ndarray], window: DelayWindow, successors: int | None) -> None:
        self._series = series
        embedded = [window.embed(states[: -_reserve(len(states), successors)]) for states in series]
        self._owner = np.repeat(np.arange(len(series)), [len(rows) for rows in embedded])
        self._newest = np.concatenate([np.arange(len(rows)) + window.span - 1 for rows in embedded])
        self._tree = KDTree(np.concatenate(embedded))

    def continuation(self, query: np.ndarray) -> np.ndarray:
        """Return all samples that follow the entry nearest to `query` (k D,)."""
        _, nearest = self._tree.query(query)
        series: np.ndarray = self._series[self._owner[nearest]]
        return series[self._newest[nearest] + 1 :]


def _reserve(length: int, successors: int | None) -> int:
    return max(1, length // 10) if successors is None else successors


class Analogue(Forecaster):
    """x_{t+h} = y_{s+h}, where s is the past time at which the system looked most like it does now.

    Method: the query is q = (x_t, x_{t-m}, ..., x_{t-(k-1)m}), the last k = embedding samples m = stride apart, all D components, flattened.
    The library holds the same windows q_s of every training trajectory y at all its times s that are followed by at least `successors`
    samples (None: a tenth of the trajectory). The analogue is s = argmin |q - q_s| in the Euclidean norm, and y_{s+1}, y_{s+2}, ... are copied as
    they are: one neighbour, no averaging, no correction for the offset x_t - y_s, so every value is one that was really seen. When the
    trajectory of the analogue ends before the horizon, the last window of the forecast so far is the next query. Without the reserve of
    successors that query would find the window before it, copy one sample, and stand still for ever (seen on Lorenz-96).
    Context parroting: with no training trajectory long enough for one such window (an empty list is allowed), the library of each forecast
    is its own context, by the same rule; the reserve then also keeps the query from matching itself.
    Source: E. N. Lorenz, J. Atmos. Sci. 26, 636-646 (1969); parroting: Y. Zhang and W. Gilpin, arXiv:2505.11349 (2025).
    Changed: all components are matched together; a copy that runs out of library is continued by a new search.
    Cost: a k-d tree of N windows; O(log N) per search at small k D, O(N) at large. Memory: k times the training data.
    Fails: its first error is the distance to the nearest neighbour, of order N^(-1/D_0) for an attractor of dimension D_0, so each Lyapunov
    time more costs e^(D_0) times more data; hopeless on high-dimensional attractors. Free runs end in a cycle of
    training data, and every new search makes a jump.
    """

    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "E. N. Lorenz, J. Atmos. Sci. 26, 636 (1969), doi:10.1175/1520-0469(1969)26<636:APARBN>2.0.CO;2; arXiv:2505.11349"
    space: ClassVar = {"embedding": Range(1, 10, whole=True), "stride": Choice((1, 2, 3, 5))}

    def __init__(self, *, embedding: int = 2, stride: int = 1, successors: int | None = None) -> None:
        positive({"embedding": embedding, "stride": stride, "successors": 1 if successors is None else successors})
        self.embedding = embedding
        self.stride = stride
        self.successors = successors
        self._span = DelayWindow(embedding, stride, 0).span
        self._library: _Library | None = None
        self._dimension: int | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if the context is shorter than one window."""
        return too_short(problem, training=0, context=self._span, need=self._need())

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Index every window of the training trajectories; with none, forecasts will parrot their own context."""
        self._library, self._dimension = None, None
        usable = [states for states in trajectories(training, minimum=0, need="") if self._fits(len(states))] if len(training.states) else []
        if usable:
            self._dimension = usable[0].shape[1]
            self._library = _Library(usable, DelayWindow(self.embedding, self.stride, self._dimension), self.successors)

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
        """Return the copied continuations (W, S, H, D), all samples equal; times and parameters are not read."""
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=self._dimension, minimum=self._span, need=self._need())
        window = DelayWindow(self.embedding, self.stride, given.shape[2])
        values = np.stack([self._follow(states, self._library or self._own(states, window), window, horizon) for states in given])
        return as_samples(values, n_samples)

    def _own(self, states: np.ndarray, window: DelayWindow) -> _Library:
        if not self._fits(len(states)):
            reserve = _reserve(len(states), self.successors)
            rule = f"parroting without training data needs a window of {self._span} followed by {reserve}"
            raise ForecasterError(f"context: {len(states)} samples; {rule}; pass a longer context, or train on longer trajectories")
        return _Library([states], window, self.successors)

    def _fits(self, length: int) -> bool:
        return length - _reserve(length, self.successors) >= self._span

    @staticmethod
    def _follow(states: np.ndarray, library: _Library, window: DelayWindow, horizon: int) -> np.ndarray:
        span = window.span
        series = np.empty((span + horizon, states.shape[1]))
        series[:span] = states[-span:]
        filled = span
        while filled < len(series):
            copied = library.continuation(window.read(series[:, None], filled - 1)[0])[: len(series) - filled]
            series[filled : filled + len(copied)] = copied
            filled += len(copied)
        return series[span:]

    def _need(self) -> str:
        return f"{self.embedding} samples {self.stride} apart span {self._span}"
