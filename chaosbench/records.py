"""Records: what one forecaster scored on one suite, as canonical JSON with a hash, and per-window scores beside it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from chaosbench.errors import RecordError
from chaosbench.folders import write_whole
from chaosbench.identity import canonical_json, sha256_of, sha256_of_array

SCHEMA = 1
_KEYS = ("schema", "identity", "cells", "environment", "volatile", "sha256")
_IDENTITY = ("forecaster", "version", "source_sha256", "options", "suite", "suite_sha256", "scoring")
_MAY_HAVE = ("reference", "commitment")  # of the identity: true where the answers were made with the truth; of a sealed round; absent elsewhere
_CELL_MAY_HAVE = ("track", "answers_sha256")  # absent where the suite has no tracks, where answers were not kept
_CELL = ("task", "system", "system_identity", "time_unit", "seed", "status", "reason", "metrics", "windows_sha256")
_METRIC = ("value", "interval", "n", "n_failed", "n_censored", "floor")

Windows = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Record:
    """One forecaster on one suite.

    identity: forecaster, version, source_sha256, options, suite, suite_sha256, scoring; reference where it is one; commitment of its round.
    cells: one a task and seed: task, system, system_identity, time_unit, seed, status, reason, windows_sha256; track; answers_sha256 in rounds;
    metrics {label: value, interval, n, n_failed, n_censored, floor}.
    environment: where it ran. volatile: seconds, deterministic (whether seeds change nothing, where known) and, by "task/seed", times, parameter
    counts and tracebacks. Only identity and cells enter the hash. windows:
    {windows_sha256: {metric label: per-window scores, "failed_at" and others}}.
    """

    identity: Mapping[str, Any]
    cells: tuple[Mapping[str, Any], ...]
    environment: Mapping[str, Any]
    volatile: Mapping[str, Any]
    windows: Mapping[str, Windows] = field(default_factory=dict, repr=False)

    @property
    def sha256(self) -> str:
        """Hash over identity and cells."""
        return sha256_of({"identity": self.identity, "cells": self.cells})

    @property
    def reference(self) -> bool:
        """Whether the answers were made with the truth, so that this is no competitor."""
        return bool(self.identity.get("reference", False))

    @property
    def label(self) -> str:
        """Name of the forecaster for tables, with its options where they differ from the defaults."""
        options = ", ".join(f"{key}={value}" for key, value in sorted(self.identity["options"].items()))
        return f"{self.identity['forecaster']} ({options})" if options else str(self.identity["forecaster"])

    @property
    def file_name(self) -> str:
        """Name of its file: suite, forecaster, and a short hash of the options where there are any."""
        options = f"--{sha256_of(self.identity['options'])[:8]}" if self.identity["options"] else ""
        return f"{self.identity['suite']}--{self.identity['forecaster']}{options}.json"

    def scores(self, cell: Mapping[str, Any], metric: str) -> np.ndarray:
        """Return the per-window (per-run, per-map) scores of `metric` in `cell`."""
        sha = cell["windows_sha256"]
        if sha not in self.windows or metric not in self.windows[sha]:
            raise RecordError(
                f"{self.label}: no per-window scores of {metric!r} for task {cell['task']!r}; read the record with its windows folder beside it"
            )
        return np.asarray(self.windows[sha][metric])


def windows_sha256(windows: Windows) -> str:
    """Return the content hash of per-window arrays: names, shapes and bytes, independent of the file format."""
    return sha256_of({name: sha256_of_array(array) for name, array in windows.items()})


def write_record(record: Record, folder: Path) -> Path:
    """Write `record` and its windows into `folder`, each file whole or not at all; return the path of the JSON. An older record is replaced."""
    for windows in record.windows.values():
        write_windows(windows, folder)
    lines = {
        "schema": canonical_json(SCHEMA),
        "identity": canonical_json(record.identity),
        "cells": "[\n  " + ",\n  ".join(canonical_json(cell) for cell in record.cells) + "\n ]",
        "environment": canonical_json(record.environment),
        "volatile": canonical_json(record.volatile),
        "sha256": canonical_json(record.sha256),
    }
    path = folder / record.file_name
    write_whole(path, "{\n" + ",\n".join(f' "{key}": {text}' for key, text in lines.items()) + "\n}\n")
    return path


def joined(records: Sequence[Record], tasks: Sequence[str]) -> Record:
    """Return one record of the cells of `records`, parts of one forecaster's work on one suite; of equal cells the later part's is taken.

    tasks: all of the suite, in its order, which with the seeds decides the order of the cells. Raises RecordError for parts of different work.
    """
    last = records[-1]
    for record in records:
        odd = [key for key in last.identity if record.identity.get(key) != last.identity[key]]
        if odd:
            raise RecordError(f"{record.label}: parts of different {odd[0]}: {record.identity.get(odd[0])!r} and {last.identity[odd[0]]!r}")
    cells = {(tasks.index(cell["task"]), cell["seed"]): cell for record in records for cell in record.cells}
    seconds = sum(record.volatile.get("seconds", 0.0) for record in records)
    volatile: dict[str, Any] = {**last.volatile, "seconds": seconds, "cells": {}}
    windows: dict[str, Windows] = {}
    for record in records:
        volatile["cells"] |= record.volatile.get("cells", {})
        windows |= record.windows
    ordered = tuple(cells[place] for place in sorted(cells))
    kept = {cell["windows_sha256"] for cell in ordered}
    return Record(last.identity, ordered, last.environment, volatile, {sha: arrays for sha, arrays in windows.items() if sha in kept})


def read_record(path: Path, *, windows: bool = True) -> Record:
    """Return the record at `path`, verified: schema, hash, and (with `windows`) the per-window files beside it.

    Raises RecordError naming what is missing, unknown or differs.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as reason:
        raise RecordError(f"{path}: cannot be read as JSON ({reason}); evaluate again") from reason
    _exactly(data, _KEYS, f"{path}")
    if data["schema"] != SCHEMA:
        raise RecordError(f"{path}: schema {data['schema']!r}; this version reads schema {SCHEMA}")
    _exactly(data["identity"], _IDENTITY, f"{path}: identity", _MAY_HAVE)
    if data["identity"].get("reference", True) is not True:
        raise RecordError(f"{path}: identity: reference = {data['identity']['reference']!r}: can only be true; evaluate again")
    for index, cell in enumerate(data["cells"]):
        _exactly(cell, _CELL, f"{path}: cells[{index}]", _CELL_MAY_HAVE)
        for label, entry in cell["metrics"].items():
            _exactly(entry, _METRIC, f"{path}: cells[{index}].metrics[{label!r}]")
    record = Record(data["identity"], tuple(data["cells"]), data["environment"], data["volatile"])
    if record.sha256 != data["sha256"]:
        raise RecordError(
            f"{path}: sha256 is written as {data['sha256']} but identity and cells hash to {record.sha256}: the file was changed after it was "
            "written; evaluate again"
        )
    if not windows:
        return record
    wanted = sorted({cell["windows_sha256"] for cell in record.cells})
    return Record(record.identity, record.cells, record.environment, record.volatile, {sha: read_windows(sha, Path(path).parent) for sha in wanted})


