"""Distance between the logarithms of the power spectra in time of a long free run and of the truth."""

from typing import ClassVar, Literal

import numpy as np
from scipy.signal import welch

from chaosbench.metrics._arguments import none
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics._spectra import segment_length
from chaosbench.metrics.base import Scales

SHARE = 0.999
CAP = 10.0


class LogSpectrumDistance(RunMetric):
    """Root mean square of ln(run's power / truth's power) over the frequencies that hold 99.9 % of the truth's power: 0 the same spectrum.

    Method: power spectra per component by Welch's method: Hann windows, half overlapping, each 20 dominant periods long (at least 16 samples, at
    most the series), each series centred by its own mean, frequency zero left out. Of the frequencies only those that together hold 99.9 % of the
    truth's power (the fewest that do) count, all alike; each |ln| counts as 10 at most, so a run that settled on a constant scores 10. Mean over
    components. An amplitude wrong by a factor of 2 at all frequencies scores ln 4 = 1.39: unlike a distance of normalised spectra this one sees
    it. A wrong mean is not seen.
    Error: the powers are averages over few segments, so truth against independent truth scores about 1 over the square root of the number of
    segments that fit into the series side by side, and falls as 1 over the square root of its length; compare with the floor reported beside each
    value.
    Source: P. D. Welch, IEEE Trans. Audio Electroacoust. 15, 70-73 (1967), doi:10.1109/TAU.1967.1161901; the distance is that of Y. Schiff et
    al., "DySLIM", ICML 2024, arXiv:2402.04467 (mean energy log ratio), here over frequencies and as a root mean square.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "P. D. Welch (1967), doi:10.1109/TAU.1967.1161901; Y. Schiff et al., ICML 2024, arXiv:2402.04467"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        none(argument, "log_spectrum_distance")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the mean over components of the root mean square of the clipped log ratio."""
        length = segment_length(len(truth), scales)
        powers = [_power(states / scales.standard_deviation, length) for states in (run, truth)]
        return float(np.mean([_log_distance(one, other) for one, other in zip(*powers, strict=True)]))


def _power(states: np.ndarray, length: int) -> np.ndarray:
    """Return (D, F), the spectra of `states` (T, D) without frequency zero."""
    _, power = welch(states - states.mean(axis=0), window="hann", nperseg=length, detrend=False, axis=0)
    return np.asarray(power[1:].T)


def _log_distance(power: np.ndarray, true_power: np.ndarray) -> float:
    order = np.argsort(-true_power, kind="stable")
    held = np.cumsum(true_power[order])
    kept = order[: 1 + int(np.searchsorted(held, SHARE * held[-1]))]
    smallest = np.finfo(np.float64).tiny
    logarithms = np.log(np.maximum(power[kept], smallest) / np.maximum(true_power[kept], smallest))
    return float(np.sqrt(np.mean(np.clip(logarithms, -CAP, CAP) ** 2)))
