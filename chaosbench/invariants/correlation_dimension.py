"""The correlation dimension: the power with which the number of close pairs of points falls with their distance."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy import stats

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.invariants._pair_fit import GROUPS, PairFit, fit_of_points
from chaosbench.invariants._point_sets import PointSet, points_of_samples, points_of_system
from chaosbench.invariants.base import Estimate, Invariant, Samples

_FIRST = 20_000


class CorrelationDimension(Invariant):
    """Grassberger and Procaccia's D2, the slope of ln C(r) against ln r.

    Method: points on the attractor about 5 a period (maps: every iteration; delays: the past on 8 nodes of the longest lag), angles by cosine and
    sine, components standardised and rotated to principal axes; pairs nearer in time than 3 periods are left out (Theiler); Euclidean distances
    below the radius that keeps 10^7 pairs or 5 % of them, box-assisted; scaling range and fit by `fit_scaling`. Samples are taken as they are,
    without embedding. Error: resampling of 32 blocks of time, unevenness and drift of the local slope. Not covered: where the density has
    singularities the slope approaches its limit like 1 / ln(1/r) (the logistic map at r = 4 gives 0.87 from 20 000 points instead of 1). With
    fewer than about 10^4 points, or a dimension above about 5, expect "no_scaling_region".

    max_points bounds what `target_error` may ask for. dt: sampling interval for systems, None as above.
    """

    kinds = ("flows", "maps", "delays", "hybrid")
    unit = "1"
    requires = "samples"
    source = (
        "P. Grassberger, I. Procaccia, Physica D 9, 189-208 (1983), doi:10.1016/0167-2789(83)90298-1; "
        "J. Theiler, Phys. Rev. A 34, 2427 (1986), doi:10.1103/PhysRevA.34.2427"
    )

    def __init__(self, *, max_points: int = 1_000_000, dt: float | None = None) -> None:
        self.max_points = max_points
        self.dt = dt

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure the dimension (a float) of a system's attractor or of Samples; see `Invariant.estimate`. duration: summed over trajectories."""
        limit = duration if target_error is None else target_error
        if (target_error is None) == (duration is None) or limit is None or not (np.isfinite(limit) and limit > 0):
            raise InvariantError(f"target_error = {target_error!r} and duration = {duration!r}: give exactly one of the two, finite and positive")
        if isinstance(subject, Samples):
            cloud = points_of_samples(subject, duration)
            measured = fit_of_points(cloud, seed)
        elif isinstance(subject, CompiledSystem):
            cloud, measured = self._grow(subject, seed, target_error, duration, progress)
        else:
            raise InvariantError(f"the correlation dimension was given a {type(subject).__name__}; pass Samples or compile_system(definition)")
        if progress is not None:
            progress(1.0, "done")
        return self._report(cloud, measured, seed, target_error)

    def _grow(
        self, system: CompiledSystem, seed: int, target_error: float | None, duration: float | None, progress: Callable[[float, str], None] | None
    ) -> tuple[PointSet, PairFit]:
        """Four times as many points until the error is small enough."""
        points = min(_FIRST, self.max_points)
        while True:
            cloud = points_of_system(system, seed=seed, points=points, duration=duration, dt=self.dt)
            measured = fit_of_points(cloud, seed)
            error = measured.fit.error if measured.fit is not None else np.inf
            enough = target_error is None or error <= target_error or points >= self.max_points or measured.thinned
            if cloud.failed or cloud.contracting or enough:
                return cloud, measured
            if progress is not None:
                progress(min(0.9, points / self.max_points), f"{points} points: standard error {error:.2g}, target {target_error:.2g}")
            points = min(4 * points, self.max_points)

    def _report(self, cloud: PointSet, measured: PairFit, seed: int, target_error: float | None) -> Estimate:
        settings = {
            **cloud.settings,
            "seed": seed,
            "points": measured.points,
            "apart": cloud.apart,
            "groups": GROUPS,
            "versions": {name: version(name) for name in ("chaosbench", "numpy", "numba")},
        }
        fixed: tuple[Any, ...] = ("slope of ln C(r) against ln r, Euclidean distances", settings, self.source, measured.series)
        method = "correlation sum with Theiler window, box-assisted, weighted fit over the widest even range"
        nothing = np.array([np.nan, np.nan])
        if cloud.failed:
            return Estimate(np.nan, np.nan, nothing, "escaped", f"{cloud.failed} trajectories left the attractor while sampling", method, *fixed)
        if cloud.contracting:
            reason = "the points still draw together: the transient is not over; measure from a later time"
            return Estimate(np.nan, np.nan, nothing, "non_stationary", reason, method, *fixed)
        fit = measured.fit
        if fit is None:
            reason = (
                f"no range of a factor 4 in radius has an even slope: {measured.points} points are too few, or the dimension is too high for them"
            )
            return Estimate(np.nan, np.nan, nothing, "no_scaling_region", reason, method, *fixed)
        settings |= {"smallest_radius": fit.low, "largest_radius": fit.high}
        reach = float(stats.t.ppf(0.975, GROUPS - 1)) * fit.error
        interval = np.array([fit.slope - reach, fit.slope + reach])
        if not cloud.points.shape[1]:
            return Estimate(0.0, 0.0, interval, "converged", "the trajectories are at rest", method, *fixed)
        text = f"sampling {fit.sampling:.2g}, unevenness {fit.unevenness:.2g}, drift {fit.drift:.2g} over a factor {fit.high / fit.low:.3g} in radius"
        if target_error is not None and fit.error > target_error:
            return Estimate(fit.slope, fit.error, interval, "short", f"{text}; target {target_error:.2g} needs more points", method, *fixed)
        return Estimate(fit.slope, fit.error, interval, "converged", text, method, *fixed)
