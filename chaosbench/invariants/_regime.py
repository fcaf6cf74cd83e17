"""What kind of motion a list of exponents stands for."""

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._kaplan_yorke import zero_width

_PRESERVED, _SHARE = 1e-5, 0.005
CHAOTIC = ("chaotic", "hyperchaotic")  # with an attractor
WITHOUT_ATTRACTOR = ("conservative", "conservative-mixed")


def regime_of(definition: SystemDefinition, statistics: BlockMean, *, at_rest: bool) -> str:
    """Return the regime of measured exponents.

    An exponent counts as zero within `zero_width` (3 standard errors plus 6 units of ln over one orbit), as positive above it. Rule, the first that
    fits: at_rest (no component moves after the transient): "fixed point". Conservative, by definition or because all D exponents sum to 0 (within
    1e-5 of their sizes, or within 4 standard errors that are below 0.5 % of the largest): "conservative" with a positive exponent,
    "conservative-mixed" where orbits have exponents of their own, regular ones among them, else "quasi-periodic". Two or more positive:
    "hyperchaotic"; one: "chaotic". None: flows and delays with one zero "periodic", with more "quasi-periodic", with none "fixed point" (it is still
    coming to rest); maps with a zero "quasi-periodic", with none "periodic". With noise exponents are those under common noise, see `noisy_regime`.
    """
    width = zero_width(statistics)
    positive = int(np.count_nonzero(statistics.mean > width))
    zero = int(np.count_nonzero(np.abs(statistics.mean) <= width))
    conservative = definition.conservative
    if definition.kind != "delays" and len(statistics.mean) == definition.tangent_dimension and statistics.mean[0] > width[0]:
        conservative = conservative or _preserves_volume(statistics)
    if at_rest:
        return "fixed point"
    if definition.noise is not None:
        driven = definition.forcing_period is not None and not positive and len(statistics.mean) > 1  # the phase has an exponent 0 of its own
        return noisy_regime(positive, bool(statistics.mean[driven * 1] < -width[driven * 1]))
    if conservative:
        return ("conservative-mixed" if statistics.mixed else "conservative") if positive else "quasi-periodic"
    if positive:
        return "hyperchaotic" if positive > 1 else "chaotic"
    if definition.kind == "maps":
        return "quasi-periodic" if zero else "periodic"
    return ("fixed point", "periodic", "quasi-periodic")[min(zero, 2)]


def noisy_regime(positive: int, contracting: bool) -> str:
    """Return the regime under common noise: which noise it is, is fixed, and what differs is the start.

    Positive exponents: "chaotic" or "hyperchaotic", starts stay apart on a random strange attractor. All negative: "random fixed point", all starts
    of a basin end on one orbit that moves with the noise (synchronisation, a random sink). Largest 0: "neutral", neither.
    Source: L. Arnold, Random Dynamical Systems, Springer (1998), doi:10.1007/978-3-662-12878-7.
    """
    if positive:
        return "hyperchaotic" if positive > 1 else "chaotic"
    return "random fixed point" if contracting else "neutral"


def _preserves_volume(statistics: BlockMean) -> bool:
    """Tell whether the exponents sum to 0, exactly or on average, as those of thermostats do."""
    if not np.isfinite(statistics.mean).all():
        return False
    total, error = abs(float(statistics.mean.sum())), float(np.sqrt(max(0.0, statistics.covariance.sum())))
    exactly = total <= _PRESERVED * float(np.abs(statistics.mean).sum())
    return exactly or (total <= 4.0 * error and error <= _SHARE * float(statistics.mean[0]))
