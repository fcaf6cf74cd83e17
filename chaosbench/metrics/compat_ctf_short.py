"""The short-time score of the Common Task Framework for Science."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import whole
from chaosbench.metrics._windows import checked_truth, first_samples
from chaosbench.metrics.base import Answer, Metric, Scales

WORST = -100.0


class CompatCtfShort(Metric):
    """CTF short-time score, 100 (1 - |X - Y| / |X|) with the SPECTRAL norm of the matrices. For comparison with published numbers only.

    Method: X and Y are truth and forecast, (samples, components), over the first samples of the window, as many as the argument says (default all
    of them, which is the CTF score called reconstruction); |.| is the largest singular value. 100 is perfect, a forecast of zeros scores 0.
    Scores below -100 count as -100, which a window that failed within these samples scores too.
    As published: `short_time_forecast` and `reconstruction` of ctf4science, P. M. Wyder et al., arXiv:2510.23166, on raw data. On standardised
    data, as here, the mean of the training data is zero, so the constant mean scores 0; on raw Lorenz-63 it scores 52 to 66 there, without any
    skill.
    What is wrong with it: it is said to be a relative L2 error, but the norm sees the largest direction of the error alone and is below the
    Frobenius norm, so errors in the other directions are free.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "windows"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    unit: ClassVar[str] = "per cent"
    failed_value: ClassVar[float] = WORST
    source: ClassVar[str] = "P. M. Wyder et al., arXiv:2510.23166, https://github.com/CTF-for-Science/ctf4science"
    family: ClassVar[Literal["native", "compat"]] = "compat"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.count = whole(argument, None, "length: a number of samples")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (W,) scores."""
        truth = checked_truth(answer, truth, scales)
        count = first_samples(self.count, truth.shape[1])
        scores = np.full(len(truth), WORST)
        for window in np.flatnonzero(answer.failed_at >= count):
            true = truth[window, :count]
            error = float(np.linalg.norm(answer.values[window, :, :count].mean(axis=0) - true, ord=2))
            size = float(np.linalg.norm(true, ord=2))
            relative = error / size if size > 0 else (0.0 if error == 0 else np.inf)
            scores[window] = max(100.0 * (1.0 - relative), WORST)
        return scores
