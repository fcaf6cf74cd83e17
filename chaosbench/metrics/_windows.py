"""What metrics of windows share: the check of the arrays, and how many samples a lead covers."""

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._units import lead_sample
from chaosbench.metrics.base import Answer, Scales


def checked_truth(answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
    """Return the truth (W, H, D) of the windows; MetricError unless the answer is (W, S, H, D) and the deviations are (D,)."""
    if truth is None:
        raise MetricError("a window metric needs the truth of the windows; pass truth (W, H, D)")
    values = answer.values
    if truth.ndim != 3 or values.ndim != 4 or values.shape[1] < 1 or (len(values), *values.shape[2:]) != truth.shape:
        raise MetricError(f"forecasts of shape {values.shape}, truth of shape {truth.shape}: must be (W, S, H, D) with S >= 1 and (W, H, D)")
    if scales.standard_deviation.shape != (truth.shape[2],):
        raise MetricError(
            f"standard deviations of shape {scales.standard_deviation.shape}: must be ({truth.shape[2]},), one a component of the truth"
        )
    return truth


def samples_through(lead: float | None, horizon: int, scales: Scales) -> int:
    """Return how many samples of a window lie at or before `lead` units of time; all of them for None."""
    return horizon if lead is None else lead_sample(lead, horizon, scales) + 1


def first_samples(count: int | None, horizon: int) -> int:
    """Return `count`, or the whole horizon for None; MetricError when the windows are shorter."""
    if count is not None and count > horizon:
        raise MetricError(f"@{count}: the forecasts have {horizon} samples; ask for fewer or give the task a longer horizon")
    return horizon if count is None else count


def failed_before(answer: Answer, samples: int) -> np.ndarray:
    """Return (W, samples), which of the first samples of each window lie at or after its failure."""
    return np.asarray(np.arange(samples) >= answer.failed_at[:, None])
