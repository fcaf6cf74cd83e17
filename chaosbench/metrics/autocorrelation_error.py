"""Whether a long free run forgets its past as the truth does."""

from typing import ClassVar, Literal

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Scales

WORST = 2.0


class AutocorrelationError(RunMetric):
    """Root mean square difference of the autocorrelations of the run and of the truth up to a lag, mean over components: 0 the same, at most 2.

    Method: C(k) = sum over t of (x(t) - m)(x(t + k) - m) / sum over t of (x(t) - m)^2, m the series' own mean, for lags k = 1 sample to the
    argument's units of time (default 5 Lyapunov times; dominant periods where the Lyapunov time is refused), at most half the series. Each series
    is normalised by itself, so neither a wrong mean nor a wrong amplitude shows. A component that stands still has no autocorrelation and scores
    2 (0 where the truth's stands still too).
    White noise scores the root mean square of the truth's own autocorrelation, which can be small for a truth that forgets fast: read it together
    with the distances of spectra.
    Error: the estimate of C divides by the length of the whole series and is biased towards 0 by k / T, on both sides alike; truth against
    independent truth falls as 1 over the square root of the length. Compare with the floor reported beside each value.
    Source: G. E. P. Box, G. M. Jenkins, Time Series Analysis, Holden-Day (1970), the usual estimate r_k.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = WORST
    source: ClassVar[str] = "G. E. P. Box, G. M. Jenkins, Time Series Analysis, Holden-Day (1970)"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.lag = positive(argument, 5.0, "longest lag: a number of units of time")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the mean over components of the root mean square difference."""
        lags = int(np.clip(round(self.lag * unit_of_time(scales) / scales.dt), 1, max(1, len(truth) // 2)))
        errors = []
        for component in range(truth.shape[1]):
            deviation = scales.standard_deviation[component]
            mine, true = (_autocorrelation(series[:, component] / deviation, lags) for series in (run, truth))
            if mine is None or true is None:
                errors.append(0.0 if mine is true else WORST)
            else:
                errors.append(float(np.sqrt(np.mean((mine - true) ** 2))))
        return float(np.mean(errors))


def _autocorrelation(series: np.ndarray, lags: int) -> np.ndarray | None:
    """Return C at lags 1 to `lags` of `series` (T,) of order 1, or None when it stands still."""
    centred = series - series.mean()
    if np.mean(centred**2) <= 1e-24:  # the square of the rounding error of a mean, with room
        return None
    length = next_fast_len(2 * len(series), real=True)
    products = irfft(np.abs(rfft(centred, length)) ** 2, length)
    return np.asarray(products[1 : lags + 1] / products[0])
