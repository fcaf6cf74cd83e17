"""Tuning: search the options that a forecaster declares, on a development suite; what is found becomes its defaults, with the evidence."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from chaosbench.entrants import Entrant, entrant
from chaosbench.errors import ForecasterError, TaskError
from chaosbench.evaluation import evaluate
from chaosbench.forecasters.base import Choice, Range
from chaosbench.identity import plain
from chaosbench.randomness import generator
from chaosbench.suites import Suite, metric_from, read_suite
from chaosbench.trials import SCHEMA, Trial, Tuning, add, opened, read_tuning

STARTUP = 5  # trials that are drawn at random, the defaults among them
WARMUP = 4  # tasks of a trial that always run
_VERSIONED = ("chaosbench", "numpy", "optuna")

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class _Search:
    """What is searched: the entrant, one suite a task, the metric, and the space both as declared and as distributions."""

    who: Entrant
    make: Callable[..., Any]
    suites: tuple[Suite, ...]
    metric: str
    space: Mapping[str, Range | Choice]
    distributions: Mapping[str, BaseDistribution]
    device: str
    cache: Path | None


def tune(
    forecaster: str | Path,
    suite: str | Path | Suite,
    path: Path,
    *,
    trials: int,
    seconds: float | None = None,
    tasks: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Return the tuning of `forecaster` after `trials` trials in all, those that the file at `path` holds already included.

    Parameters
    ----------
    forecaster: catalogue name or path of a .py file; its `space` says which options may be chosen. suite: its tasks are run without free runs.
    path: file of all trials; a study that was stopped goes on from it. trials: number wanted in the file. seconds: no trial is begun later than this
    after the call; None sets no limit. tasks: only these of the suite. seed: of the search; forecasters are fitted with seed 0.
    cache: folder that keeps simulated data.

    Method ------ Score of a trial: mean over tasks of the median valid prediction time (the suite's first metric on windows where higher is better)
    as a part of the horizon; a failed task scores 0. Trial 0 are the defaults. Later ones are proposed by the tree-structured Parzen estimator of
    Optuna, whose generator is keyed by the seed and the number of the trial, so that an interrupted study proposes what an undisturbed one would
    have. A trial whose mean so far is below the median of earlier ones at the same task is given up, after four tasks.

    Raises
    ------
    ForecasterError when nothing may be tuned, TaskError for misuse, RecordError when the file belongs to another study. KeyboardInterrupt passes
    through; finished trials are kept.
    """
    if trials < 1 or (seconds is not None and not seconds > 0):
        raise TaskError(f"trials = {trials!r}, seconds = {seconds!r}: at least one trial and, where given, a positive time are needed")
    whole = suite if isinstance(suite, Suite) else read_suite(suite)
    search = _search(forecaster, whole, tasks, device, cache)
    kept = opened(path, _study(search, whole, seed))
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=WARMUP - 1))
    for trial in kept.trials:
        study.add_trial(_replayed(trial, search))
    started = time.monotonic()
    for number in range(len(kept.trials), trials):
        if seconds is not None and time.monotonic() - started >= seconds:
            break
        stream = generator(seed, "tuning", search.who.name, number)
        study.sampler = optuna.samplers.TPESampler(seed=int(stream.integers(2**31)), n_startup_trials=STARTUP)
        if number == 0:
            study.enqueue_trial({name: _place(search.space[name], value) for name, value in defaults(search.make, search.space).items()})
        asked = study.ask(dict(search.distributions))
        done = _run(search, asked, number, None if progress is None else _within(progress, number, trials))
        add(path, done)
        if done.status == "pruned":
            study.tell(asked, state=TrialState.PRUNED)  # its value is the last one that was reported
        else:
            study.tell(asked, done.score)
    return read_tuning(path)


