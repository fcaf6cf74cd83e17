"""The Hellinger distance of power spectra that were smoothed over a number of bins."""

from typing import ClassVar, Literal

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import gaussian_filter1d

from chaosbench.metrics._arguments import positive
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales


class CompatHellinger20(RunMetric):
    """D_H with the spectrum smoothed by a Gaussian of 20 bins, mean over components. For comparison with published numbers only.

    Method: each component of run and truth is brought to mean 0 and deviation 1 by ITSELF, squared absolute values of its Fourier transform over
    the whole series are smoothed by a Gaussian whose width is the argument in bins (default 20; cut at 4 widths, mirrored at the ends), divided
    by their sum; H = sqrt(1 - sum sqrt(p q)). A component of the run that stands still scores 1, where published code gives NaN.
    As published: `power_spectrum_error` of GTF-shPLRNN, F. Hess et al., ICML (2023), arXiv:2306.04406.
    What is wrong with it: a bin is 1 / (length of the series), so 20 bins are another bandwidth for every length and sampling, and a wrong mean
    or a wrong amplitude cannot show, since each side is scaled by itself.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = 1.0
    source: ClassVar[str] = "Hess, Monfared, Brenner, Durstewitz, ICML (2023), PMLR 202, arXiv:2306.04406"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.width = positive(argument, 20.0, "width: a number of bins")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the mean distance over components."""
        overlap = np.sum(np.sqrt(self._spectra(run) * self._spectra(truth)), axis=0)
        return float(np.mean(np.sqrt(np.clip(1.0 - overlap, 0.0, 1.0))))

    def _spectra(self, series: np.ndarray) -> np.ndarray:
        """Return the smoothed spectra (F, D), each of sum 1, or 0 where a component of `series` (T, D) stands still."""
        centred = series - series.mean(axis=0)
        power = np.abs(np.asarray(rfft(centred, axis=0))) ** 2
        smooth = np.maximum(gaussian_filter1d(power, self.width, axis=0), 0.0)
        moves = np.mean(centred**2, axis=0) > 1e-24 * (1.0 + np.mean(series**2, axis=0))
        return np.where(moves, smooth / np.where(moves, smooth.sum(axis=0), 1.0), 0.0)
