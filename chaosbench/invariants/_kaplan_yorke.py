"""The Kaplan-Yorke dimension of a list of exponents and its derivative, from which its error follows."""

import numpy as np

from chaosbench.invariants._block_error import BlockMean

SOURCE = (
    "J. L. Kaplan, J. A. Yorke, in Functional Differential Equations and Approximation of Fixed Points, Lecture Notes in Mathematics 730, "
    "204-227 (1979), doi:10.1007/BFb0064319; P. Frederickson, J. L. Kaplan, E. D. Yorke, J. A. Yorke, J. Differ. Equ. 49, 185-207 (1983), "
    "doi:10.1016/0022-0396(83)90011-6"
)


def kaplan_yorke(exponents: np.ndarray, zero: float | np.ndarray = 0.0) -> tuple[float, np.ndarray]:
    """Return the dimension and its gradient (K,) with respect to `exponents` (K,), which need not be sorted.

    Convention: D = j + (l_1 + ... + l_j) / |l_{j+1}| with j the largest number for which the sum is not negative. When the largest exponent is not
    above `zero` (a number or (K,)), those within `zero` of 0 count as 0, so that a limit cycle has dimension 1 and an n-torus n. A negative largest
    exponent gives 0 (a fixed point). When the sum of all K is not negative the result is K, the dimension of the space if all were given: never
    above it. NaN in, NaN out.
    """
    gradient = np.zeros(len(exponents))
    if np.isnan(exponents).any():
        return float("nan"), gradient
    regular = not (exponents > zero).any()
    counted = np.where(np.abs(exponents) <= zero, 0.0, exponents) if regular else exponents
    order = np.argsort(-counted, kind="stable")
    ordered = counted[order]
    if ordered[0] < 0.0:
        return 0.0, gradient
    sums = np.cumsum(ordered)
    j = int(np.flatnonzero(sums >= 0.0)[-1]) + 1
    if j == len(ordered):
        return float(j), gradient
    gradient[order[:j]] = 1.0 / -ordered[j]
    gradient[order[j]] = sums[j - 1] / ordered[j] ** 2
    return float(j + sums[j - 1] / -ordered[j]), gradient


def zero_width(statistics: BlockMean) -> np.ndarray:
    """Return (K,) how far from 0 an exponent may lie and still count as 0: 3 standard errors plus 6 units of ln over one orbit."""
    return np.asarray(3.0 * np.nan_to_num(statistics.standard_error, nan=0.0) + 0.5 * statistics.slack)


def dimension_with_error(statistics: BlockMean) -> tuple[float, float]:
    """Return the Kaplan-Yorke dimension of measured exponents and its standard error by the covariance of their means.

    Where runs are too short to tell a small positive exponent from 0, the dimension that it would give is part of the error.
    """
    value, gradient = kaplan_yorke(statistics.mean, zero_width(statistics))
    if not np.isfinite(value):
        return value, float("nan")
    variance = max(0.0, float(gradient @ statistics.covariance @ gradient))
    if statistics.mean[0] > 3.0 * statistics.standard_error[0]:
        variance += (kaplan_yorke(statistics.mean)[0] - value) ** 2
    return value, float(np.sqrt(variance))
