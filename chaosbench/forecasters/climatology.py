"""The forecast that knows the attractor but not where on it we are."""

from typing import ClassVar

import numpy as np

from chaosbench.forecasters._border import as_samples, contexts, fitted, trajectories
from chaosbench.forecasters.base import Budget, Forecaster, Training
from chaosbench.randomness import generator


class Climatology(Forecaster):
    """x_{t+h} ~ the training samples, all equally likely, at every lead h and for every context.

    Method: with n_samples = 1 the mean of the training samples; with more, each (sample, lead) is one whole training state drawn with
    replacement, so that dependence between components is kept and dependence in time is not. Draws depend on the seed only, not on the
    window: window 3 of a batch gets the same draws as window 3 alone, and a longer horizon begins with those of a shorter one.
    Cost: one draw per number. Fails: at short leads, where the context says more than the climate; it is what every forecast must come
    back to at long leads, and the reference of skill scores.
    """

    probabilistic = True
    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "the climatological forecast of meteorology; A. H. Murphy, Weather and Forecasting 7, 692-698 (1992)"

    def __init__(self) -> None:
        self._states: np.ndarray | None = None

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Keep every training sample of every trajectory."""
        self._states = np.concatenate(trajectories(training, minimum=1, need="a climate needs at least 1"))

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
        """Return the training mean (n_samples = 1) or draws from the training samples, (W, S, H, D); the context is not read."""
        states = fitted(self._states, "Climatology")
        dimension = states.shape[1]
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=dimension, minimum=1, need="a forecast continues at least 1")
        if n_samples == 1:
            return as_samples(np.broadcast_to(states.mean(axis=0), (len(given), horizon, dimension)), 1)
        drawn = generator(seed, "climatology").integers(len(states), size=(horizon, n_samples))
        return np.repeat(states[drawn].swapaxes(0, 1)[None], len(given), axis=0)
