"""A trained map whose output is its next input, run over many windows at once, and the border shared by every forecaster that is one."""

from abc import abstractmethod

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.forecasters._border import as_samples, check_times, contexts


class FeedbackMap(AutonomousMap):
    """An autonomous map that feeds its own predictions back.

    observed: D. span: samples of context that it reads at least. settling: samples after which more context no longer helps.
    `observe(start(context))` is the last sample of the context, and observing after n steps gives lead n of `roll`.
    """

    observed: int
    span: int
    settling: int

    @abstractmethod
    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the continuation (W, H, D) of `context` (W, C, D); each window alone, bit for bit; overflow runs on as infinities."""


def continued(model: FeedbackMap, context: np.ndarray, horizon: int, *, times: np.ndarray | None, n_samples: int, need: str) -> np.ndarray:
    """Return the forecast (W, S, H, D) of `model` after the checks every forecaster makes; `need` says what its span is for, in the error."""
    given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=model.observed, minimum=model.span, need=need)
    if times is not None:
        check_times(np.asarray(times), model.dt, "times")
    return as_samples(model.roll(given, horizon), n_samples)
