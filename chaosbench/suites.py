"""Suites: frozen lists of tasks and metrics, read from TOML. A released suite never changes; its identity is the hash of its content."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from chaosbench.catalogue import data_folder, load, names
from chaosbench.errors import TaskError, nearest
from chaosbench.identity import sha256_of
from chaosbench.metrics.base import Metric
from chaosbench.suite_tracks import expanded

SCHEMA = 1


@dataclass(frozen=True)
class TaskSpec:
    """One forecasting task.

    system: catalogue name; parameters: changed parameters; view: observed components, all when empty. name: unique in the suite, default the system.
    dt: sampling interval; or samples_per_period: samples in a dominant period, default 100; maps use 1.
    training_samples: over all training_trajectories. validation_samples: default a quarter of that. context: samples before each forecast.
    horizon: of the windows, in Lyapunov times (dominant periods where the Lyapunov time is refused). windows: number of test windows.
    climate_runs, climate_samples: free runs and their length; the first quarter of each is dropped. 0 runs: no climate.
    samples: members of the ensemble that a probabilistic forecaster is asked for in each window; others answer once. Free runs are single.
    noise: standard deviation of what is added to all that a forecaster sees (training, validation, contexts), in standard deviations of each
    component; truth stays clean. blind: the system cannot be recognised, see `blinding`. track: under which conditions, a name for tables.
    metrics: in place of the suite's; empty for those. training_parameters: changed parameters of the training and validation data, one trajectory of
    equal length for each; the test is at `parameters`. start: a state near which test trajectories begin, to reach another attractor than the
    training data's, whose units of time stay. zero_shot: every window is forecast by a forecaster fitted to its context alone.
    """

    system: str
    training_samples: int
    context: int
    horizon: float
    windows: int
    name: str = ""
    parameters: tuple[tuple[str, float], ...] = ()
    view: tuple[str, ...] = ()
    dt: float | None = None
    samples_per_period: float | None = None
    training_trajectories: int = 1
    validation_samples: int | None = None
    climate_runs: int = 5
    climate_samples: int = 20_000
    samples: int = 1
    noise: float = 0.0
    blind: bool = False
    track: str = ""
    metrics: tuple[str, ...] = ()
    training_parameters: tuple[tuple[tuple[str, float], ...], ...] = ()
    start: tuple[float, ...] = ()
    zero_shot: bool = False

    def __post_init__(self) -> None:
        where = f"task {self.label!r}"
        least = {"training_samples": 2, "context": 1, "windows": 1, "training_trajectories": 1, "climate_runs": 0, "climate_samples": 8, "samples": 1}
        for key, bound in least.items():
            _whole(getattr(self, key), bound, f"{where}: {key}")
        if self.validation_samples is not None:
            _whole(self.validation_samples, 1, f"{where}: validation_samples")
        for key in ("horizon", "dt", "samples_per_period"):
            number = getattr(self, key)
            if number is not None and not 0 < number < float("inf"):
                raise TaskError(f"{where}: {key} = {number!r}: must be a positive number")
        if not 0 <= self.noise < float("inf"):
            raise TaskError(f"{where}: noise = {self.noise!r}: must be a number of at least 0, in standard deviations of each component")
        if self.blind and (self.view or self.parameters or self.training_parameters or self.start):
            raise TaskError(f"{where}: blind tasks choose parameters and mix components themselves; remove view, parameters and start")
        if self.zero_shot and (self.climate_runs or self.training_parameters):
            raise TaskError(f"{where}: zero_shot has no training data, so no free runs either; set climate_runs = 0 and no training_parameters")
        if self.training_parameters and self.training_trajectories != 1:
            raise TaskError(f"{where}: training_parameters give one trajectory each; remove training_trajectories")
        if self.dt is not None and self.samples_per_period is not None:
            raise TaskError(f"{where}: dt and samples_per_period both set the sampling interval; give one")
        if self.climate_runs == 1:
            raise TaskError(f"{where}: climate_runs = 1: the floor needs two true runs to compare; give at least 2, or 0 for no climate")
        if self.training_samples // self.training_trajectories < 2:
            raise TaskError(
                f"{where}: training_samples = {self.training_samples} over {self.training_trajectories} trajectories leaves fewer than 2 each"
            )

    @property
    def label(self) -> str:
        """Name of the task in records and tables."""
        return self.name or self.system

    def to_data(self) -> dict[str, Any]:
        """Return the recipe as JSON data; keys at their default are left out, so that a later optional key changes no old hash."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {key: value for key, value in data.items() if value != _DEFAULTS.get(key, MISSING)}
        sets = [dict(values) for values in self.training_parameters]
        plain = {
            "parameters": dict(self.parameters),
            "training_parameters": sets,
            "view": list(self.view),
            "metrics": list(self.metrics),
            "start": list(self.start),
        }
        return kept | {key: value for key, value in plain.items() if value}


