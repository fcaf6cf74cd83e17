"""From a task of a suite to arrays: training data, test contexts, and, only after the answers are in, their truth.

Training, validation, windows and free runs start from initial conditions of their own. Angles become cosine and sine, and the training data's mean
and standard deviation scale everything: forecasters answer, and metrics score, in those units.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from chaosbench.dynamics.compile import compile_system
from chaosbench.errors import TaskError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.layout import Sites, sites_of
from chaosbench.metrics.base import Answer, Scales
from chaosbench.observations import conserved, observe
from chaosbench.plans import Plan, plan
from chaosbench.suites import Suite, TaskSpec, metric_from

CLIMATE_DROPPED = 0.25
LIMIT = 10.0
LIMIT_OVER_TRAINING = 1.25
_CONTINUES = 1e-6

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Prepared:
    """The data of one task, standardised.

    training (with validation); contexts (W, C, D) of the windows; climate_contexts (R, C, D) of the free runs; climate_length: samples of a free run,
    of which the first climate_dropped are not scored. limit: (D,) absolute value beyond which a forecast has failed: 10 standard deviations, or
    1.25 times the largest value in the training data where the attractor itself goes further. nearest, typical: smallest and median distance from
    the contexts' last states to the training states. scales: without floors and trust, see `final_scales`.
    """

    plan: Plan
    training: Training
    contexts: np.ndarray
    climate_contexts: np.ndarray
    problem: Problem
    scales: Scales
    limit: np.ndarray
    nearest: float
    typical: float
    metrics: tuple[str, ...]
    _mean: np.ndarray
    _deviation: np.ndarray
    _cache: Path | None = None

    @property
    def climate_length(self) -> int:
        """Samples of a free run."""
        return self.plan.spec.climate_samples

    @property
    def climate_dropped(self) -> int:
        """Samples at the start of a free run that are not scored."""
        return int(CLIMATE_DROPPED * self.plan.spec.climate_samples)

    def standardised(self, observed: np.ndarray) -> np.ndarray:
        """Return observations (..., D) in the units in which forecasters answer."""
        return np.asarray((observed - self._mean) / self._deviation)

    def independent_runs(self, n: int) -> np.ndarray:
        """Return (n, T, D), true trajectories as long as free runs, from starts that no other part of the task has: for references."""
        return self.standardised(observe(self.plan, "independent", n, self.plan.spec.climate_samples, cache=self._cache)[0])

    def truth_windows(self) -> np.ndarray:
        """Return (W, H, D), what followed each context; integrated on the first call, which belongs after the answers."""
        return self._windows[0]

    def trust(self) -> np.ndarray:
        """Return (W,) the lead up to which each window's truth is certified, in the system's time unit."""
        return self._windows[1]

    def truth_climate(self) -> np.ndarray:
        """Return (R, T, D), what followed each climate context after the dropped samples; integrated on the first call."""
        return self._climate

    def floors(self) -> dict[str, tuple[float, float, float]]:
        """Return {climate metric: (median, 10 %, 90 %)}, what a perfect model would score.

        Over all ordered pairs of true free runs; over each with itself for a metric that compares a run with its own start.
        """
        return self._floors

    def final_scales(self) -> Scales:
        """Return the scales with floors and trust horizons."""
        floors = {label: (middle, high - low) for label, (middle, low, high) in self.floors().items()}
        return replace(self.scales, floors=floors, trust=self.trust())

    @cached_property
    def _windows(self) -> tuple[np.ndarray, np.ndarray]:
        spec, plan = self.plan.spec, self.plan
        states, trust = observe(plan, "windows", spec.windows, spec.context + plan.horizon, tight=True, anchor=spec.context - 1, cache=self._cache)
        states = self.standardised(states)
        _check_continues(spec, states[:, : spec.context], self.contexts)
        return states[:, spec.context :], trust

    @cached_property
    def _climate(self) -> np.ndarray:
        spec = self.plan.spec
        if spec.climate_runs == 0:
            return np.zeros((0, spec.climate_samples - self.climate_dropped, self.problem.dimension))
        states, _ = observe(self.plan, "climate", spec.climate_runs, spec.context + spec.climate_samples, cache=self._cache)
        return self.standardised(states[:, spec.context + self.climate_dropped :])

    @cached_property
    def _floors(self) -> dict[str, tuple[float, float, float]]:
        floors = {}
        for label in self.metrics:
            metric = metric_from(label)
            if metric.needs == "climate":
                truth = self.truth_climate()
                pairs = [(a, b) for a in range(len(truth)) for b in range(len(truth)) if (a == b) == metric.own_floor]
                whole = np.array([truth.shape[1]])
                scores = [metric.score(Answer(truth[b][None, None], whole), truth[a][None], self.scales)[0] for a, b in pairs]
                middle, low, high = np.percentile(scores, [50, 10, 90])
                floors[label] = (float(middle), float(low), float(high))
        return floors


def prepare(spec: TaskSpec, suite: Suite, progress: Progress | None = None, *, cache: Path | None = None) -> Prepared:
    """Return the data of task `spec` of `suite`, truth left out until asked for. cache: folder that keeps simulated data for other processes.

    Raises TaskError when a metric cannot be computed on the task, a component does not vary, or the system cannot be simulated.
    """
    report = progress or _silent
    planned = plan(spec, suite, progress)
    report(0.0, f"{spec.label}: training data")
    each = spec.training_samples // spec.training_trajectories
    raw, _ = observe(planned, "training", spec.training_trajectories, each, cache=cache)
    places = None if spec.view else sites_of(compile_system(planned.definition))
    mean, deviation = _statistics(raw, places)
    still = np.flatnonzero(deviation <= 1e-12 * (1.0 + np.abs(mean)))
    if still.size:
        raise TaskError(f"task {spec.label!r}: observed component {int(still[0])} does not vary in the training data; leave it out with view = [...]")
    report(0.4, f"{spec.label}: validation data and contexts")
    held_out, _ = observe(planned, "validation", 1, spec.validation_samples or max(2, spec.training_samples // 4), cache=cache)
    starts, _ = observe(planned, "windows", spec.windows, spec.context, tight=True, cache=cache)
    free, _ = observe(planned, "climate", spec.climate_runs, spec.context, cache=cache) if spec.climate_runs else (starts[:0], None)
    training, validation, contexts, climate = ((states - mean) / deviation for states in (raw, held_out, starts, free))
    geometry = None if places is None else Geometry(places.fields, places.shape, places.periodic, places.homogeneous)
    distances = cKDTree(training.reshape(-1, len(mean))).query(contexts[:, -1])[0]
    prepared = Prepared(
        plan=planned,
        training=Training(list(training), planned.dt, validation=Training(list(validation), planned.dt), geometry=geometry),
        contexts=contexts,
        climate_contexts=climate,
        problem=Problem(len(mean), planned.dt, spec.context, planned.horizon, each * spec.training_trajectories, geometry=geometry),
        scales=_scales(planned, mean, deviation, geometry),
        limit=np.maximum(LIMIT, LIMIT_OVER_TRAINING * np.abs(training).max(axis=(0, 1))),
        nearest=float(distances.min()),
        typical=float(np.median(distances)),
        metrics=suite.metrics,
        _mean=mean,
        _deviation=deviation,
        _cache=cache,
    )
    _check_metrics(prepared)
    report(1.0, f"{spec.label}: ready")
    return prepared


def _scales(planned: Plan, mean: np.ndarray, deviation: np.ndarray, geometry: Geometry | None) -> Scales:
    """Return what metrics may know, but for floors and trust."""
    return Scales(
        dt=planned.dt,
        period=planned.period,
        lyapunov_time=planned.lyapunov_time,
        spectrum=np.array(planned.spectrum),
        standard_deviation=np.ones(len(mean)),
        geometry=geometry,
        conserved=conserved(planned, mean, deviation),
        samples=planned.spec.samples,
    )


def _statistics(states: np.ndarray, places: Sites | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (D,) of `states` (n, T, D); over all sites where those are alike, so that scaling leaves them alike."""
    if places is None or not places.homogeneous:
        return states.mean(axis=(0, 1)), states.std(axis=(0, 1))
    by_site = states.reshape(-1, places.fields, int(np.prod(places.shape))).transpose(0, 2, 1)
    mean, deviation = by_site.mean(axis=(0, 1)), by_site.std(axis=(0, 1))
    return np.repeat(mean, by_site.shape[1]), np.repeat(deviation, by_site.shape[1])


