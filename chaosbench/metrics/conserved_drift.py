"""Whether a long free run keeps what the system keeps."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import MetricError
from chaosbench.metrics._arguments import none
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales
from chaosbench.randomness import generator

CAP = 10.0
SHUFFLED = 4_000


class ConservedDrift(RunMetric):
    """Largest departure of a conserved quantity from its true value over a free run, in units of its spread without conservation.

    Method: for each conserved quantity I of the task, max over t of |I(run at t) - I0| / S, 10 at most; the score is that of the worst quantity.
    I0 is the value of I in the truth's first sample, which the truth keeps: run and truth start in the same state, so a level lost in the part
    that is not scored, or a run that came to rest, counts too. S is what I would scatter by if the components kept their own distributions but no
    relation between them: half the range from the 16 % to the 84 % quantile of I over states of the truth whose components are shuffled in time,
    each by itself (4 000 states at most, drawn once). The spread of I along the truth is 0, and its size depends on an arbitrary constant; S does
    not. 1 means that the run knows each component's distribution and nothing of the conservation law. States without a value of I (a logarithm of
    a negative number) count as 10.
    Unsupported: tasks without a conserved quantity, or which do not observe all components.
    Error: the truth's own drift, that of its integration; it is the floor beside each value: the truth against itself, since another true run may
    lie on another level.
    Source: this project: docs/guide/metrics.md.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "spread without conservation"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "this project: docs/guide/metrics.md"
    own_floor: ClassVar[bool] = True

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        none(argument, "conserved_drift")

    def unsupported(self, scales: Scales) -> str | None:
        """Return a reason unless something is conserved."""
        return None if scales.conserved else "needs a conserved quantity of the system, all of its components observed"

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the drift of the worst quantity."""
        if not scales.conserved:
            raise MetricError(f"this metric {self.unsupported(scales)}; pass Scales with conserved")
        shuffled = _shuffled(truth)
        worst = 0.0
        for quantity in scales.conserved.values():
            with np.errstate(all="ignore"):  # a run may go where the quantity has no value
                level, values = float(quantity(truth[:1])[0]), quantity(run)
                drift = float(np.max(np.abs(values - level))) / _spread(quantity(shuffled), level)
            worst = max(worst, drift if np.isfinite(drift) else CAP)
        return min(worst, CAP)


def _shuffled(states: np.ndarray) -> np.ndarray:
    """Return (n, D) states whose components come from samples of their own."""
    stream = generator(0, "conserved-drift-shuffle", f"{len(states)}x{states.shape[1]}")
    return np.stack([column[stream.permutation(len(states))[:SHUFFLED]] for column in states.T], axis=1)


def _spread(values: np.ndarray, level: float) -> float:
    """Return half the range of the middle 68 % of `values` that exist; the size of `level`, or 1, where they do not scatter."""
    kept = values[np.isfinite(values)]
    low, high = np.percentile(kept, [16.0, 84.0]) if len(kept) else (0.0, 0.0)
    half = float(high - low) / 2
    return half if half > 1e-12 * (1.0 + abs(level)) else abs(level) or 1.0
