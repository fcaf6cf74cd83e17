"""Does the fitted model stretch and contract in all directions as the truth does?"""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._arguments import whole
from chaosbench.metrics._model_exponents import leading_exponents, true_exponents
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class LyapunovSpectrumError(Metric):
    """Mean absolute difference of the leading Lyapunov exponents of the fitted model and of the truth, in units of the true largest.

    Method: the fitted closed-loop model carries as many tangent vectors as the truth has known exponents and two more, orthonormalised by QR, for
    300 Lyapunov times (dominant periods where the Lyapunov time is refused), 1 000 to 20 000 steps, after a transient of a quarter of that. The
    score is the mean over the first k exponents of |lambda_i(model) - lambda_i(truth)| times the Lyapunov time, each 10 at most. k is the
    argument, by default all that both sides have. Strongly negative exponents belong to directions that data on the attractor hardly show, and
    they can make up most of the default score; @k with k the number of exponents that are not negative leaves them out. A difference that is not
    finite counts as 10. A forecaster without such a map scores 10 and is counted as failed.
    Unsupported: tasks of whose exponents fewer than the argument are known.
    Error: the finite run's standard error, which falls as 1 over the square root of the duration; the truth's own comes on top.
    Source: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9-20 (1980), doi:10.1007/BF02128236.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "map"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1 / Lyapunov time"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9-20 (1980), doi:10.1007/BF02128236"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.count = whole(argument, None, "number of leading exponents")

    def unsupported(self, scales: Scales) -> str | None:
        """Return a reason unless the truth's exponents are known."""
        known, wanted = len(true_exponents(scales)), self.count or 1
        return None if known >= wanted else f"needs {wanted} known Lyapunov exponents of the truth, there are {known}"

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (1,) the mean difference."""
        if (reason := self.unsupported(scales)) is not None:
            raise MetricError(f"this metric {reason}; pass Scales with a spectrum")
        if answer.map is None or answer.start is None:
            return np.array([self.failed_value])
        true, found = true_exponents(scales), leading_exponents(answer, scales)
        count = min(len(true), len(found), self.count or len(true))
        differences = np.abs(found[:count] - true[:count]) * unit_of_time(scales)
        return np.array([np.mean(np.where(np.isfinite(differences), np.minimum(differences, CAP), CAP))])
