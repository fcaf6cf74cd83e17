"""One cell: one forecaster (or reference), one task, one seed. Fit, forecast, check, score; and the file that lets a later run skip it."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.answers import Checked, Failure, attempt, check
from chaosbench.entrants import UNKNOWN_SOURCE, Entrant
from chaosbench.errors import RecordError
from chaosbench.folders import write_whole
from chaosbench.forecasters.base import Budget, Forecaster, Training
from chaosbench.identity import canonical_json, sha256_of
from chaosbench.plans import Plan, plan
from chaosbench.records import Windows, read_windows, windows_sha256, write_windows
from chaosbench.scoring import Answers, outcome, score, to_arrays
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import Prepared, prepare

PASSING = ("timeout", "oom", "crash", "not_installed")  # outcomes that another deadline, machine or installation may change: never kept
SCORING = "2"  # part of every cell's key and every record: raise it when any score could change
ANSWERS = "answers"  # folder of kept answers, in a cache and beside the records of a round
_REMEMBERED = 32


@dataclass(frozen=True)
class Job:
    """What decides a cell's numbers, and where finished cells are kept (`cache`, or None).

    commitment: of a sealed round, whose answers are written to the cache's folder of answers before the truth is made; None elsewhere.
    """

    entrant: Entrant
    suite: Suite
    spec: TaskSpec
    seed: int
    device: str
    cache: Path | None
    commitment: str | None = None


@dataclass(frozen=True)
class Cell:
    """A finished cell: its entry in the record, its per-window arrays, what stays outside the hash, and whether it was read from the cache."""

    entry: Mapping[str, Any]
    windows: Windows
    volatile: Mapping[str, Any]
    reused: bool = False


@lru_cache(maxsize=_REMEMBERED)
def prepared_task(spec: TaskSpec, suite: Suite, cache: Path | None) -> Prepared:
    """Return the prepared task, remembered within this process so that all forecasters and seeds share its data and its truth."""
    return prepare(spec, suite, cache=cache)


@lru_cache(maxsize=256)
def planned_task(spec: TaskSpec, suite: Suite) -> Plan:
    """Return the plan of a task, remembered within this process."""
    return plan(spec, suite)


def cell_key(job: Job) -> str:
    """Return the identity of a cell: forecaster's source and options, task with system and facts, seed, metrics, device, scoring."""
    who = job.entrant
    forecaster = {"name": who.name, "version": who.version, "source": who.source_sha256, "options": who.options, "device": job.device}
    mark = ({"reference": True} if who.reference else {}) | ({"commitment": job.commitment} if job.commitment else {})
    task = planned_task(job.spec, job.suite).recipe()
    return sha256_of(
        {"forecaster": {**forecaster, **mark}, "task": task, "seed": job.seed, "metrics": job.suite.metrics_of(job.spec), "scoring": SCORING}
    )


def run_cell(job: Job, progress: Callable[[float, str], None] | None = None) -> Cell:
    """Return the finished cell of `job`: read from the cache when it is there and whole, otherwise computed and kept.

    progress: told by trainings that take long. What they keep to be resumed stands in the cache until the cell does.
    """
    keep = job.cache is not None and job.entrant.source_sha256 != UNKNOWN_SOURCE
    if keep and (found := _read(job)) is not None:
        return found
    with threadpool_limits(limits=1):  # the number of cores must not decide the last bits of a record, nor one cell slow another
        budget = Budget(progress=progress, folder=_trainings(job) if keep else None)
        cell = _compute(job, budget)
    if keep and cell.entry["status"] not in PASSING:
        _write(job, cell)
        if (kept := _trainings(job)) is not None:
            shutil.rmtree(kept, ignore_errors=True)
    return cell


def forget_failed(job: Job) -> bool:
    """Return whether a cell of `job` with any status but "ok" was kept; it is kept no longer, so that the next run computes it."""
    found = _read(job)
    if found is None or found.entry["status"] == "ok" or job.cache is None:
        return False
    _place(job, job.cache).unlink(missing_ok=True)
    return True


