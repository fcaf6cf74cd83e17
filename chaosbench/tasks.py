"""From a task of a suite to arrays: training data, test contexts, and, only after the answers are in, their truth.

Training, validation, windows and free runs start from initial conditions of their own. Angles become cosine and sine, noise is added to what a
forecaster sees, and the training data's mean and standard deviation scale everything: forecasters answer, and metrics score, in those units. Of blind
tasks the scaled components are mixed and scaled again, and the unit of time is one sample.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.errors import TaskError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.layout import Sites, sites_of
from chaosbench.metrics.base import Answer, Scales
from chaosbench.observations import conserved, observe
from chaosbench.plans import Plan, plan
from chaosbench.standardising import Units, noisy, statistics, units_of
from chaosbench.suites import Suite, TaskSpec, metric_from

CLIMATE_DROPPED = 0.25
LIMIT = 10.0
LIMIT_OVER_TRAINING = 1.25
_CONTINUES = 1e-6

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Prepared:
    """The data of one task, standardised.

    training (with validation); contexts (W, C, D) of the windows, and their `parameters` (W, P) where the training data have such; climate_contexts
    (R, C, D) of the free runs; climate_length: samples of a free run, of which the first climate_dropped are not scored. limit: (D,) absolute value
    beyond which a forecast has failed: 10 standard deviations, or 1.25 times the largest value in the training data where the attractor itself goes
    further. nearest, typical: smallest and median distance from the contexts' last states to the training states, without noise. units: of everything
    here. scales: without floors and trust, see `final_scales`.
    """

    plan: Plan
    training: Training
    contexts: np.ndarray
    climate_contexts: np.ndarray
    problem: Problem
    scales: Scales
    limit: np.ndarray
    parameters: np.ndarray | None
    nearest: float
    typical: float
    metrics: tuple[str, ...]
    units: Units
    _clean: tuple[np.ndarray, np.ndarray]
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
        return self.units.of(observed)

    def clean_contexts(self, purpose: str) -> np.ndarray:
        """Return the contexts of "windows" (W, C, D) or "climate" (R, C, D) without their noise: for references."""
        return self._clean[purpose == "climate"]

    def independent_runs(self, n: int) -> np.ndarray:
        """Return (n, T, D), true trajectories as long as free runs, from starts that no other part of the task has: for references."""
        return self.standardised(observe(self.plan, "independent", n, self.plan.spec.climate_samples, cache=self._cache)[0])

    def truth_windows(self) -> np.ndarray:
        """Return (W, H, D), what followed each context; integrated on the first call, which belongs after the answers."""
        return self._windows[0]

    def trust(self) -> np.ndarray:
        """Return (W,) the lead up to which each window's truth is certified, in the unit of time of `scales.dt`."""
        return self._windows[1] * (self.scales.dt / self.plan.dt)

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
        _check_continues(spec, states[:, : spec.context], self._clean[0])
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
    raw = _training_data(planned, "training", spec.training_samples, spec.training_trajectories, cache)
    places = None if spec.view or spec.blind else sites_of(compile_system(planned.definition))
    still = np.flatnonzero(raw.std(axis=(0, 1)) <= 1e-12 * (1.0 + np.abs(raw.mean(axis=(0, 1)))))
    if still.size:
        raise TaskError(f"task {spec.label!r}: observed component {int(still[0])} does not vary in the training data; leave it out with view = [...]")
    report(0.4, f"{spec.label}: validation data and contexts")
    held_out = _training_data(planned, "validation", spec.validation_samples or max(2, spec.training_samples // 4), 1, cache)
    starts, _ = observe(planned, "windows", spec.windows, spec.context, tight=True, cache=cache)
    free, _ = observe(planned, "climate", spec.climate_runs, spec.context, cache=cache) if spec.climate_runs else (starts[:0], None)
    amplitude = spec.noise * statistics(raw, places)[1]
    shown = {name: noisy(planned, name, states, amplitude) for name, states in _named(raw, held_out, starts, free)}
    units = units_of(planned, shown["training"], places)
    training, validation, contexts, climate = (units.of(shown[name]) for name, _ in _named(raw, held_out, starts, free))
    shifted = _changed_parameters(spec, spec.training_parameters)
    clean = (contexts, climate) if spec.noise == 0 else (units.of(starts), units.of(free))
    scales = _scales(planned, units, np.ones(training.shape[2]) if spec.noise == 0 else units.of(raw).std(axis=(0, 1)), places)
    distances = cKDTree(units.of(raw).reshape(-1, training.shape[2])).query(clean[0][:, -1])[0]
    prepared = Prepared(
        plan=planned,
        training=Training(
            list(training),
            scales.dt,
            parameters=shifted,
            validation=Training(list(validation), scales.dt, parameters=shifted),
            geometry=scales.geometry,
        ),
        parameters=_changed_parameters(spec, (spec.parameters,) * spec.windows),
        contexts=contexts,
        climate_contexts=climate,
        problem=Problem(training.shape[2], scales.dt, spec.context, planned.horizon, each * spec.training_trajectories, geometry=scales.geometry),
        scales=scales,
        limit=np.maximum(LIMIT, LIMIT_OVER_TRAINING * np.abs(training).max(axis=(0, 1))),
        nearest=float(distances.min()),
        typical=float(np.median(distances)),
        metrics=suite.metrics_of(spec),
        units=units,
        _clean=clean,
        _cache=cache,
    )
    _check_metrics(prepared)
    report(1.0, f"{spec.label}: ready")
    return prepared


def _training_data(planned: Plan, purpose: str, samples: int, trajectories: int, cache: Path | None) -> np.ndarray:
    """Return (n, T, D): `samples` over `trajectories`, or over one trajectory at each of the task's training parameters."""
    spec = planned.spec
    if not spec.training_parameters:
        source = replace(planned, definition=system(spec.system, dict(spec.parameters))) if spec.start else planned
        return observe(source, purpose, trajectories, samples // trajectories, cache=cache)[0]
    each = samples // len(spec.training_parameters)
    plans = [replace(planned, definition=system(spec.system, dict(values))) for values in spec.training_parameters]
    return np.concatenate([observe(part, purpose, 1, each, cache=cache)[0] for part in plans])


def _changed_parameters(spec: TaskSpec, sets: Sequence[tuple[tuple[str, float], ...]]) -> np.ndarray | None:
    """Return (n, P), for each of `sets` the values of the parameters that the training data change; None where they change none."""
    names = sorted({name for values in spec.training_parameters for name, _ in values})
    default = system(spec.system).scalars
    return np.array([[dict(values).get(name, default[name]) for name in names] for values in sets]) if names else None


def _named(*parts: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return list(zip(("training", "validation", "windows", "climate"), parts, strict=True))


def _scales(planned: Plan, units: Units, deviation: np.ndarray, places: Sites | None) -> Scales:
    """Return the scales without floors and trust; of blind tasks with one sample as the unit of time."""
    geometry = None if places is None else Geometry(places.fields, places.shape, places.periodic, places.homogeneous)
    unit = planned.dt if planned.spec.blind else 1.0
    dt, period, lyapunov_time = planned.dt / unit, planned.period / unit, planned.lyapunov_time / unit
    return Scales(
        dt=dt,
        period=period,
        lyapunov_time=lyapunov_time,
        spectrum=np.array(planned.spectrum) * unit,
        standard_deviation=deviation,
        geometry=geometry,
        conserved=conserved(planned, units.back),
        samples=planned.spec.samples,
    )


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
