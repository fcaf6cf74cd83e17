"""The file of a tuning: one line of JSON for what was tuned, one for every finished trial; the store, the record and the evidence in one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaosbench.errors import RecordError
from chaosbench.folders import write_whole
from chaosbench.identity import canonical_json

SCHEMA = 1
_STUDY = ("schema", "forecaster", "version", "source_sha256", "suite", "suite_sha256", "tasks", "metric", "seed", "device", "space", "versions")
_TRIAL = ("number", "options", "score", "tasks", "status", "reason", "seconds")
_DECIDING = ("forecaster", "source_sha256", "suite_sha256", "tasks", "metric", "seed", "device", "space")  # trials under others cannot be compared


@dataclass(frozen=True)
class Trial:
    """One choice of options.

    number: from 0, which are the forecaster's defaults. options: as JSON data. tasks: {task: score} in the order they ran; a score is the median over
    windows as a part of the horizon, 0 where the cell failed. score: their mean. status: "ok", "pruned" (given up as worse than the median of earlier
    trials after some tasks), or "failed" (no task succeeded). reason: of the first task that failed. seconds: of the wall.
    """

    number: int
    options: Mapping[str, Any]
    score: float
    tasks: Mapping[str, float]
    status: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Tuning:
    """A file of trials.

    study: forecaster, version and source, suite and its hash, tasks, metric, seed, device, search space and versions of packages. defaults_kept: why
    the forecaster's defaults are not the best options, or empty; a line {"defaults_kept": "..."} that whoever decides so adds to the file.
    """

    study: Mapping[str, Any]
    trials: tuple[Trial, ...] = field(default=())
    defaults_kept: str = ""

    @property
    def best(self) -> Trial | None:
        """The finished trial with the highest score, the earliest of equals; None before there is one."""
        finished = [trial for trial in self.trials if trial.status == "ok"]
        return max(finished, key=lambda trial: (trial.score, -trial.number)) if finished else None


def read_tuning(path: Path) -> Tuning:
    """Return the file at `path`. A damaged last line, left by an interrupt, is dropped; RecordError for any other damage."""
    lines = path.read_text(encoding="utf-8").splitlines()
    entries: list[Mapping[str, Any]] = []
    for index, line in enumerate(lines):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as reason:
            if index == len(lines) - 1 and index > 0:
                break
            raise RecordError(f"{path}: line {index + 1} is not JSON ({reason}); delete the file and tune again") from reason
        entries.append(entry if isinstance(entry, Mapping) else {})
    if not entries or set(entries[0]) != {"study"} or set(entries[0]["study"]) != set(_STUDY) or entries[0]["study"]["schema"] != SCHEMA:
        raise RecordError(f"{path}: its first line is no study of schema {SCHEMA}; give another --output, or delete the file and tune again")
    trials: list[Trial] = []
    kept = ""
    for index, entry in enumerate(entries[1:], start=2):
        if set(entry) == {"defaults_kept"}:
            kept = str(entry["defaults_kept"])
        elif set(entry) == {"trial"} and set(entry["trial"]) == set(_TRIAL) and entry["trial"]["number"] == len(trials):
            trials.append(Trial(**entry["trial"]))
        else:
            raise RecordError(f"{path}: line {index} is not trial {len(trials)}; delete the file and tune again")
    return Tuning(entries[0]["study"], tuple(trials), kept)


def opened(path: Path, study: Mapping[str, Any]) -> Tuning:
    """Return the tuning at `path`, begun now if there is none, whole again if its last line was damaged.

    Raises RecordError when the file belongs to a study whose trials cannot be compared with those of `study`, naming what differs.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, canonical_json({"study": study}) + "\n")
        return Tuning(study)
    found = read_tuning(path)
    wanted = json.loads(canonical_json(study))
    differ = [key for key in _DECIDING if found.study[key] != wanted[key]]
    if differ:
        raise RecordError(f"{path}: its trials are of another {differ[0]}; give another --output, or delete the file and tune again")
    lines = [{"study": found.study}, *({"trial": asdict(trial)} for trial in found.trials)]
    lines += [{"defaults_kept": found.defaults_kept}] if found.defaults_kept else []
    write_whole(path, "".join(canonical_json(line) + "\n" for line in lines))
    return found


def add(path: Path, trial: Trial) -> None:
    """Append a finished trial to the file at `path`."""
    with path.open("a", encoding="utf-8") as file:
        file.write(canonical_json({"trial": asdict(trial)}) + "\n")
