"""The forecast that reads nothing but its context: find in it the motif that it ends with, and say again what followed."""

from typing import ClassVar

import numpy as np

from chaosbench.forecasters._border import as_samples, contexts, positive
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Training


class ContextParroting(Forecaster):
    """x_{t+h} = x_{s+h}, s the earlier time in the context at which its last `motif` samples looked most like they do at its end, t.

    Method: s = argmin over s <= t - gap of the sum over i < motif of |x_{t-i} - x_{s-i}|^2 (all components, standardised), the latest of equals. What
    followed s is copied; when the copy reaches t it goes on with what was forecast, so that the forecast repeats x_{s+1} ... x_t with period t - s.
    gap = None takes the first lag at which the mean distance between samples of this context that far apart falls after it has risen, and at least
    `motif`: in finely sampled flows the nearest motif is otherwise the one a sample ago, and the forecast stands still. A context too short for gap
    and motif uses the longest motif and then the largest gap that leave one candidate. A context of one sample is repeated.
    Source: Y. Zhang and W. Gilpin, "Context parroting", arXiv:2505.11349 (2025).
    Changed: all components are matched together; the gap and the periodic continuation are rules of ours where the idea leaves the choice open.
    Cost: C * motif comparisons a window; nothing is trained. Fails: its first error is the distance to the nearest motif in a context of C samples,
    of order C^(-1/D_0) for an attractor of dimension D_0; a library of all training data (`analogue`) is larger. Free runs are periodic.
    """

    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "Y. Zhang and W. Gilpin, arXiv:2505.11349 (2025)"
    space: ClassVar = {"motif": Choice((1, 2, 3, 5, 8, 13, 21)), "gap": Choice((None, 1, 5, 10, 20))}

    def __init__(self, *, motif: int = 5, gap: int | None = None) -> None:
        positive({"motif": motif, "gap": 1 if gap is None else gap})
        self.motif = motif
        self.gap = gap

    def unsupported(self, problem: Problem) -> str | None:
        """Return None: any context can be repeated."""
        return None

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Do nothing: the context is all that is read."""

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
        """Return the copied continuations (W, S, H, D); times and parameters are not read."""
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=None, minimum=1, need="it is the only thing that is read")
        values = np.empty((len(given), horizon, given.shape[2]))
        for window, states in enumerate(given):
            period = self._period(states)
            values[window] = states[len(states) - period + np.arange(horizon) % period]
        return as_samples(values, n_samples)

    def _period(self, states: np.ndarray) -> int:
        """Return t - s for one context (C, D)."""
        length = len(states)
        if length == 1:
            return 1
        motif = min(self.motif, length - 1)
        gap = min(max(_departure(states), motif) if self.gap is None else self.gap, length - motif)
        end = states[-motif:].ravel()
        with np.errstate(over="ignore"):
            lags = np.arange(gap, length - motif + 1)
            distances = [float(np.sum((states[length - motif - lag : length - lag].ravel() - end) ** 2)) for lag in lags]
        return int(lags[int(np.argmin(distances))])


def _departure(states: np.ndarray) -> int:
    """Return the first lag from which samples come nearer again on average, 1 if they do so at once or never."""
    with np.errstate(over="ignore"):
        apart = np.array([np.mean(np.sum((states[lag:] - states[:-lag]) ** 2, axis=1)) for lag in range(1, len(states) // 2 + 1)])
    falls = np.flatnonzero(~(apart[1:] >= apart[:-1]))
    return int(falls[0]) + 1 if falls.size else 1
