"""The contract of an invariant: one quantity, one file, one Estimate with its error, method and reason."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

EstimateStatus = Literal["converged", "short", "no_scaling_region", "non_stationary", "escaped"]


@dataclass(frozen=True)
class Estimate:
    """A measured number (or vector) with its error.

    value, standard_error: float or (K,) array; NaN where there is none (the JSON writes null, a key is never absent).
    interval: 95 % bounds, (2,) or (2, K). status: "converged" (target met), "short" (computed, target not met), "no_scaling_region",
    "non_stationary", "escaped"; reason: a sentence. method, convention (units, logarithm), source: for a reader.
    settings: everything needed to compute it again. series: optional named arrays (convergence history, scaling curve).
    """

    value: Any
    standard_error: Any
    interval: Any
    status: EstimateStatus
    reason: str
    method: str
    convention: str
    settings: Mapping[str, Any]
    source: str
    series: Mapping[str, np.ndarray] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data with the same keys; non-finite numbers become null."""

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return plain(value.tolist())
            if isinstance(value, (list, tuple)):
                return [plain(item) for item in value]
            if isinstance(value, Mapping):
                return {str(key): plain(item) for key, item in value.items()}
            if isinstance(value, (float, np.floating)):
                return float(value) if np.isfinite(value) else None
            if isinstance(value, np.integer):
                return int(value)
            return value

        names = ("value", "standard_error", "interval", "status", "reason", "method", "convention", "settings", "source", "series")
        return {name: plain(getattr(self, name)) for name in names}


@dataclass(frozen=True)
class Samples:
    """Measured data as the subject of an invariant: states (B, T, D) at spacing dt, component names, angle periods (D,) or NaN."""

    states: np.ndarray
    dt: float
    components: tuple[str, ...]
    periods: np.ndarray


class Invariant(ABC):
    """One quantity.

    kinds: the kinds of system it takes. unit: of its value. requires: "system" (needs equations) or "samples" (works on data, and on a
    system by simulating it).
    """

    kinds: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    requires: ClassVar[Literal["system", "samples"]]
    source: ClassVar[str]

    @abstractmethod
    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure `subject` (a CompiledSystem or Samples) until the standard error is below `target_error`, or for `duration`.

        Exactly one of the two is given, otherwise InvariantError. progress is called with (fraction done, sentence).
        """
