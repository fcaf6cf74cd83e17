"""What a list of measured exponents says in one number: the Kaplan-Yorke dimension and a bound of the entropy, where enough of them are known."""

import numpy as np

from chaosbench.facts import Measured
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._kaplan_yorke import dimension_with_error


def dimension_of(statistics: BlockMean, numbers: int) -> Measured | None:
    """Return the Kaplan-Yorke dimension; None where fewer exponents than a state has numbers are known and their sum is not negative.

    Parameters: statistics of K exponents; numbers of a state.
    """
    known = len(statistics.mean) >= numbers or statistics.mean.sum() < 0.0
    return Measured(*dimension_with_error(statistics)) if known else None


def entropy_bound(statistics: BlockMean, numbers: int) -> Measured | None:
    """Return the sum of the positive exponents; None where the last of fewer exponents than a state has numbers is positive still."""
    if len(statistics.mean) < numbers and statistics.mean[-1] > 0.0:
        return None
    positive = statistics.mean > 0.0
    variance = float(statistics.covariance[np.ix_(positive, positive)].sum())
    return Measured(float(statistics.mean[positive].sum()), float(np.sqrt(max(0.0, variance))))
