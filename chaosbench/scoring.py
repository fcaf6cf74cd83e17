"""From answers to scores: one number a window, one line a metric. Failures score their declared value and are counted, never dropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaosbench.answers import Checked, Failure, attempt
from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import MetricError
from chaosbench.metrics._units import unit_of_time
from chaosbench.metrics.base import Answer, Metric, Scales
from chaosbench.resampling import aggregate, interval, resampled
from chaosbench.suites import metric_from
from chaosbench.tasks import Prepared

_POINTS = 1_000  # of a drawn attractor
_ELLIPSE = 1e-6


@dataclass(frozen=True)
class Answers:
    """What one fitted forecaster gave for one task: windows and free runs, each checked or failed, and its map if it has one."""

    windows: Checked | Failure
    climate: Checked | Failure
    map: AutonomousMap | Failure | None


@dataclass(frozen=True)
class Scored:
    """Scores (N,) of one metric with masks of failed and censored entries."""

    values: np.ndarray
    failed: np.ndarray
    censored: np.ndarray


def to_arrays(answers: Answers) -> dict[str, np.ndarray]:
    """Return the checked answers as arrays, from which `from_arrays` makes them again; of failures nothing is kept."""
    arrays: dict[str, np.ndarray] = {}
    for name, answer in (("windows", answers.windows), ("climate", answers.climate)):
        if isinstance(answer, Checked):
            arrays |= {name: answer.values, f"{name} failed_at": answer.failed_at, f"{name} n_nonfinite": np.array([answer.n_nonfinite])}
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Answers:
    """Return the answers kept by `to_arrays`, without their map; what was not kept is a crash, and scores as one."""
    lost = Failure("crash", "no answer was kept")
    windows, climate = (
        Checked(arrays[name], arrays[f"{name} failed_at"], int(arrays[f"{name} n_nonfinite"][0])) if name in arrays else lost
        for name in ("windows", "climate")
    )
    return Answers(windows, climate, None)


def score(answers: Answers, prepared: Prepared) -> tuple[dict[str, Any], dict[str, np.ndarray], list[str]]:
    """Return ({metric label: entry of the record}, {array name: per-window arrays}, reasons of failures met while scoring).

    Truth is generated here, after the answers.
    """
    entries: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    reasons: list[str] = []
    scales = prepared.final_scales()
    shared: dict[Any, Any] = {}
    for label in prepared.metrics:
        metric = metric_from(label)
        scored = _scored_map(metric, answers, prepared, scales, shared) if metric.needs == "map" else _scored_runs(metric, answers, prepared, scales)
        if isinstance(scored, Failure):
            reasons.append(f"{label}: {scored.reason}")
            scored = _all_failed(metric, 1)
        if not np.isfinite(scored.values).all():
            raise MetricError(f"metric {label!r} gave a score that is not finite; a metric must score failures with its declared value")
        entries[label] = summary(metric, scored, prepared.floors().get(label))
        arrays[label] = scored.values
        arrays[f"{label} censored"] = scored.censored
    if isinstance(answers.windows, Checked):
        arrays["failed_at"] = answers.windows.failed_at
        arrays |= _picture(answers.windows, prepared)
    if isinstance(answers.climate, Checked) and len(answers.climate.values):
        arrays |= _attractors(answers.climate, prepared)
    return entries, arrays, reasons


def outcome(answers: Answers, reasons: list[str]) -> tuple[str, str, str]:
    """Return status, reason and traceback of a cell: the first failure met, else "nonfinite" when any answer held such numbers, else "ok"."""
    for answer in (answers.windows, answers.climate, answers.map):
        if isinstance(answer, Failure):
            return answer.status, answer.reason, answer.traceback
    said: list[str] = []
    n_nonfinite = 0
    for answer, what in ((answers.windows, "windows"), (answers.climate, "free runs")):
        if isinstance(answer, Checked):
            n_nonfinite += answer.n_nonfinite
            failed = int((answer.failed_at < answer.values.shape[2]).sum())
            if failed:
                earliest = int(answer.failed_at.min())
                total, bad = len(answer.failed_at), answer.n_nonfinite
                said.append(f"{failed} of {total} {what} left the attractor's range, the first at sample {earliest} ({bad} non-finite)")
    return ("nonfinite" if n_nonfinite else "ok"), "; ".join(said + reasons), ""


def _picture(answer: Checked, prepared: Prepared) -> dict[str, np.ndarray]:
    """Return the first window's first component over time in the task's unit: what a page draws."""
    truth = prepared.truth_windows()
    time = np.arange(1, truth.shape[1] + 1) * prepared.scales.dt / unit_of_time(prepared.scales)
    return {"picture_time": time, "picture_truth": truth[0, :, 0], "picture_forecast": answer.values[0, 0, :, 0]}


def _attractors(answer: Checked, prepared: Prepared) -> dict[str, np.ndarray]:
    """Return the first free run and its truth in a plane, (n, 2) each in half precision: what a page draws as learned and true attractor.

    The plane is that of the first component and the first other one that is not its sine; of one component, its value a quarter of a period later.
    """
    run, truth = answer.values[0, 0, prepared.climate_dropped :], prepared.truth_climate()[0]
    if truth.shape[1] == 1:
        lag = min(max(1, round(prepared.scales.period / (4 * prepared.scales.dt))), len(truth) - 1)
        run, truth = (np.stack([series[:-lag, 0], series[lag:, 0]], axis=1) for series in (run, truth))
    else:
        run, truth = (series[:, [0, _second(truth)]] for series in (run, truth))
    keep = np.unique(np.linspace(0, len(truth) - 1, _POINTS).astype(int))
    return {"picture_run": run[keep].astype(np.float16), "picture_climate": truth[keep].astype(np.float16)}


def _second(truth: np.ndarray) -> int:
    """Return which component of `truth` (T, D) to draw against the first: 1, or 2 where 0 and 1 lie on an ellipse, as both parts of an angle do."""
    if truth.shape[1] == 2:
        return 1
    pair = truth[:, :2]
    terms = np.column_stack([pair**2, pair])
    residual = 1 - terms @ np.linalg.lstsq(terms, np.ones(len(terms)), rcond=None)[0]
    return 2 if np.abs(residual).max() < _ELLIPSE else 1


def summary(metric: Metric, scored: Scored, floor: tuple[float, float, float] | None = None) -> dict[str, Any]:
    """Return value, 95 % bootstrap interval, counts, and the floor (median, 10 %, 90 %) or None."""
    kind = metric.aggregate
    low, high = interval(resampled(scored.values[None, :], kind))
    return {
        "value": float(aggregate(kind)(scored.values)),
        "interval": [low, high],
        "n": len(scored.values),
        "n_failed": int(scored.failed.sum()),
        "n_censored": int(scored.censored.sum()),
        "floor": None if floor is None else list(floor),
    }


def _scored_runs(metric: Metric, answers: Answers, prepared: Prepared, scales: Scales) -> Scored:
    answer, truth = (answers.windows, prepared.truth_windows()) if metric.needs == "windows" else (answers.climate, prepared.truth_climate())
    if isinstance(answer, Failure):
        return _all_failed(metric, len(truth))
    dropped = prepared.climate_dropped if metric.needs == "climate" else 0
    values, failed_at = answer.values[:, :, dropped:], np.maximum(answer.failed_at - dropped, 0)  # a run that failed in the dropped part failed at 0
    scores = np.asarray(metric.score(Answer(values, failed_at), truth, scales), dtype=np.float64)
    failed = failed_at < truth.shape[1]
    return Scored(scores, failed, np.asarray(metric.censored(scores, truth, scales)) & ~failed)


def _scored_map(metric: Metric, answers: Answers, prepared: Prepared, scales: Scales, shared: dict[Any, Any]) -> Scored | Failure:
    """The map is foreign code, so measuring it can fail like a forecast; having no map is a failure with a plain reason.

    shared: what metrics of this cell have measured on the map, so that it is measured once.
    """
    model = answers.map
    if isinstance(model, Failure):
        return model
    if not isinstance(model, AutonomousMap):
        return Failure("refused", "the forecaster gives no map with a tangent")
    empty = np.zeros((0, 1, 0, prepared.problem.dimension))
    answer = Answer(empty, np.zeros(0, dtype=np.int64), model, prepared.contexts[0].copy(), shared)
    scores = attempt("map", lambda: metric.score(answer, None, scales))
    if isinstance(scores, Failure):
        return scores
    return Scored(scores, np.zeros(len(scores), dtype=bool), np.zeros(len(scores), dtype=bool))


def _all_failed(metric: Metric, n: int) -> Scored:
    return Scored(np.full(n, metric.failed_value), np.ones(n, dtype=bool), np.zeros(n, dtype=bool))
