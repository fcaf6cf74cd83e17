"""The Lyapunov spectrum: mean rates at which infinitesimal volumes of every dimension grow, from large to small."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._exponents import measure_exponents
from chaosbench.invariants._plans import Options
from chaosbench.invariants._reports import SOURCE, compiled_subject, vector_estimate
from chaosbench.invariants.base import Estimate, Invariant


class LyapunovSpectrum(Invariant):
    """All exponents of a system up to 64 dimensions, otherwise enough of them to pass the Kaplan-Yorke dimension; or the first `n_exponents`.

    Method: see `measure_exponents`. Exponents that theory fixes (0 along a flow, the sum) are measured like the others: they tell how good the
    numbers are. Error: the largest of the standard errors of the exponents is what `target_error` bounds; they come from the scatter of independent
    orbits and cover at the stated rate (tested over 200 seeds). Bias: with `target_error` the tolerance is chosen so that it stays below a tenth of
    it; with `duration` it is below 1e-6 of the largest rate on smooth flows where the sum is known exactly, 6e-6 on Chua's circuit.
    """

    kinds = ("flows", "maps", "delays", "fields")
    unit = "nats per unit time"
    requires = "system"
    source = SOURCE

    def __init__(self, *, n_exponents: int | None = None, options: Options | None = None) -> None:
        given = options or Options()
        self.options = given if n_exponents is None else given.with_exponents(n_exponents)

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure the spectrum (K,); see `Invariant.estimate`. duration: system time summed over the orbits."""
        system = compiled_subject(subject, self.kinds, "the Lyapunov spectrum")
        measured = measure_exponents(
            system, seed=seed, error_of=_largest_error, target_error=target_error, duration=duration, options=self.options, progress=progress
        )
        return vector_estimate(
            measured, target_error, unit=self.unit, convention="natural logarithm, per unit time (maps: per iteration), largest first"
        )


def _largest_error(statistics: BlockMean) -> float:
    return float(np.max(np.nan_to_num(statistics.standard_error, nan=0.0)))
