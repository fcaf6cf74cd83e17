"""The forecast that nothing changes: the last observation, repeated."""

from typing import ClassVar

import numpy as np

from chaosbench.forecasters._border import as_samples, contexts
from chaosbench.forecasters.base import Budget, Forecaster, Training


class Persistence(Forecaster):
    """x_{t+h} = x_t for every lead h.

    Method: the last sample of the context is repeated. It has a map (the identity), but all its exponents are zero by construction and say
    nothing about the system, so none is offered.
    Cost: one copy. Fails: as soon as the state has moved; it is the reference that shows where sampling is so fine that any forecast looks good.
    """

    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "the persistence forecast of meteorology; A. H. Murphy, Weather and Forecasting 7, 692-698 (1992)"

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
        """Return the last sample of each context at every lead (W, S, H, D); times and parameters make no difference to it."""
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=None, minimum=1, need="the last one is repeated")
        return as_samples(np.repeat(given[:, -1:], horizon, axis=1), n_samples)