def _compute(job: Job, budget: Budget) -> Cell:
    prepared = prepared_task(job.spec, job.suite, job.cache)
    volatile: dict[str, Any] = {"fit_seconds": None, "predict_seconds": None, "parameters": None, "traceback": ""}
    answer = _reference if job.entrant.reference else _answers
    answers = job.entrant.missing or answer(job, prepared, budget, volatile)
    if isinstance(answers, Failure):
        answers = Answers(answers, answers, answers)
    sealed = {}
    if job.commitment and job.cache is not None:
        sealed["answers_sha256"] = write_windows(to_arrays(answers), job.cache, ANSWERS)
    entries, arrays, reasons = score(answers, prepared)
    status, reason, volatile["traceback"] = outcome(answers, reasons)
    entry = {
        "task": job.spec.label,
        "system": job.spec.label if job.commitment and job.spec.blind else prepared.plan.definition.name,
        "system_identity": prepared.plan.definition.identity,
        "time_unit": prepared.plan.time_unit,
        "seed": job.seed,
        "status": status,
        "reason": reason,
        "metrics": entries,
        "windows_sha256": windows_sha256(arrays),
        **({"track": job.spec.track} if job.spec.track else {}),
        **sealed,
    }
    return Cell(entry, arrays, volatile)


def _answers(job: Job, prepared: Prepared, budget: Budget, volatile: dict[str, Any]) -> Answers | Failure:
    """Fit and forecast; a worker process ends here, before the truth is made, and leaves its report."""
    forecaster = attempt("construct", lambda: job.entrant.make(**job.entrant.options) if job.entrant.make else None)
    if isinstance(forecaster, Failure):
        return forecaster
    try:
        return _asked(job, prepared, budget, volatile, forecaster)
    finally:
        attempt("close", getattr(forecaster, "close", lambda: None))
        volatile |= getattr(forecaster, "worker_report", dict)()


def _asked(job: Job, prepared: Prepared, budget: Budget, volatile: dict[str, Any], forecaster: Any) -> Answers | Failure:
    """Ask for fit and forecasts; every call into the forecaster goes through `attempt`, with copies of the shared data."""
    problem = replace(prepared.problem, device=job.device)
    refusal = attempt("unsupported", lambda: forecaster.unsupported(problem))
    if isinstance(refusal, Failure):
        return refusal
    if refusal is not None:
        return Failure("refused", str(refusal))
    told = bool(getattr(forecaster, "parameter_input", False))
    if job.spec.zero_shot:
        return _zero_shot(job, prepared, budget, volatile)
    started = time.perf_counter()
    fitted = attempt("fit", lambda: forecaster.fit(_copy(prepared.training, told), seed=job.seed, device=job.device, budget=budget))
    volatile["fit_seconds"] = time.perf_counter() - started
    if isinstance(fitted, Failure):
        return fitted
    started = time.perf_counter()
    windows = _forecast(
        forecaster,
        prepared.contexts,
        problem.horizon,
        job.seed,
        prepared.limit,
        "forecast of the windows",
        parameters=prepared.parameters if told else None,
        members=_members(job, forecaster),
    )
    climate = _forecast(forecaster, prepared.climate_contexts, prepared.climate_length, job.seed, prepared.limit, "free run")
    volatile["predict_seconds"] = time.perf_counter() - started
    count = attempt("n_parameters", lambda: int(forecaster.n_parameters))
    volatile["parameters"] = None if isinstance(count, Failure) else count
    model = attempt("as_map", forecaster.as_map)
    return Answers(windows, climate, model)


def _reference(job: Job, prepared: Prepared, _: Budget, volatile: dict[str, Any]) -> Answers | Failure:
    """Let a reference answer: it sees the whole task, has nothing to fit and no map, and is checked as a forecaster is."""
    reference = attempt("construct", lambda: job.entrant.make(**job.entrant.options) if job.entrant.make else None)
    refusal = reference if isinstance(reference, Failure) else attempt("unsupported", lambda: reference.unsupported(prepared))
    if refusal is not None:
        return refusal if isinstance(refusal, Failure) else Failure("refused", str(refusal))
    started = time.perf_counter()
    asked = (
        (reference.windows, prepared.contexts, prepared.problem.horizon),
        (reference.climate, prepared.climate_contexts, prepared.climate_length),
    )
    checked = []
    for call, contexts, length in asked:
        raw = attempt(call.__name__, partial(call, prepared, job.seed))
        shape = (len(contexts), 1, length, contexts.shape[2])
        checked.append(raw if isinstance(raw, Failure) else check(raw, shape, prepared.limit, call.__name__))
    volatile["predict_seconds"] = time.perf_counter() - started
    return Answers(checked[0], checked[1], None)