def defaults(make: Any, space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """Return the defaults of the constructor `make` for the options in `space`, those left out that the space does not hold."""
    parameters = inspect.signature(make).parameters
    return {name: parameters[name].default for name, options in space.items() if holds(options, parameters[name].default)}


def holds(options: Range | Choice, value: Any) -> bool:
    """Return whether tuning could choose `value`."""
    if isinstance(options, Choice):
        return plain(value) in [plain(option) for option in options.options]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and options.low <= value <= options.high and (not options.whole or int(value) == value)


def _search(forecaster: str | Path, suite: Suite, tasks: Sequence[str], device: str, cache: Path | None) -> _Search:
    who = entrant(forecaster, {})
    if who.missing is not None or who.make is None:
        raise ForecasterError(who.missing.reason if who.missing else f"{who.name}: cannot be loaded")
    space = dict(getattr(who.make, "space", {}))
    if not space:
        raise ForecasterError(f"{who.name}: declares no option to tune; give its class a `space`, or tune another forecaster")
    unknown = sorted(set(space) - set(inspect.signature(who.make).parameters))
    if unknown:
        raise ForecasterError(f"{who.name}: space names {unknown[0]!r}, which is no option of its constructor; rename or remove it")
    metric = next((label for label in suite.metrics if metric_from(label).needs == "windows" and metric_from(label).better == "higher"), None)
    if metric is None:
        raise TaskError(f"suite {suite.name!r}: no metric on windows where higher is better; tune on a suite that has one")
    chosen = [suite.task(label) for label in tasks] if tasks else suite.tasks
    suites = tuple(replace(suite, metrics=(metric,), tasks=(replace(spec, climate_runs=0, metrics=()),)) for spec in chosen)
    return _Search(who, who.make, suites, metric, space, {name: _distribution(options) for name, options in space.items()}, device, cache)


def _study(search: _Search, whole: Suite, seed: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "forecaster": search.who.name,
        "version": search.who.version,
        "source_sha256": search.who.source_sha256,
        "suite": whole.name,
        "suite_sha256": whole.sha256,
        "tasks": [suite.tasks[0].label for suite in search.suites],
        "metric": search.metric,
        "seed": seed,
        "device": search.device,
        "space": {name: {type(options).__name__: plain(vars(options))} for name, options in search.space.items()},
        "versions": {package: version(package) for package in _VERSIONED},
    }


def _run(search: _Search, asked: optuna.Trial, number: int, progress: Progress | None) -> Trial:
    options = {name: _value(search.space[name], asked.params[name]) for name in search.space}
    scores: dict[str, float] = {}
    reasons: list[str] = []
    started, status = time.monotonic(), "ok"
    for index, suite in enumerate(search.suites):
        spec = suite.tasks[0]
        record = evaluate(search.make, suite, options=options, device=search.device, cache=search.cache)
        (cell,) = record.cells
        answered = cell["status"] in ("ok", "nonfinite")
        scores[spec.label] = cell["metrics"][search.metric]["value"] / spec.horizon if answered else 0.0
        if not answered:
            reasons.append(f"{spec.label}: {cell['status']}: {cell['reason']}")
        mean = sum(scores.values()) / len(scores)
        asked.report(mean, index)
        if progress is not None:
            progress((index + 1) / len(search.suites), f"trial {number}: {mean:.3f} after {spec.label}")
        if number and index + 1 < len(search.suites) and asked.should_prune():
            status = "pruned"
            break
    if len(reasons) == len(scores):
        status = "failed"
    return Trial(number, plain(options), mean, scores, status, reasons[0] if reasons else "", time.monotonic() - started)


def _replayed(trial: Trial, search: _Search) -> optuna.trial.FrozenTrial:
    """Return a kept trial as the optimiser knows it: the same parameters, value and values on the way."""
    on_the_way, total = {}, 0.0
    for index, label in enumerate(suite.tasks[0].label for suite in search.suites if suite.tasks[0].label in trial.tasks):
        total += trial.tasks[label]
        on_the_way[index] = total / (index + 1)
    return create_trial(
        state=TrialState.PRUNED if trial.status == "pruned" else TrialState.COMPLETE,
        params={name: _place(search.space[name], trial.options[name]) for name in search.space},
        distributions=dict(search.distributions),
        value=trial.score,
        intermediate_values=on_the_way,
    )


def _distribution(options: Range | Choice) -> BaseDistribution:
    """Return the optimiser's form of an option: choices by their place, because it knows numbers and texts only."""
    if isinstance(options, Choice):
        return CategoricalDistribution(tuple(range(len(options.options))))
    if options.whole:
        return IntDistribution(int(options.low), int(options.high), log=options.log)
    return FloatDistribution(options.low, options.high, log=options.log)


def _value(options: Range | Choice, place: Any) -> Any:
    return options.options[place] if isinstance(options, Choice) else place


def _place(options: Range | Choice, value: Any) -> Any:
    return [plain(option) for option in options.options].index(plain(value)) if isinstance(options, Choice) else value


def _within(progress: Progress, number: int, trials: int) -> Progress:
    return lambda done, sentence: progress((number + done) / trials, sentence)
