"""How precisely exponents are wanted."""

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._exponents import Exponents
from chaosbench.invariants._kaplan_yorke import zero_width
from chaosbench.invariants._trials import PRECISION

PRECISION_OF_MAPS, PRECISION_OF_MANY, PRECISION_OF_PLANES, MANY = 0.001, 0.01, 0.05, 12
_OF_TOLERANCE, _OF_TOLERANCE_OF_MANY = 0.8, 0.1
_LEAST = 0.03
_SLOWEST = 0.1


def too_rough(definition: SystemDefinition, exponents: Exponents) -> bool:
    """Whether lasting chaos, or with noise a largest exponent of either sign, is known to less than 3 % and more work would help."""
    statistics = exponents.statistics
    largest = statistics.mean[0] if definition.noise is None else abs(statistics.mean[0])
    settled = not (definition.conservative or statistics.mixed or exponents.escaped)
    return bool(settled and largest > zero_width(statistics)[0] and statistics.standard_error[0] > _LEAST * largest)


def precision_of(definition: SystemDefinition) -> float:
    """Return the relative error aimed at: enough to be held against every published largest exponent at the file's parameters."""
    precision = PRECISION_OF_MANY if definition.dimension > MANY else PRECISION_OF_MAPS if definition.discrete else PRECISION
    if definition.space is not None and len(definition.space.axes) > 1:
        precision = PRECISION_OF_PLANES
    values = definition.scalars
    for known in definition.known:
        here = all(values[name] == value for name, value in {**(known.parameters or {}), **(known.size or {})}.items())
        if known.quantity.endswith(("_spectrum", "_exponent")) and here:
            value, tolerance = (float(np.ravel(numbers)[0]) for numbers in (known.value, known.tolerance))
            share = _OF_TOLERANCE_OF_MANY if definition.dimension > MANY else _OF_TOLERANCE
            precision = min(precision, share * tolerance / abs(value)) if value and tolerance else precision
    return precision


def relative_error(statistics: BlockMean, *, period: float) -> float:
    """Return the error of the largest exponent relative to it, or to a tenth per period where it is smaller."""
    error = float(np.nan_to_num(statistics.standard_error[0], nan=0.0))
    return error / max(abs(float(statistics.mean[0])), _SLOWEST / period)
