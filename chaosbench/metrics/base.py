"""The contract of a metric: arrays in, one number per window, run or map out. It never sees a system and never returns NaN."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from chaosbench.geometry import Geometry


@dataclass(frozen=True)
class Scales:
    """What a metric may know of the task.

    dt: sampling interval. period: dominant period. lyapunov_time: 1 / largest exponent, or NaN when refused as a unit.
    spectrum: (K,) Lyapunov exponents of the truth. standard_deviation: (D,) of the attractor, from training data, in the units of the answer.
    floors: {metric: (value, spread)} of truth against independent truth. trust: (W,) seconds up to which each window's truth is believed.
    geometry: where the components lie, None where they have no places or only some of them are seen.
    conserved: {name: function of states (n, D) -> (n,)} of what stays constant along every orbit; empty where nothing does or not all is observed.
    samples: members of an ensemble that probabilistic forecasters are asked for in each window.
    """

    dt: float
    period: float
    lyapunov_time: float
    spectrum: np.ndarray
    standard_deviation: np.ndarray
    floors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    trust: np.ndarray | None = None
    geometry: Geometry | None = None
    conserved: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    samples: int = 1


@dataclass(frozen=True)
class Answer:
    """What a forecaster returned, after the harness's checks.

    windows: values (W, S, H, D), climate: values (R, 1, T, D). failed_at: (W,) or (R,) first sample that was non-finite or beyond 10
    standard deviations, or the length when none was; values from there on are NaN and must be scored as failed.
    map: the fitted model as an AutonomousMap, for metrics that need "map"; start: context (C, D) to start it from.
    shared: what one metric has measured on this answer and another can use again, such as the exponents of the map.
    """

    values: np.ndarray
    failed_at: np.ndarray
    map: Any = None
    start: np.ndarray | None = None
    shared: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


class Metric(ABC):
    """One metric.

    needs: which answer it scores. better: "higher" or "lower". unit: of its value. failed_value: the score of a run that failed.
    aggregate: how scores of windows, and then of systems, become one number (shares are means).
    argument: what stands after "@" in a suite's metric list ("nrmse@1" is the metric nrmse with argument 1.0); None gives the default.
    family: "native", or "compat" for a variant kept as others published it, so that their numbers compare; those never rank anything.
    own_floor: the floor beside each value is the truth scored against itself, for metrics that compare a run with the start it was given, and not
    the truth against independent truth.
    """

    needs: ClassVar[Literal["windows", "climate", "map"]]
    better: ClassVar[Literal["higher", "lower"]]
    unit: ClassVar[str]
    failed_value: ClassVar[float]
    source: ClassVar[str]
    aggregate: ClassVar[Literal["median", "mean"]] = "median"
    family: ClassVar[Literal["native", "compat"]] = "native"
    own_floor: ClassVar[bool] = False

    def __init__(self, argument: float | None = None) -> None:
        self.argument = argument

    def unsupported(self, scales: Scales) -> str | None:
        """Return the reason why this metric cannot be computed on a task with `scales`, or None."""
        return None

    @abstractmethod
    def score(self, answer: Answer, truth: np.ndarray | None, scales: Scales) -> np.ndarray:
        """Return finite scores: (W,) for windows (truth (W, H, D)), (R,) for climate (truth (R, T, D)), (1,) for a map (truth None)."""

    def censored(self, scores: np.ndarray, truth: np.ndarray, scales: Scales) -> np.ndarray:
        """Return which of `scores` only say "at least this" (horizon or trust horizon reached); default none."""
        return np.zeros(scores.shape, dtype=bool)
