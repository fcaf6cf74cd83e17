"""Compare records: one table over systems, paired differences, and whether a gap is real.

Per system a forecaster's score is the median over windows (and seeds) of a metric, or the mean where the metric declares so (shares). Over systems
it is again the median (the mean). Failed windows and cells count with the metric's failed value; a task missing from a record counts as failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chaosbench.errors import RecordError, nearest
from chaosbench.records import Record
from chaosbench.resampling import aggregate, interval, over_systems, resampled
from chaosbench.suites import metric_from


@dataclass(frozen=True)
class Comparison:
    """The paired difference a - b of two forecasters, its 95 % interval, and whether that excludes zero. better: which, None without a real gap."""

    metric: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    n_systems: int
    real: bool
    better: str | None


@dataclass(frozen=True)
class _Entry:
    """Scores (S, W) of one forecaster on one task, with counts."""

    scores: np.ndarray
    n_failed: int
    n_censored: int
    n_failed_cells: int
    status: str
    floor: tuple[float, float, float] | None


def rank(records: Sequence[Record], metric: str, *, tasks: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row a record, best first: rank, forecaster, value, low, high, n_systems, n, n_failed, n_censored, n_failed_cells, reference.

    References come last with rank 0: they know the truth and do not compete.

    Method: value is the median (shares: mean) over systems of the per-system value; low and high are a 95 % interval from 2 000 draws of a
    hierarchical bootstrap over systems and windows with a fixed seed. Equal values share a rank. n_failed counts windows, runs or maps that failed.
    tasks: only these. Raises RecordError when records are of different suites or none has the metric.
    """
    board = _board(records, metric, tasks)
    measure = metric_from(metric)
    kind = measure.aggregate
    rows = []
    for label, row in board.items():
        entries = list(row.values())
        values = np.array([aggregate(kind)(entry.scores) for entry in entries])
        low, high = interval(over_systems(np.stack([resampled(entry.scores, kind) for entry in entries]), kind))
        counts = {name: sum(getattr(entry, name) for entry in entries) for name in ("n_failed", "n_censored", "n_failed_cells")}
        total = sum(entry.scores.size for entry in entries)
        rows.append(
            {"forecaster": label, "value": float(aggregate(kind)(values)), "low": low, "high": high, "n_systems": len(entries), "n": total, **counts}
        )
    frame = pd.DataFrame(rows)
    higher = measure.better == "higher"
    frame["reference"] = frame["forecaster"].isin([record.label for record in records if record.reference])
    competing = frame["value"].where(~frame["reference"])
    frame.insert(0, "rank", competing.rank(method="min", ascending=not higher).fillna(0).astype(int))
    return frame.sort_values(["reference", "value", "forecaster"], ascending=[True, not higher, True], ignore_index=True)


def tracks_of(records: Sequence[Record]) -> dict[str, list[str]]:
    """Return {track: its tasks} of all cells of `records`, sorted by track; without tracks {"": every task}."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for cell in record.cells:
            found.setdefault(cell.get("track", ""), {})[cell["task"]] = None
    return {track: list(tasks) for track, tasks in sorted(found.items())}


def table(records: Sequence[Record], metric: str) -> pd.DataFrame:
    """Return one row a task and forecaster: task, forecaster, value, low, high, n, n_failed, n_censored, status, floor (median or NaN)."""
    kind = metric_from(metric).aggregate
    rows = []
    for label, row in _board(records, metric, None).items():
        for task, entry in row.items():
            low, high = interval(resampled(entry.scores, kind))
            counts = {"n": entry.scores.size, "n_failed": entry.n_failed, "n_censored": entry.n_censored}
            floor = entry.floor[0] if entry.floor else float("nan")
            value = float(aggregate(kind)(entry.scores))
            rows.append(
                {"task": task, "forecaster": label, "value": value, "low": low, "high": high, **counts, "status": entry.status, "floor": floor}
            )
    return pd.DataFrame(rows)


def compare(records: Sequence[Record], metric: str, a: str, b: str, *, tasks: Sequence[str] | None = None) -> Comparison:
    """Return whether forecaster `a` differs from `b`: over all systems, over `tasks`, or on one system with `tasks=[name]`.

    Method: per system the difference of the two values; over systems its median (shares: mean). The interval resamples systems and, within each,
    windows, the same windows for both, so that what makes a window hard cancels. A gap is real when the 95 % interval excludes zero.
    """
    board = _board(records, metric, tasks)
    for label in (a, b):
        if label not in board:
            raise RecordError(f"no record of {label!r}; records are of {', '.join(board)}{nearest(label, board)}")
    measure = metric_from(metric)
    kind = measure.aggregate
    differences, pools = [], []
    for task in board[a]:
        left, right = _paired(board[a][task].scores, board[b][task].scores)
        differences.append(aggregate(kind)(left) - aggregate(kind)(right))
        pools.append(resampled(left, kind) - resampled(right, kind))
    low, high = interval(over_systems(np.stack(pools), kind))
    real = low > 0 or high < 0
    ahead = a if (low > 0) == (measure.better == "higher") else b
    return Comparison(metric, a, b, float(aggregate(kind)(differences)), low, high, len(pools), real, ahead if real else None)


def _paired(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring two (S, W) tables to one number of seeds by averaging over seeds where these differ, so that windows stay paired."""
    if left.shape[0] == right.shape[0]:
        return left, right
    return left.mean(axis=0, keepdims=True), right.mean(axis=0, keepdims=True)


def _board(records: Sequence[Record], metric: str, tasks: Sequence[str] | None) -> dict[str, dict[str, _Entry]]:
    """Return {forecaster: {task: entry}}, every forecaster with every task, missing ones as failed."""
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
    shapes: dict[str, tuple[str, int]] = {}
    known: dict[str, None] = {}
    cells: dict[str, dict[str, list[Any]]] = {record.label: {} for record in records}
    for record in records:
        for cell in record.cells:
            task = cell["task"]
            known[task] = None
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
    wanted = list(shapes) if tasks is None else list(tasks)
    for task in wanted:
        if task not in shapes:
            raise RecordError(f"no record has task {task!r}; tasks are {', '.join(known)}{nearest(task, known)}")
    return {record.label: {task: _entry(record, cells[record.label].get(task, []), metric, shapes[task][1]) for task in wanted} for record in records}


def _entry(record: Record, cells: Sequence[Any], metric: str, n: int) -> _Entry:
    if not cells:
        return _Entry(np.full((1, n), metric_from(metric).failed_value), n, 0, 1, "missing", None)
    entries = [cell["metrics"][metric] for cell in cells]
    statuses = sorted({cell["status"] for cell in cells} - {"ok"})
    floor = entries[0]["floor"]
    return _Entry(
        scores=np.stack([record.scores(cell, metric) for cell in cells]),
        n_failed=sum(entry["n_failed"] for entry in entries),
        n_censored=sum(entry["n_censored"] for entry in entries),
        n_failed_cells=sum(cell["status"] != "ok" for cell in cells),
        status=", ".join(statuses) or "ok",
        floor=None if floor is None else tuple(floor),
    )
