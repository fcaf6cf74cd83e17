"""The forecast that says nothing: zero in every component."""

from typing import ClassVar

import numpy as np

from chaosbench.forecasters._border import as_samples, contexts
from chaosbench.forecasters.base import Budget, Forecaster, Training


class Zeros(Forecaster):
    """x_{t+h} = 0 for every lead h.

    Method: none. Data arrive standardised, so zero is also the training mean up to rounding; on data that are not standardised it is not.
    Cost: none. Fails: always; any method that scores below it has learned less than nothing, so it is the floor of every table.
    """

    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "the constant baseline of every benchmark; no publication"

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Do nothing: there is nothing to train."""

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
        """Return zeros (W, S, H, D); times and parameters make no difference to it."""
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=None, minimum=1, need="a forecast continues at least 1")
        return as_samples(np.zeros((len(given), horizon, given.shape[2])), n_samples)
