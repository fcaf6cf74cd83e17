"""Distance between the power spectra of a long free run and of the truth."""

from typing import ClassVar, Literal

import numpy as np
from scipy.signal import welch

from chaosbench.metrics._runs import checked_runs
from chaosbench.metrics._spectra import segment_length
from chaosbench.metrics.base import Answer, Metric, Scales


class SpectralHellinger(Metric):
    """Hellinger distance D_H between normalised power spectra, averaged over components: 0 the same shape, 1 no common frequency.

    Method: both series are centred and scaled by the TRUTH's mean and standard deviation per component. Power spectra by Welch's method: Hann
    windows, half overlapping, not detrended, each 20 dominant periods long (at least 16 samples, at most the series), so the resolution is a
    twentieth of the dominant frequency whatever the length of the series or its sampling. Each spectrum is divided by its sum, p for the truth
    and q for the run; H = sqrt(1 - sum of sqrt(p q)), then the mean over components.
    A wrong mean shows as power at frequency zero. A wrong amplitude alone does not show, since spectra are normalised: the divergence of
    the state distributions is there for that. A run without any power (exactly the truth's mean for ever) scores 1.
    Error: the truth against independent truth is not 0; compare with the floor reported beside each value.
    Source: Mikhaeil, Monfared, Durstewitz, NeurIPS 35 (2022), arXiv:2110.07238, with the spectra smoothed as Welch, IEEE Trans. Audio
    Electroacoust. 15, 70-73 (1967), doi:10.1109/TAU.1967.1161901, instead of by a Gaussian in bins.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "climate"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = 1.0
    source: ClassVar[str] = "Mikhaeil, Monfared, Durstewitz, NeurIPS 35 (2022), arXiv:2110.07238; Welch (1967), doi:10.1109/TAU.1967.1161901"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (R,) distances, run r against truth r."""
        truth = checked_runs(answer, truth)
        length = segment_length(truth.shape[1], scales)
        scores = np.full(len(truth), self.failed_value)
        for run in np.flatnonzero(answer.failed_at >= answer.values.shape[2]):
            mean, deviation = truth[run].mean(axis=0), truth[run].std(axis=0)
            deviation = np.where(deviation > 0, deviation, 1.0)
            true_spectrum = _spectrum((truth[run] - mean) / deviation, length)
            run_spectrum = _spectrum((answer.values[run, 0] - mean) / deviation, length)
            overlap = np.sqrt(true_spectrum * run_spectrum).sum(axis=0)  # (D,)
            scores[run] = np.sqrt(np.clip(1.0 - overlap, 0.0, 1.0)).mean()
        return scores


def _spectrum(series: np.ndarray, length: int) -> np.ndarray:
    """Return the normalised power spectra (F, D) of `series` (T, D); a series without power has a spectrum of zeros."""
    _, power = welch(series, window="hann", nperseg=length, detrend=False, axis=0)
    total = power.sum(axis=0)
    # Squared rounding error of a series of order 1: what is below is the noise of subtracting the mean, not a spectrum.
    return np.where(total > 1e-28, power / np.where(total > 1e-28, total, 1.0), 0.0)
