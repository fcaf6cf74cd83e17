"""The forecast that the last period comes again."""

from typing import ClassVar

import numpy as np

from chaosbench.forecasters._border import as_samples, contexts, fitted, trajectories
from chaosbench.forecasters.base import Budget, Forecaster, Training


class SeasonalNaive(Forecaster):
    """x_{t+h} = x_{t+h-kP}, k the smallest whole number that makes the right side a sample of the context: its last P samples, again and again.

    Method: P is the lag of the highest autocorrelation of the training data beyond the first lag at which it is not positive, up to half a
    trajectory; autocovariances are sums over components, trajectories and time, divided by the number of all samples, not of pairs (so that the first
    of several equal periods wins). Data whose correlation never ends, or never comes back above 0, have P = 1 and are forecast by persistence. A
    context shorter than P is repeated whole.
    Source: the seasonal naive method of forecasting; R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., OTexts
    (2021).
    Changed: the season is not known from a calendar but found in the training data; one for all components.
    Cost: one Fourier transform of the training data; a copy to forecast. Fails: wherever phase and amplitude wander, which is what chaos is: it is
    the reference for nearly periodic systems, on which other forecasts look good for no reason of their own.
    """

    family: ClassVar = "floors"
    light: ClassVar = True
    rollout = "direct"
    source = "R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., OTexts (2021)"

    def __init__(self) -> None:
        self._period: int | None = None

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Find the period in the training data."""
        self._period = None
        self._period = _period(trajectories(training, minimum=1, need="a season needs at least 1"))

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
        """Return the repeated last period of each context (W, S, H, D); times and parameters are not read."""
        period = fitted(self._period, "SeasonalNaive")
        given = contexts(context, horizon=horizon, n_samples=n_samples, dimension=None, minimum=1, need="the last period is repeated")
        season = given[:, -period:]
        return as_samples(season[:, np.arange(horizon) % season.shape[1]], n_samples)


def _period(series: list[np.ndarray]) -> int:
    mean = np.concatenate(series).mean(axis=0)
    longest = max(len(states) for states in series)
    covariance = np.zeros(longest)
    for states in series:
        spectrum = np.fft.rfft(states - mean, 2 * longest, axis=0)
        covariance += np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:longest].sum(axis=1)
    covariance = covariance[: longest // 2 + 1]
    ended = np.flatnonzero(covariance <= 0.0)
    if not ended.size or covariance[ended[0] :].max() <= 0.0:
        return 1
    return int(ended[0] + np.argmax(covariance[ended[0] :]))