def _zero_shot(job: Job, prepared: Prepared, budget: Budget, volatile: dict[str, Any]) -> Answers | Failure:
    """Fit a fresh forecaster to every context alone and let it continue that context; the first that fails ends the cell."""
    horizon, parts = prepared.problem.horizon, []
    volatile["fit_seconds"] = volatile["predict_seconds"] = 0.0
    empty = _forecast(None, prepared.contexts[:0], horizon, job.seed, prepared.limit, "free run")
    for number, context in enumerate(prepared.contexts):
        forecaster = attempt("construct", lambda: job.entrant.make(**job.entrant.options) if job.entrant.make else None)
        training = Training([context.copy()], prepared.training.dt, geometry=prepared.training.geometry)
        started = time.perf_counter()
        fitted = attempt(f"fit to context {number}", partial(forecaster.fit, training, seed=job.seed, device=job.device, budget=budget))
        volatile["fit_seconds"] += time.perf_counter() - started
        started = time.perf_counter()
        members = _members(job, forecaster)
        part = fitted or _forecast(forecaster, context[None], horizon, job.seed, prepared.limit, f"forecast of window {number}", members=members)
        volatile["predict_seconds"] += time.perf_counter() - started
        attempt("close", getattr(forecaster, "close", lambda: None))
        if isinstance(part, Failure):
            return part
        parts.append(part)
    values, failed_at = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "failed_at"))
    return Answers(Checked(values, failed_at, sum(part.n_nonfinite for part in parts)), empty, None)


def _members(job: Job, forecaster: Any) -> int:
    """Return how many members a window's forecast is asked for: copies of one forecast would look like an ensemble without spread."""
    return job.spec.samples if getattr(forecaster, "probabilistic", False) else 1


def _forecast(
    forecaster: Forecaster | None,
    contexts: np.ndarray,
    horizon: int,
    seed: int,
    limit: np.ndarray,
    what: str,
    *,
    parameters: np.ndarray | None = None,
    members: int = 1,
) -> Checked | Failure:
    shape = (len(contexts), members, horizon, contexts.shape[2])
    if not len(contexts) or forecaster is None:
        return Checked(np.zeros(shape), np.zeros(0, dtype=np.int64), 0)
    raw = attempt(what, lambda: forecaster.forecast(contexts.copy(), horizon, parameters=parameters, n_samples=members, seed=seed))
    return raw if isinstance(raw, Failure) else check(raw, shape, limit, what)


def _copy(training: Training, told: bool) -> Training:
    """Foreign code may write into what it is given; the remembered data must stay as they are. told: whether it is given the parameters, too."""
    validation = _copy(training.validation, told) if training.validation else None
    parameters = training.parameters.copy() if told and training.parameters is not None else None
    return replace(training, states=[states.copy() for states in training.states], parameters=parameters, validation=validation)


def _place(job: Job, cache: Path) -> Path:
    return cache / "cells" / f"{cell_key(job)}.json"


def _trainings(job: Job) -> Path | None:
    return None if job.cache is None else job.cache / "trainings" / cell_key(job)


def _write(job: Job, cell: Cell) -> None:
    """Keep a cell: arrays first, then its small file, each whole or not at all, so that an interrupt leaves no half cell behind."""
    if job.cache is not None:
        write_windows(cell.windows, job.cache)
        body = {"entry": cell.entry, "volatile": cell.volatile}
        write_whole(_place(job, job.cache), canonical_json({**body, "sha256": sha256_of(body)}))


def _read(job: Job) -> Cell | None:
    """Return the kept cell, or None when it is absent, half-written or damaged: it is then computed again."""
    if job.cache is None:
        return None
    try:
        data = json.loads(_place(job, job.cache).read_text(encoding="utf-8"))
        if sha256_of({"entry": data["entry"], "volatile": data["volatile"]}) != data["sha256"]:
            return None
        if job.commitment:
            read_windows(data["entry"]["answers_sha256"], job.cache, ANSWERS)
        return Cell(data["entry"], read_windows(data["entry"]["windows_sha256"], job.cache), data["volatile"], reused=True)
    except (OSError, ValueError, KeyError, TypeError, RecordError):
        return None