def write_windows(windows: Windows, folder: Path, kind: str = "windows") -> str:
    """Write per-window arrays as <kind>/<hash>.npz below `folder`; return the hash."""
    sha = windows_sha256(windows)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: windows[name] for name in sorted(windows)}
    np.savez(buffer, **arrays)
    write_whole(folder / kind / f"{sha}.npz", buffer.getvalue())
    return sha


def read_windows(sha: str, folder: Path, kind: str = "windows") -> Windows:
    """Return the arrays of <kind>/<sha>.npz below `folder`. Raises RecordError when the file is missing, damaged or holds something else."""
    path = folder / kind / f"{sha}.npz"
    try:
        # Through memory: np.load leaves the file open when it is damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            windows = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as reason:
        raise RecordError(f"{path}: cannot be read ({reason}); the record's {kind} belong beside it") from reason
    found = windows_sha256(windows)
    if found != sha:
        raise RecordError(f"{path}: its arrays hash to {found}: the file was changed; evaluate again")
    return windows


def _exactly(data: Any, keys: tuple[str, ...], where: str, may_have: tuple[str, ...] = ()) -> None:
    if not isinstance(data, Mapping):
        raise RecordError(f"{where}: {type(data).__name__} found where a table is needed; evaluate again")
    odd = sorted((set(data) - set(may_have)) ^ set(keys))
    if odd:
        raise RecordError(f"{where}: key {odd[0]!r} is {'unknown' if odd[0] in data else 'missing'}; keys are {', '.join(keys)}")
