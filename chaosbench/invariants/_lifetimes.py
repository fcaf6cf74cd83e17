"""How long chaos lasts that does not stay: until orbits settle on something regular, or leave for infinity."""

import numpy as np

from chaosbench.invariants._exponents import Exponents

_ENOUGH = 0.1


def time_to_settle(exponents: Exponents) -> tuple[float, float] | None:
    """Return the mean lifetime of chaos and its standard error, None when no orbit was seen to settle or none was chaotic.

    Method: the growth rate of the first tangent along an orbit is taken as a step from the chaotic value (the largest mean over a tenth of the run
    that any orbit has) to a value below half of it; the step stands where the sum of (rate - half the chaotic value) is largest. Lifetimes are
    exponentially distributed, so the estimate is the time spent in chaos over the number of steps seen, its relative error the root of that number.
    """
    rates = exponents.rates[exponents.status == 0][:, :, 0]
    if not rates.size:
        return None
    length = max(1, int(_ENOUGH * rates.shape[1]))
    sums = np.cumsum(np.concatenate([np.zeros((len(rates), 1)), rates], axis=1), axis=1)
    chaotic = float((sums[:, length:] - sums[:, :-length]).max() / length)
    if not chaotic > 0:
        return None
    excess = np.cumsum(np.concatenate([np.zeros((len(rates), 1)), rates - 0.5 * chaotic], axis=1), axis=1)
    alive = excess.argmax(axis=1)
    return _lifetime(float(alive.sum()) * exponents.time, int(np.count_nonzero((alive > 0) & (alive < rates.shape[1]))))


def time_to_escape(exponents: Exponents) -> tuple[float, float] | None:
    """Return the mean time to escape and its standard error, None when no orbit ended early; counted in whole records."""
    lived = np.isfinite(exponents.rates[:, :, 0]).sum() + 0.5 * exponents.escaped
    return _lifetime(float(lived) * exponents.time, exponents.escaped)


def _lifetime(time: float, ends: int) -> tuple[float, float] | None:
    return (time / ends, time / ends**1.5) if ends else None
