"""Distance between the mean power spectra in space of a long free run and of the truth."""

from typing import ClassVar, Literal

import numpy as np
from scipy.fft import dctn, fftn

from chaosbench.errors import MetricError
from chaosbench.geometry import Geometry
from chaosbench.metrics._runs import checked_runs
from chaosbench.metrics.base import Answer, Metric, Scales

SHARE = 0.999
CAP = 10.0
_PIECE = 2**21  # numbers transformed at a time


class WavenumberSpectrum(Metric):
    """Root mean square of ln(run's power / truth's power) over the wavenumbers that hold 99.9 % of the truth's power: 0 the same at every scale.

    Method: P_s is the mean over time of the squared Fourier coefficients in space whose number of waves in the longest side rounds to s; the average
    over the time of a run needs no frequency resolution. Only shells that together hold 99.9 % of the truth's power (the fewest that do) count,
    all alike: a mean with the power as weight would see the largest scale alone. Each |ln| counts as 10 at most, so a run that settled on a constant
    scores at most 10, which is also the failed value. One value a field, then the mean over fields. A factor of 2 in amplitude at all scales
    scores ln 4 = 1.39. On axes that are not periodic, cosines of half a wave and more take the place of waves.
    Sites count as equally far apart in all directions. Where sites are not scaled alike, the spectrum is that of the scaled field.
    Unsupported: tasks whose components have no places (`Scales.geometry` is None).
    Error: the truth against independent truth is not 0; compare with the floor reported beside each value.
    Source: mean energy log ratio of Y. Schiff et al., "DySLIM", ICML 2024, arXiv:2402.04467, as a root mean square over shells; cosines: B. Denis,
    J. Cote, R. Laprise, Mon. Weather Rev. 130, 1812-1829 (2002).
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "climate"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "Y. Schiff et al., ICML 2024, arXiv:2402.04467; B. Denis, J. Cote, R. Laprise, Mon. Weather Rev. 130, 1812 (2002)"

    def unsupported(self, scales: Scales) -> str | None:
        """Return a reason unless the components lie on a chain or in a plane."""
        return None if scales.geometry is not None else "needs components on a chain or in a plane, all of them observed"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (R,) distances, run r against truth r."""
        truth = checked_runs(answer, truth)
        geometry = scales.geometry
        if geometry is None:
            raise MetricError(f"this metric {self.unsupported(scales)}; pass Scales with a geometry")
        shells = _shells(geometry)
        scores = np.full(len(truth), self.failed_value)
        for run in np.flatnonzero(answer.failed_at >= answer.values.shape[2]):
            true_power = _power(truth[run], geometry, shells)
            run_power = _power(answer.values[run, 0], geometry, shells)
            scores[run] = np.mean([_log_distance(one, other) for one, other in zip(run_power, true_power, strict=True)])
        return scores


def _shells(geometry: Geometry) -> np.ndarray:
    """Return the shell of each coefficient, an array of the shape of the sites: waves in the longest side, rounded."""
    longest = max(geometry.sites)
    if geometry.periodic:
        axes = [np.abs(np.fft.fftfreq(sites)) * longest for sites in geometry.sites]
    else:
        axes = [np.arange(sites) / (2.0 * sites) * longest for sites in geometry.sites]
    waves = np.stack(np.meshgrid(*axes, indexing="ij"))
    return np.asarray(np.rint(np.sqrt(np.sum(waves**2, axis=0))), dtype=np.int64)


def _power(states: np.ndarray, geometry: Geometry, shells: np.ndarray) -> np.ndarray:
    """Return the mean power (fields, S) of `states` (T, D) in each shell; all shells together are the mean square (Parseval)."""
    axes = tuple(range(2, 2 + len(geometry.sites)))
    total = np.zeros((geometry.fields, *geometry.sites))
    piece = max(1, _PIECE // states.shape[1])
    for first in range(0, len(states), piece):
        grids = states[first : first + piece].reshape(-1, geometry.fields, *geometry.sites)
        transformed = fftn(grids, axes=axes, norm="forward") if geometry.periodic else dctn(grids, axes=axes, norm="ortho") / np.sqrt(shells.size)
        total += (np.abs(transformed) ** 2).sum(axis=0)
    return np.stack([np.bincount(shells.ravel(), power.ravel()) for power in total / len(states)])


def _log_distance(power: np.ndarray, true_power: np.ndarray) -> float:
    """Return the root mean square of ln(power / true_power) over the fewest shells with 99.9 % of `true_power` (S,)."""
    order = np.argsort(true_power)[::-1]
    held = np.cumsum(true_power[order])
    kept = order[: 1 + int(np.searchsorted(held, SHARE * held[-1]))]
    smallest = np.finfo(np.float64).tiny
    logarithms = np.log(np.maximum(power[kept], smallest) / np.maximum(true_power[kept], smallest))
    return float(np.sqrt(np.mean(np.clip(logarithms, -CAP, CAP) ** 2)))
