"""The unit of time in which scores are stated, and the number of samples a span of it covers."""

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Scales


def unit_of_time(scales: Scales) -> float:
    """Return the Lyapunov time, or the dominant period where the Lyapunov time is refused (NaN)."""
    return scales.lyapunov_time if np.isfinite(scales.lyapunov_time) else scales.period


def lead_sample(lead: float, horizon: int, scales: Scales) -> int:
    """Return the index of the forecast sample nearest to `lead` units of time; sample 0 has lead dt.

    Raises MetricError when the forecast of `horizon` samples does not reach that far.
    """
    unit = unit_of_time(scales)
    sample = max(1, round(lead * unit / scales.dt))
    if sample > horizon:
        reach = horizon * scales.dt / unit
        raise MetricError(f"lead {lead:g}: the forecasts reach {reach:.3g} units of time; ask for a shorter lead or give the task a longer horizon")
    return sample - 1


def instantaneous_error(values: np.ndarray, truth: np.ndarray, standard_deviation: np.ndarray) -> np.ndarray:
    """Return the normalised root-mean-square error at each lead, (W, H); samples (W, S, H, D) are averaged over S first."""
    scaled = (values.mean(axis=1) - truth) / standard_deviation  # (W, H, D)
    return np.asarray(np.sqrt(np.mean(scaled**2, axis=-1)))
