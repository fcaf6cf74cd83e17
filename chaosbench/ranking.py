"""Compare records: one table over systems, paired differences, and whether a gap is real.

Per system a forecaster's score is the median over windows (and seeds) of a metric, or the mean where the metric declares so (shares). Over systems
it is again the median (the mean). Failed windows and cells count with the metric's failed value; a task missing from a record counts as failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from chaosbench.boards import Row, board, draws, row_of
from chaosbench.errors import RecordError, nearest
from chaosbench.records import Record
from chaosbench.resampling import aggregate, interval, resampled
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


def rank(records: Sequence[Record], metric: str, *, tasks: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row a record, best first.

    Columns: rank, forecaster, value, low, high, n_systems, n_tasks, n_seeds, single_seed, n, n_failed, n_censored, n_failed_cells, reference.
    References come last with rank 0: they know the truth and do not compete. n_seeds: fewest on any task that was run. single_seed: the forecaster
    draws and has one seed, so that its interval says nothing about the next.

    Method: value is the median (shares: mean) over tasks of the per-task value; low and high are a 95 % interval from 2 000 draws of a
    hierarchical bootstrap over systems (with all tasks of one), windows and seeds with a fixed seed. Equal values share a rank. n_failed counts
    windows, runs or maps that failed. A record that joins or leaves changes no other row but its rank, unless it brings tasks that others lack.
    tasks: only these. Raises RecordError when records are of different suites or none has the metric.
    """
    shown = board(records, metric, tasks)
    measure = metric_from(metric)
    kind = measure.aggregate
    rows = []
    for record in records:
        entries = list(shown[record.label].values())
        n_seeds = min((entry.scores.shape[0] for entry in entries if entry.status != "missing"), default=0)
        value, low, high = row_of(shown[record.label], kind).over_tasks(kind)
        rows.append(
            {
                "forecaster": record.label,
                **{"value": value, "low": low, "high": high},
                **{"n_systems": len({entry.system for entry in entries}), "n_tasks": len(entries)},
                **{"n_seeds": n_seeds, "single_seed": n_seeds == 1 and draws(record), "n": sum(entry.scores.size for entry in entries)},
                **{name: sum(getattr(entry, name) for entry in entries) for name in ("n_failed", "n_censored", "n_failed_cells")},
                "reference": record.reference,
            }
        )
    frame = pd.DataFrame(rows)
    higher = measure.better == "higher"
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
    for label, row in board(records, metric).items():
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

    Method: per task the difference of the two values; over tasks its median (shares: mean). The interval resamples systems and, within each,
    seeds and windows, the same windows for both, so that what makes a window hard cancels. A gap is real when the 95 % interval excludes zero.
    One comparison; `pairwise.pairs` makes all of them and corrects for their number.
    """
    shown = board(records, metric, tasks)
    for label in (a, b):
        if label not in shown:
            raise RecordError(f"no record of {label!r}; records are of {', '.join(shown)}{nearest(label, shown)}")
    kind = metric_from(metric).aggregate
    return gap(metric, a, b, row_of(shown[a], kind), row_of(shown[b], kind))


def gap(metric: str, a: str, b: str, left: Row, right: Row) -> Comparison:
    """Return the comparison of forecasters `a` and `b` from their rows of a board, see `compare`."""
    measure = metric_from(metric)
    between = left.minus(right)
    difference, low, high = between.over_tasks(measure.aggregate)
    real = low > 0 or high < 0
    ahead = a if (low > 0) == (measure.better == "higher") else b
    return Comparison(metric, a, b, difference, low, high, len(set(between.systems)), real, ahead if real else None)