_DEFAULTS = {field.name: field.default for field in fields(TaskSpec) if field.default is not MISSING}


@dataclass(frozen=True)
class Suite:
    """Tasks and the metrics that score them. seed: of all data; metrics: names with an optional "@argument"."""

    name: str
    version: int
    seed: int
    metrics: tuple[str, ...]
    tasks: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        where = f"suite {self.name!r}"
        _whole(self.version, 1, f"{where}: version")
        _whole(self.seed, 0, f"{where}: seed")
        if not self.metrics or not self.tasks:
            raise TaskError(f"{where}: {len(self.metrics)} metrics and {len(self.tasks)} tasks; give at least one of each")
        tasks = tuple(task.label for task in self.tasks)
        for kind, labels in (("metric", self.metrics), ("task", tasks), *(("metric", task.metrics) for task in self.tasks)):
            twice = {label for label in labels if labels.count(label) > 1}
            if twice:
                raise TaskError(f"{where}: {kind} {min(twice)!r} appears twice; names are unique, give tasks on one system a name of their own")
        for label in dict.fromkeys([*self.metrics, *(label for task in self.tasks for label in task.metrics)]):
            split_metric(label, where)

    @property
    def sha256(self) -> str:
        """Identity of the suite: the hash of its content, comments and layout left out."""
        return sha256_of(self.to_data())

    def to_data(self) -> dict[str, Any]:
        """Return the content as JSON data."""
        data = {"schema": SCHEMA, "name": self.name, "version": self.version, "seed": self.seed, "metrics": list(self.metrics)}
        return data | {"task": [task.to_data() for task in self.tasks]}

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the tracks, in order; without tracks one of no name."""
        return tuple(dict.fromkeys(task.track for task in self.tasks))

    def metrics_of(self, task: TaskSpec) -> tuple[str, ...]:
        """Return the metrics that score `task`."""
        return task.metrics or self.metrics

    def in_tracks(self, tracks: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the tasks in `tracks`, all of them when empty; TaskError for an unknown one."""
        for track in tracks:
            if track not in self.tracks:
                raise TaskError(f"suite {self.name!r}: no track {track!r}; tracks are {', '.join(filter(None, self.tracks)) or 'none'}")
        return tuple(task.label for task in self.tasks if not tracks or task.track in tracks)

    def task(self, label: str) -> TaskSpec:
        """Return the task called `label`; TaskError when there is none."""
        found = {task.label: task for task in self.tasks}
        if label not in found:
            raise TaskError(f"suite {self.name!r}: no task {label!r}; tasks are {', '.join(found)}{nearest(label, found)}")
        return found[label]


def split_metric(label: str, where: str = "metric") -> tuple[str, float | None]:
    """Return (name, argument) of a metric label such as "name@0.4"; TaskError when the name is unknown or the argument is no number."""
    name, at, text = label.partition("@")
    known = names("metrics")
    if name not in known:
        raise TaskError(f"{where}: unknown metric {name!r}; metrics are {', '.join(known)}{nearest(name, known)}")
    try:
        return name, float(text) if at else None
    except ValueError as reason:
        raise TaskError(f"{where}: metric {label!r}: what stands after @ must be a number, for example {name}@1") from reason


@cache
def metric_from(label: str) -> Metric:
    """Return the metric that a label such as "name@0.4" means."""
    name, argument = split_metric(label)
    metric: Metric = load("metrics", name)(argument)
    return metric


def _folder() -> Path:
    return data_folder("_suites", "leaderboard/suites")


