"""Pretrained networks that are not fitted: they read the context and continue it, block after block."""

from abc import abstractmethod

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import as_samples, check_times, contexts, trajectories
from chaosbench.forecasters.base import Budget, Forecaster, Training


class ZeroShotForecaster(Forecaster):
    """A network that continues a context as it is; subclasses load it and say how one block follows.

    `fit` only notes dimension and sampling interval. Each window is continued alone, by blocks of at most `block` samples that join the context, of
    which the last `reads` samples are handed over. `continue_block` is all that a subclass writes:

        class Mine(ZeroShotForecaster):
            def continue_block(self, context, count):   # (C, D) -> (count, D), standardised units
                ...
    """

    rollout = "windowed"

    def __init__(self, *, reads: int, block: int) -> None:
        self.reads, self.block = reads, block
        self._known: tuple[int, float] | None = None

    @abstractmethod
    def continue_block(self, context: np.ndarray, count: int) -> np.ndarray:
        """Return the `count` <= block samples (count, D) that follow `context` (C, D), C <= reads."""

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Note what the data look like; nothing is trained."""
        states = trajectories(training, minimum=1, need="a dimension needs 1")
        self._known = states[0].shape[1], training.dt

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
        """Return the continuations (W, S, H, D), all samples equal; parameters are not read."""
        if self._known is None:
            raise ForecasterError(f"{type(self).__name__}: not fitted; call fit(training, seed=0) first, it notes dimension and sampling interval")
        dimension, dt = self._known
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=dimension, minimum=1, need="a continuation needs 1")
        if times is not None:
            check_times(np.asarray(times), dt, "times")
        return as_samples(np.stack([self._continued(window, horizon) for window in given]), n_samples)

    def _continued(self, window: np.ndarray, horizon: int) -> np.ndarray:
        series = window
        while len(series) < len(window) + horizon:
            count = min(self.block, len(window) + horizon - len(series))
            following = np.asarray(self.continue_block(series[-self.reads :], count), dtype=np.float64)
            if following.shape != (count, window.shape[1]):
                raise ForecasterError(f"{type(self).__name__}: continue_block returned {following.shape}; {(count, window.shape[1])} is needed")
            series = np.concatenate([series, following])
        return series[len(window) :]
