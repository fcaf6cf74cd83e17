"""From a task of a suite to arrays: training data, test contexts, and, only after the answers are in, their truth.

Training, validation, windows and free runs start from initial conditions of their own. Angles become cosine and sine, and the training data's mean
and standard deviation scale everything: forecasters answer, and metrics score, in those units.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from chaosbench.atlas import facts_of
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system
from chaosbench.errors import TaskError, nearest
from chaosbench.forecasters.base import Problem, Training
from chaosbench.metrics.base import Answer, Scales
from chaosbench.randomness import generator
from chaosbench.suites import Suite, TaskSpec, metric_from
from chaosbench.timescale import embed_angles
from chaosbench.trajectories import simulate

SAMPLES_PER_PERIOD = 100
LARGEST_RELATIVE_ERROR = 0.1
CLIMATE_DROPPED = 0.25
LIMIT = 10.0
LIMIT_OVER_TRAINING = 1.25
_TIGHT, _USUAL = (1e-12, 1e-14), (1e-9, 1e-12)  # rtol, atol
_CONTINUES = 1e-6

Progress = Callable[[float, str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """A task with its numbers filled in from the system's measured facts; nothing is simulated yet.

    dt, period, lyapunov_time (NaN when refused: not positive, or a standard error above 10 %): time units of the system. horizon: samples.
    """

    spec: TaskSpec
    definition: SystemDefinition
    seed: int
    dt: float
    period: float
    lyapunov_time: float
    spectrum: tuple[float, ...]

    @property
    def time_unit(self) -> str:
        """In which unit horizons and times of this task are stated."""
        return "Lyapunov time" if np.isfinite(self.lyapunov_time) else "period"

    @property
    def horizon(self) -> int:
        """Samples in each test window."""
        unit = self.lyapunov_time if np.isfinite(self.lyapunov_time) else self.period
        return max(1, int(np.ceil(self.spec.horizon * unit / self.dt - 1e-9)))

    def recipe(self) -> dict[str, Any]:
        """Return everything that decides the data, as JSON data."""
        numbers = {"dt": self.dt, "period": self.period, "lyapunov_time": self.lyapunov_time, "spectrum": self.spectrum}
        return {"task": self.spec.to_data(), "system": self.definition.identity, "seed": self.seed} | numbers


def plan(spec: TaskSpec, suite: Suite, progress: Progress | None = None) -> Plan:
    """Return the task with its sampling interval and units of time; a system without measured facts is measured now."""
    definition = system(spec.system, dict(spec.parameters))
    facts = facts_of(definition, progress)
    spectrum, errors = (
        tuple(float(x) for x in np.ravel(numbers)) for numbers in (facts.lyapunov_spectrum.value, facts.lyapunov_spectrum.standard_error)
    )
    trusted = spectrum[0] > 0 and errors[0] <= LARGEST_RELATIVE_ERROR * spectrum[0]
    if not trusted:
        _log.info("%s: largest exponent %g +- %g; times are in dominant periods", spec.label, spectrum[0], errors[0])
    if definition.kind == "maps":
        if spec.samples_per_period is not None or spec.dt not in (None, 1.0):
            raise TaskError(f"task {spec.label!r}: a map is sampled at every iteration; remove dt and samples_per_period")
        dt = 1.0
    else:
        dt = spec.dt or facts.period / (spec.samples_per_period or SAMPLES_PER_PERIOD)
    return Plan(spec, definition, suite.seed, dt, facts.period, 1.0 / spectrum[0] if trusted else float("nan"), spectrum)


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

    @property
    def climate_length(self) -> int:
        """Samples of a free run."""
        return self.plan.spec.climate_samples

    @property
    def climate_dropped(self) -> int:
        """Samples at the start of a free run that are not scored."""
        return int(CLIMATE_DROPPED * self.plan.spec.climate_samples)

    def truth_windows(self) -> np.ndarray:
        """Return (W, H, D), what followed each context; integrated on the first call, which belongs after the answers."""
        return self._windows[0]

    def trust(self) -> np.ndarray:
        """Return (W,) the lead up to which each window's truth is confirmed by a second method, in the system's time unit."""
        return self._windows[1]

    def truth_climate(self) -> np.ndarray:
        """Return (R, T, D), what followed each climate context after the dropped samples; integrated on the first call."""
        return self._climate

    def floors(self) -> dict[str, tuple[float, float, float]]:
        """Return {climate metric: (median, 10 %, 90 %)} over all ordered pairs of true free runs: what a perfect model would score."""
        return self._floors

    def final_scales(self) -> Scales:
        """Return the scales with floors and trust horizons."""
        floors = {label: (middle, high - low) for label, (middle, low, high) in self.floors().items()}
        return replace(self.scales, floors=floors, trust=self.trust())

    @cached_property
    def _windows(self) -> tuple[np.ndarray, np.ndarray]:
        spec, plan = self.plan.spec, self.plan
        states, trust = _observe(plan, "windows", spec.windows, spec.context + plan.horizon, tight=True, certify=True)
        states = (states - self._mean) / self._deviation
        _check_continues(spec, states[:, : spec.context], self.contexts)
        return states[:, spec.context :], np.maximum(trust - (spec.context - 1) * plan.dt, 0.0)

    @cached_property
    def _climate(self) -> np.ndarray:
        spec = self.plan.spec
        if spec.climate_runs == 0:
            return np.zeros((0, spec.climate_samples - self.climate_dropped, self.problem.dimension))
        states, _ = _observe(self.plan, "climate", spec.climate_runs, spec.context + spec.climate_samples)
        return np.asarray((states[:, spec.context + self.climate_dropped :] - self._mean) / self._deviation)

    @cached_property
    def _floors(self) -> dict[str, tuple[float, float, float]]:
        floors = {}
        for label in self.metrics:
            metric = metric_from(label)
            if metric.needs == "climate":
                truth = self.truth_climate()
                pairs = [(a, b) for a in range(len(truth)) for b in range(len(truth)) if a != b]
                whole = np.array([truth.shape[1]])
                scores = [metric.score(Answer(truth[b][None, None], whole), truth[a][None], self.scales)[0] for a, b in pairs]
                middle, low, high = np.percentile(scores, [50, 10, 90])
                floors[label] = (float(middle), float(low), float(high))
        return floors


def prepare(spec: TaskSpec, suite: Suite, progress: Progress | None = None) -> Prepared:
    """Return the data of task `spec` of `suite`, truth left out until asked for.

    Raises TaskError when a metric cannot be computed on the task, a component does not vary, or the system cannot be simulated.
    """
    report = progress or _silent
    planned = plan(spec, suite, progress)
    report(0.0, f"{spec.label}: training data")
    each = spec.training_samples // spec.training_trajectories
    raw, _ = _observe(planned, "training", spec.training_trajectories, each)
    mean, deviation = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
    still = np.flatnonzero(deviation <= 1e-12 * (1.0 + np.abs(mean)))
    if still.size:
        raise TaskError(f"task {spec.label!r}: observed component {int(still[0])} does not vary in the training data; leave it out with view = [...]")
    report(0.4, f"{spec.label}: validation data and contexts")
    others = {
        "validation": _observe(planned, "validation", 1, spec.validation_samples or max(2, spec.training_samples // 4))[0],
        "windows": _observe(planned, "windows", spec.windows, spec.context, tight=True)[0],
        "climate": _observe(planned, "climate", spec.climate_runs, spec.context)[0] if spec.climate_runs else raw[:0, : spec.context],
    }
    training = (raw - mean) / deviation
    validation, contexts, climate = ((states - mean) / deviation for states in others.values())
    distances = cKDTree(training.reshape(-1, len(mean))).query(contexts[:, -1])[0]
    prepared = Prepared(
        plan=planned,
        training=Training(states=list(training), dt=planned.dt, validation=Training(states=list(validation), dt=planned.dt)),
        contexts=contexts,
        climate_contexts=climate,
        problem=Problem(len(mean), planned.dt, spec.context, planned.horizon, each * spec.training_trajectories),
        scales=Scales(planned.dt, planned.period, planned.lyapunov_time, np.array(planned.spectrum), np.ones(len(mean))),
        limit=np.maximum(LIMIT, LIMIT_OVER_TRAINING * np.abs(training).max(axis=(0, 1))),
        nearest=float(distances.min()),
        typical=float(np.median(distances)),
        metrics=suite.metrics,
        _mean=mean,
        _deviation=deviation,
    )
    _check_metrics(prepared)
    report(1.0, f"{spec.label}: ready")
    return prepared


def _observe(planned: Plan, purpose: str, n: int, samples: int, *, tight: bool = False, certify: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return observed states (n, samples, D), angles as cosine and sine, and trust horizons (n,) of trajectories named by `purpose`."""
    spec, definition = planned.spec, planned.definition
    seed = int(generator(planned.seed, f"task-{purpose}", definition.identity).integers(2**53))
    rtol, atol = _TIGHT if tight else _USUAL
    dataset = simulate(definition, n_trajectories=n, n_samples=samples, seed=seed, dt=planned.dt, rtol=rtol, atol=atol, certify=certify)
    failed = np.flatnonzero(dataset["status"].values)
    if failed.size:
        code = int(dataset["status"].values[failed[0]])
        raise TaskError(
            f"task {spec.label!r}: {failed.size} of {n} trajectories for {purpose} ended early (status {code}); change the task's parameters"
        )
    components = tuple(str(name) for name in dataset["component"].values)
    unknown = [name for name in spec.view if name not in components]
    if unknown:
        raise TaskError(f"task {spec.label!r}: view names {unknown[0]!r}; components are {', '.join(components)}{nearest(unknown[0], components)}")
    chosen = [components.index(name) for name in spec.view] or list(range(len(components)))
    states = embed_angles(dataset["state"].values[:, :, chosen], np.asarray(definition.periods)[chosen])
    return np.ascontiguousarray(states), np.asarray(dataset["trust_horizon"].values)


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
        if metric.needs == "climate" and spec.climate_runs == 0:
            raise TaskError(f"task {spec.label!r}: metric {label!r} needs free runs; set climate_runs to at least 2 or leave the metric out")
        if metric.needs == "windows":
            zero = np.zeros((1, problem.horizon, problem.dimension))
            metric.score(Answer(zero[:, None], np.array([problem.horizon])), zero, prepared.scales)


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
