"""The symmetric percentage errors that published scores are made of."""

import numpy as np

from chaosbench.metrics._windows import failed_before
from chaosbench.metrics.base import Answer


def percentage_errors(answer: Answer, truth: np.ndarray, count: int, *, full: float, added: float) -> np.ndarray:
    """Return (W, count), full |x - y| / (|x| + |y| + added), mean over components; `full` at and after a failure and 0 where both are 0.

    Samples (W, S, H, D) are averaged over S first.
    """
    values, true = answer.values[:, :, :count].mean(axis=1), truth[:, :count]
    size = np.abs(values) + np.abs(true) + added
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(size > 0, np.abs(values - true) / size, 0.0).mean(axis=2)
    return np.where(failed_before(answer, count), full, full * each)
