"""Records side by side: every forecaster with every task, scores of seeds and windows together; what rankings and comparisons start from."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.errors import NotInstalledError, RecordError, nearest
from chaosbench.records import Record
from chaosbench.resampling import Aggregate, aggregate, interval, over_systems, resampled
from chaosbench.suites import metric_from


@dataclass(frozen=True)
class Entry:
    """Scores (S, W) of one forecaster on one task, with counts. status: "ok", "missing", or every other status met, joined by commas."""

    system: str
    scores: np.ndarray
    n_failed: int
    n_censored: int
    n_failed_cells: int
    status: str
    floor: tuple[float, float, float] | None


Board = dict[str, dict[str, Entry]]


@dataclass(frozen=True)
class Row:
    """One forecaster's values (K,) by task, their bootstrap draws (K, P), and the system of each task."""

    values: np.ndarray
    pools: np.ndarray
    systems: tuple[str, ...]

    def minus(self, other: "Row") -> "Row":
        """Return the paired differences: the draws of both saw the same windows."""
        return Row(self.values - other.values, self.pools - other.pools, self.systems)

    def over_tasks(self, kind: Aggregate) -> tuple[float, float, float]:
        """Return value and 95 % interval over tasks, from a hierarchical bootstrap over systems, windows and seeds."""
        return float(aggregate(kind)(self.values)), *interval(over_systems(self.pools, kind, systems=self.systems))


def board(records: Sequence[Record], metric: str, tasks: Sequence[str] | None = None) -> Board:
    """Return {forecaster: {task: entry}}, tasks sorted, every forecaster with every task, missing ones as failed.

    tasks: only these; None for all that have the metric. Raises RecordError for no records, records of different suites, two of one forecaster, or a
    metric or task that they lack.
    """
    _belong_together(records)
    shapes: dict[str, tuple[str, int]] = {}
    known: dict[str, str] = {}
    cells: dict[str, dict[str, list[Any]]] = {record.label: {} for record in records}
    for record in records:
        for cell in record.cells:
            task = cell["task"]
            known[task] = cell["system"]
            if tasks is None and metric not in cell["metrics"] and "track" in cell:
                continue  # another track's metric
            if tasks is not None and task not in tasks:
                continue
            if metric not in cell["metrics"]:
                raise RecordError(f"{record.label}: no metric {metric!r}; it has {', '.join(cell['metrics'])}{nearest(metric, cell['metrics'])}")
            shape = (cell["system_identity"], cell["metrics"][metric]["n"])
            if shapes.setdefault(task, shape) != shape:
                raise RecordError(f"{record.label}: task {task!r} was run on another definition of its system; evaluate again with one version")
            cells[record.label].setdefault(task, []).append(cell)
    for task in shapes if tasks is None else tasks:
        if task not in shapes:
            raise RecordError(f"no record has task {task!r}; tasks are {', '.join(known)}{nearest(task, known)}")
    if not shapes:
        raise RecordError(f"no record has the metric {metric!r}; give one of the suite's")
    return {
        record.label: {task: _entry(record, known[task], cells[record.label].get(task, []), metric, shapes[task][1]) for task in sorted(shapes)}
        for record in records
    }


def row_of(entries: Mapping[str, Entry], kind: Aggregate) -> Row:
    """Return the values of {task: entry} as medians (shares: means) over windows and seeds, and their draws."""
    values = np.array([aggregate(kind)(entry.scores) for entry in entries.values()])
    pools = np.stack([resampled(entry.scores, kind) for entry in entries.values()])
    return Row(values, pools, tuple(entry.system for entry in entries.values()))


def values(shown: Board, kind: Aggregate) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the values (tasks, forecasters) of a board, and the system of each task; quick, because nothing is resampled."""
    table = np.array([[aggregate(kind)(entry.scores) for entry in row.values()] for row in shown.values()]).T
    return table, tuple(entry.system for entry in next(iter(shown.values())).values())


def competitors(records: Sequence[Record]) -> list[Record]:
    """Return the records that are no references, sorted by label. Raises RecordError when none is left."""
    found = sorted((record for record in records if not record.reference), key=lambda record: record.label)
    if records and not found:
        raise RecordError("only references here, which know the truth and do not compete; evaluate a forecaster")
    return found


def draws(record: Record) -> bool:
    """Whether another seed could change the record's scores, so that one seed says nothing about the next. References are not asked.

    What draws is said by the record, and by the catalogue for records that do not say it yet; a forecaster of which neither knows is taken to draw.
    """
    if record.reference:
        return False
    told = record.volatile.get("deterministic")
    name = record.identity["forecaster"]
    if told is None and name in names("forecasters"):
        with suppress(NotInstalledError):
            told = load("forecasters", name).deterministic
    return not told


def _belong_together(records: Sequence[Record]) -> None:
    if not records:
        raise RecordError("no records; evaluate at least one forecaster")
    suites = {record.identity["suite_sha256"]: record for record in records}
    if len(suites) > 1:
        first, second = list(suites.values())[:2]
        raise RecordError(
            f"records of different suites: {first.label} on {first.identity['suite']!r} and {second.label} on {second.identity['suite']!r}"
        )
    if len({record.label for record in records}) < len(records):
        raise RecordError("two records of one forecaster with the same options; rank the newer one only")


def _entry(record: Record, system: str, cells: Sequence[Any], metric: str, n: int) -> Entry:
    if not cells:
        return Entry(system, np.full((1, n), metric_from(metric).failed_value), n, 0, 1, "missing", None)
    entries = [cell["metrics"][metric] for cell in cells]
    statuses = sorted({cell["status"] for cell in cells} - {"ok"})
    floor = entries[0]["floor"]
    return Entry(
        system=system,
        scores=np.stack([record.scores(cell, metric) for cell in cells]),
        n_failed=sum(entry["n_failed"] for entry in entries),
        n_censored=sum(entry["n_censored"] for entry in entries),
        n_failed_cells=sum(cell["status"] != "ok" for cell in cells),
        status=", ".join(statuses) or "ok",
        floor=None if floor is None else tuple(floor),
    )
