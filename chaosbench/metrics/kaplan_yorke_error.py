"""Does the attractor of the fitted model have as many dimensions as that of the truth?"""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.invariants._kaplan_yorke import SOURCE, kaplan_yorke
from chaosbench.metrics._arguments import none
from chaosbench.metrics._model_exponents import leading_exponents, true_exponents
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 100.0
ZERO = 0.05  # per unit of time: what counts as 0 where nothing separates faster than that
CLOSED = 1e-2  # sum of the exponents over the sum of their sizes: what counts as a sum that is not positive


class KaplanYorkeError(Metric):
    """Absolute difference of the Kaplan-Yorke dimensions of the fitted model and of the truth, in dimensions.

    Method: D = j + (l_1 + ... + l_j) / |l_(j+1)|, j the largest number of leading exponents whose sum is not negative, from the exponents of the
    closed-loop model (as many as the truth has and two more, measured once for all metrics on the map) and from those of the truth. Where no
    exponent of a side exceeds 0.05 per unit of time, those within that of 0 count as 0: a limit cycle has dimension 1. Where even the sum of all
    measured exponents of the model is not negative, D is their number, and the score is at least what it would be. A score above 100, or one that
    is not finite, counts as 100; a forecaster without such a map scores 100 and is counted as failed. A model that comes to rest has D = 0 and
    scores the truth's.
    Unsupported: tasks whose known exponents add up to a positive number, so that the truth's own dimension is not known.
    Error: that of the exponents. The strongly negative one that ends the sum is hard to learn, but enters only through the fraction.
    Source: J. L. Kaplan, J. A. Yorke, Lecture Notes in Mathematics 730, 204-227 (1979), doi:10.1007/BFb0064319.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "map"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "dimensions"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = SOURCE

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        none(argument, "kaplan_yorke_error")

    def unsupported(self, scales: Scales) -> str | None:
        """Return a reason unless the truth's exponents decide its dimension."""
        true = true_exponents(scales)
        if len(true) and true.sum() <= CLOSED * np.abs(true).sum():
            return None
        return "needs known Lyapunov exponents of the truth whose sum is not positive"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (1,) the difference."""
        if (reason := self.unsupported(scales)) is not None:
            raise MetricError(f"this metric {reason}; pass Scales with a spectrum")
        if answer.map is None or answer.start is None:
            return np.array([self.failed_value])
        zero = ZERO / unit_of_time(scales)
        model, true = (kaplan_yorke(exponents, zero)[0] for exponents in (leading_exponents(answer, scales), true_exponents(scales)))
        difference = abs(model - true)
        return np.array([min(difference, CAP) if np.isfinite(difference) else CAP])
