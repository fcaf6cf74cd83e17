"""The largest Lyapunov exponent: the mean rate at which almost every infinitesimal difference grows."""

from collections.abc import Callable
from typing import Any

from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._exponents import measure_exponents
from chaosbench.invariants._plans import Options
from chaosbench.invariants._reports import SOURCE, compiled_subject, scalar_estimate
from chaosbench.invariants.base import Estimate, Invariant


class LargestExponent(Invariant):
    """The first exponent alone, from one tangent vector: cheaper than the spectrum and the same number."""

    kinds = ("flows", "maps", "delays", "fields")
    unit = "nats per unit time"
    requires = "system"
    source = SOURCE

    def __init__(self, *, options: Options | None = None) -> None:
        self.options = (options or Options()).with_exponents(1)

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure the largest exponent (a float); see `Invariant.estimate`. duration: system time summed over the orbits."""
        system = compiled_subject(subject, self.kinds, "the largest exponent")
        measured = measure_exponents(
            system, seed=seed, error_of=_error, target_error=target_error, duration=duration, options=self.options, progress=progress
        )
        convention = "natural logarithm, per unit time (maps: per iteration)"
        return scalar_estimate(measured, target_error, unit=self.unit, convention=convention, source=SOURCE, value_of=_first)


def _error(statistics: BlockMean) -> float:
    return float(statistics.standard_error[0])


def _first(statistics: BlockMean) -> tuple[float, float]:
    return float(statistics.mean[0]), float(statistics.standard_error[0])