def _check_continues(spec: TaskSpec, again: np.ndarray, contexts: np.ndarray) -> None:
    """The truth is a longer run of the very trajectories whose start the forecaster saw; anything else would be a defect here."""
    gap = float(np.abs(again - contexts).max())
    if not gap <= _CONTINUES:
        raise TaskError(
            f"task {spec.label!r}: the truth does not continue its contexts (they differ by {gap:.3g}); shorten the context or the horizon"
        )


def _check_metrics(prepared: Prepared) -> None:
    """Fail before any fit when a metric of the suite cannot be computed on this task."""
    spec, problem = prepared.plan.spec, prepared.problem
    for label in prepared.metrics:
        metric = metric_from(label)
        reason = metric.unsupported(prepared.scales)
        if reason is not None:
            raise TaskError(f"task {spec.label!r}: metric {label!r} {reason}; leave it out of the suite or give this task a suite of its own")
        if metric.needs == "climate" and spec.climate_runs == 0:
            raise TaskError(f"task {spec.label!r}: metric {label!r} needs free runs; set climate_runs to at least 2 or leave the metric out")
        if metric.needs == "windows":
            zero = np.zeros((1, problem.horizon, problem.dimension))
            metric.score(Answer(zero[:, None], np.array([problem.horizon])), zero, prepared.scales)


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
