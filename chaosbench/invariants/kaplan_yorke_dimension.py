"""The Kaplan-Yorke (Lyapunov) dimension: where the sum of the exponents, from the largest on, passes zero."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.invariants._exponents import measure_exponents
from chaosbench.invariants._field_run import degrees_of_freedom
from chaosbench.invariants._kaplan_yorke import SOURCE, dimension_with_error
from chaosbench.invariants._plans import Options
from chaosbench.invariants._reports import compiled_subject, scalar_estimate
from chaosbench.invariants._summaries import dimension_of
from chaosbench.invariants.base import Estimate, Invariant


class KaplanYorkeDimension(Invariant):
    """D = j + (l_1 + ... + l_j) / |l_{j+1}|, j the largest number for which the sum is not negative; conventions in `kaplan_yorke`.

    Error: first-order propagation with the covariance of the exponents' means, so that errors which cancel in the sum do so here too.
    """

    kinds = ("flows", "maps", "delays", "fields", "stochastic", "hybrid")
    unit = "1"
    requires = "system"
    source = SOURCE

    def __init__(self, *, options: Options | None = None) -> None:
        self.options = options or Options()

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure the dimension (a float); see `Invariant.estimate`. duration: system time summed over the orbits."""
        system = compiled_subject(subject, self.kinds, "the Kaplan-Yorke dimension")
        measured = measure_exponents(
            system,
            seed=seed,
            error_of=lambda statistics: dimension_with_error(statistics)[1],
            target_error=target_error,
            duration=duration,
            options=self.options,
            progress=progress,
        )
        convention = "0 for a fixed point, 1 for a limit cycle, n for an n-torus, at most the number of exponents"
        found = scalar_estimate(measured, target_error, unit=self.unit, convention=convention, source=SOURCE, value_of=dimension_with_error)
        if isinstance(system, FieldSystem) and dimension_of(measured.statistics, degrees_of_freedom(system)) is None:
            count = len(measured.statistics.mean)
            reason = f"the sum of the {count} exponents measured is not negative, so that the dimension is larger; ask for more (n_exponents)"
            return replace(found, status="short", reason=reason)
        return found
