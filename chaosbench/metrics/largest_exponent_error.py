"""Does the fitted model separate nearby states as fast as the truth?"""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.invariants._map_exponents import exponents_of_map
from chaosbench.metrics._model_exponents import DURATION, steps_of
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Answer, Metric, Scales

CAP = 10.0


class LargestExponentError(Metric):
    """Absolute difference of the largest Lyapunov exponents of the fitted model and of the truth, in units of one per Lyapunov time.

    Method: the fitted closed-loop model is a map with a tangent; after a transient of a quarter of the run its largest exponent is measured by
    carrying one tangent vector along, for the argument's number of Lyapunov times (default 300; dominant periods where the Lyapunov time is
    refused), but not fewer than 1 000 and not more than 20 000 steps. The score is |lambda_model - lambda_truth| times the Lyapunov time, so
    0.1 means a tenth of the truth's exponent and systems with different clocks compare. A value above 10, or one that is not finite (a model that
    collapses to a constant has the exponent minus infinity), counts as 10. A forecaster without such a map scores 10 and is counted as failed.
    Error: the finite run's standard error, which falls as the square root of the duration; the truth's own standard error comes on top.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]] = "map"
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "1 / Lyapunov time"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "Benettin et al., Meccanica 15, 9-20 (1980), doi:10.1007/BF02128236"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        self.duration = DURATION if argument is None else argument
        if not (np.isfinite(self.duration) and self.duration > 0):
            raise MetricError(f"duration {self.duration!r}: must be a positive number of Lyapunov times; write for example @300")

    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return (1,) the difference."""
        if answer.map is None or answer.start is None:
            return np.array([self.failed_value])
        unit = unit_of_time(scales)
        steps = steps_of(self.duration, answer.map.dt, scales)
        state = answer.map.start(answer.start)
        estimate = exponents_of_map(answer.map, state, n_exponents=1, steps=steps, transient=steps // 4, seed=0)
        difference = abs(float(np.ravel(estimate.value)[0]) - float(scales.spectrum[0])) * unit
        return np.array([min(difference, CAP) if np.isfinite(difference) else CAP])
