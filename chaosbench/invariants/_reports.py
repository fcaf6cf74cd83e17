"""Turn measured exponents into Estimates: status and reason by one rule for every invariant made of exponents."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.invariants._block_error import BlockMean, student_quantile
from chaosbench.invariants._exponents import Exponents
from chaosbench.invariants.base import Estimate, EstimateStatus

SOURCE = (
    "G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9-30 (1980), doi:10.1007/BF02128236; "
    "I. Shimada, T. Nagashima, Prog. Theor. Phys. 61, 1605-1616 (1979), doi:10.1143/PTP.61.1605; delays: J. D. Farmer, Physica D 4, 366-393 (1982), "
    "doi:10.1016/0167-2789(82)90042-2"
)
METHOD = (
    "variational equations integrated beside the orbit, orthonormalised by modified Gram-Schmidt; mean over independent orbits, "
    "standard error from the scatter of their means (fewer than 16 orbits: batch means)"
)


def compiled_subject(subject: Any, kinds: tuple[str, ...], name: str) -> CompiledSystem:
    """Return `subject` if it is a compiled system of one of `kinds`; InvariantError otherwise."""
    if not isinstance(subject, CompiledSystem):
        raise InvariantError(f"{name} was given a {type(subject).__name__}; it needs equations: pass compile_system(definition)")
    if subject.definition.kind not in kinds:
        raise InvariantError(f"{name} takes {', '.join(kinds)}; {subject.definition.name} is of kind {subject.definition.kind}")
    return subject


def status_of(exponents: Exponents, target_error: float | None, unit: str) -> tuple[EstimateStatus, str]:
    """Return the status and its sentence: escapes first, then disagreement, then precision."""
    statistics, runs = exponents.statistics, len(exponents.status)
    if exponents.escaped:
        return (
            "escaped",
            f"{exponents.escaped} of {runs} orbits left the attractor while measuring; the value is over the other {runs - exponents.escaped}",
        )
    if statistics.mixed:
        return "non_stationary", (
            "the orbits disagree by more than their fluctuations in time: several attractors or invariant components, or chaos that is a transient"
        )
    if statistics.drifting:
        return "non_stationary", "the second half of the orbits differs from the first: the transient is not over, or the chaos is a transient"
    if not statistics.resolved:
        return "short", "neighbouring blocks are still correlated, so the standard error is too small; measure for longer"
    if target_error is not None and not exponents.error <= target_error:
        return "short", f"the work limit came first: standard error {exponents.error:.2g} {unit}, target {target_error:.2g}"
    aim = "" if target_error is None else f", target {target_error:.2g}"
    return "converged", f"standard error {exponents.error:.2g} {unit}{aim}, {statistics.blocks}"


def vector_estimate(exponents: Exponents, target_error: float | None, *, unit: str, convention: str) -> Estimate:
    """Return the Estimate of all measured exponents (K,)."""
    statistics = exponents.statistics
    status, reason = status_of(exponents, target_error, unit)
    interval, settings = statistics.interval, exponents.settings
    history = running_means(exponents)
    return Estimate(
        statistics.mean, statistics.standard_error, interval, status, reason, METHOD, convention, settings, SOURCE, {"running_mean": history}
    )


def scalar_estimate(
    exponents: Exponents, target_error: float | None, *, unit: str, convention: str, source: str, value_of: Callable[[BlockMean], tuple[float, float]]
) -> Estimate:
    """Return the Estimate of a number made of the exponents; value_of gives (value, standard error)."""
    value, error = value_of(exponents.statistics)
    status, reason = status_of(exponents, target_error, unit)
    reach = student_quantile(0.975, exponents.statistics.degrees) * error
    interval = np.array([value - reach, value + reach])
    return Estimate(
        value, error, interval, status, reason, METHOD, convention, exponents.settings, source, {"running_mean": running_means(exponents)}
    )


def running_means(exponents: Exponents, points: int = 128) -> np.ndarray:
    """Return the mean over orbits of the exponents measured up to `points` times on a uniform grid (points, K)."""
    sums = np.cumsum(exponents.rates[exponents.status == 0], axis=1).mean(axis=0) if (exponents.status == 0).any() else exponents.rates[0]
    at = np.unique(np.linspace(1, len(sums), min(points, len(sums))).astype(int))
    return np.asarray(sums[at - 1] / at[:, None])