def suite_names() -> tuple[str, ...]:
    """Return the sorted names of the suites that come with the package."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def read_suite(name: str | Path) -> Suite:
    """Return the suite called `name`, or the one in the file `name` (anything that ends in .toml).

    Raises TaskError naming file, key, rule and fix.
    """
    path = Path(name) if str(name).endswith(".toml") else _folder() / f"{name}.toml"
    if not path.is_file():
        known = suite_names()
        raise TaskError(f"no suite {str(name)!r}; suites are {', '.join(known)}, or give the path of a .toml file{nearest(str(name), known)}")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise TaskError(f"{path}: not TOML ({reason})") from reason
    try:
        return suite_from_data(expanded(data))
    except TaskError as reason:
        raise TaskError(f"{path}: {reason}") from reason


def suite_from_data(data: Mapping[str, Any]) -> Suite:
    """Return the suite described by TOML or JSON data of the form `Suite.to_data` gives."""
    _check_keys(data, {"schema": int, "name": str, "version": int, "seed": int, "metrics": list, "task": list}, set(), "suite")
    if data["schema"] != SCHEMA:
        raise TaskError(f"schema = {data['schema']!r}: this version reads schema {SCHEMA}; use the version that the suite was written for")
    tasks = tuple(_task_from_data(entry, f"task[{index}]") for index, entry in enumerate(data["task"]))
    metrics = tuple(_texts(data["metrics"], "metrics"))
    return Suite(name=data["name"], version=data["version"], seed=data["seed"], metrics=metrics, tasks=tasks)


def _task_from_data(data: Any, where: str) -> TaskSpec:
    if not isinstance(data, Mapping):
        raise TaskError(f"{where}: {data!r} is not a table; write [[task]] and its keys below")
    number = (int, float)
    types: dict[str, Any] = {field.name: int for field in fields(TaskSpec)}
    types |= dict.fromkeys(("view", "metrics", "start", "training_parameters"), list)
    types |= dict.fromkeys(("horizon", "dt", "samples_per_period", "noise"), number)
    types |= {"system": str, "name": str, "track": str, "parameters": Mapping, "blind": bool, "zero_shot": bool}
    _check_keys(data, types, set(_DEFAULTS), where)
    values = dict(data)
    if "parameters" in values:
        values["parameters"] = _numbers(values["parameters"], f"{where}.parameters")
    if "training_parameters" in values:
        sets = enumerate(values["training_parameters"])
        values["training_parameters"] = tuple(_numbers(entry, f"{where}.training_parameters[{index}]") for index, entry in sets)
    for key in ("view", "metrics"):
        if key in values:
            values[key] = tuple(_texts(values[key], f"{where}.{key}"))
    if "start" in values:
        values["start"] = tuple(value for _, value in _numbers({f"[{place}]": x for place, x in enumerate(values["start"])}, f"{where}.start"))
    for key in ("horizon", "dt", "samples_per_period", "noise"):
        if key in values:
            values[key] = float(values[key])
    return TaskSpec(**values)


def _numbers(data: Any, where: str) -> tuple[tuple[str, float], ...]:
    """Return changed parameters as sorted pairs."""
    if not isinstance(data, Mapping):
        raise TaskError(f"{where}: {data!r} is not a table; write for example {{ rho = 30 }}")
    _check_keys(data, dict.fromkeys(data, (int, float)), set(), where)
    return tuple(sorted((key, float(value)) for key, value in data.items()))


def _check_keys(data: Mapping[str, Any], types: Mapping[str, Any], optional: set[str], where: str) -> None:
    for key, value in data.items():
        if key not in types:
            raise TaskError(f"{where}: unknown key {key!r}; keys are {', '.join(types)}{nearest(key, types)}")
        if isinstance(value, bool) != (types[key] is bool) or not isinstance(value, types[key]):
            wanted = types[key] if isinstance(types[key], tuple) else (types[key],)
            raise TaskError(f"{where}: {key} = {value!r}: must be of type {' or '.join(kind.__name__ for kind in wanted)}")
    missing = [key for key in types if key not in data and key not in optional]
    if missing:
        raise TaskError(f"{where}: {missing[0]} is missing; add it (needed are {', '.join(key for key in types if key not in optional)})")


def _texts(values: list[Any], where: str) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise TaskError(f"{where}: {value!r}: must be text")
    return values


def _whole(value: Any, least: int, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TaskError(f"{where} = {value!r}: must be a whole number, at least {least}")
