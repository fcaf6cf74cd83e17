"""Skill: scores of a task on a scale from what needs no forecaster (a baseline, 0) to what no forecaster passes easily (a ceiling, 1)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from chaosbench.boards import Entry, Row, board, row_of
from chaosbench.errors import RecordError, nearest
from chaosbench.records import Record
from chaosbench.resampling import interval, over_systems
from chaosbench.suites import metric_from

BOUNDS = (0.01, 100.0)  # of the ratio of errors: one task can be worth two powers of ten and no more
_ANSWERED = ("ok", "nonfinite")


@dataclass(frozen=True)
class Skills:
    """Skill of every forecaster, see `skills`.

    overall: one row a record: forecaster, skill, low, high, n_tasks. per_task: task, forecaster, skill, low, high. left_out: {task: why it has no
    scale}; those tasks are in neither table.
    """

    metric: str
    baseline: str
    ceiling: str
    overall: pd.DataFrame
    per_task: pd.DataFrame
    left_out: Mapping[str, str]


def default_scale() -> tuple[str, str]:
    """Return the names of baseline and ceiling that are meant where a caller does not say."""
    names = tomllib.loads((Path(__file__).parent / "scale.toml").read_text(encoding="utf-8"))
    return names["baseline"], names["ceiling"]


def skills(records: Sequence[Record], metric: str, *, baseline: str, ceiling: str, tasks: Sequence[str] | None = None) -> Skills:
    """Return the skill of each record against the records labelled `baseline` and `ceiling`, per task and over tasks, with 95 % intervals.

    Method: per task, with s the value of a forecaster, b of the baseline and c of the ceiling (medians over windows and seeds; shares: means),

    * where higher is better, skill = (s - b) / (c - b), held between -100 and 100; over tasks the mean. A ceiling that starts a thousandth of a
      deviation off the truth can be passed: skill above 1 is a forecaster that read the start better than that.
    * where lower is better, skill = 1 - s / b with the ratio s / b held between 0.01 and 100; over tasks 1 - the geometric mean of the ratios, so
      that half the error on one task and twice on another are no skill. The ceiling takes no part: its error only says how far down is possible.

    A task has no scale, and is left out for all alike, where baseline or ceiling did not answer it, where the 95 % interval of c - b, paired by
    windows, does not lie above 0, or where the baseline has no error (b <= 0). These depend on baseline and ceiling alone, so a forecaster that
    joins or leaves changes no other's skill.
    Error: bootstrap over systems, seeds and windows, 2 000 draws, the same windows in s, b and c, so that the scale's own error is inside.

    Raises RecordError when no record has the label `baseline` or (higher is better) `ceiling`.
    """
    shown = board(records, metric, tasks)
    higher = metric_from(metric).better == "higher"
    needed = (baseline, ceiling) if higher else (baseline,)
    for label in needed:
        if label not in shown:
            raise RecordError(f"no record of {label!r} to measure skill by; records are of {', '.join(shown)}{nearest(label, shown)}")
    kind = metric_from(metric).aggregate
    rows = {label: row_of(entries, kind) for label, entries in shown.items()}
    scale = [rows[label] for label in needed]
    left_out = _left_out([shown[label] for label in needed], needed, scale)
    kept = [place for place, task in enumerate(shown[baseline]) if task not in left_out]
    transformed = {label: _on_scale(row, scale, higher, kept) for label, row in rows.items()} if kept else {}
    overall, per_task = [], []
    for label, (values, pools) in transformed.items():
        back = _plain if higher else _from_log_ratio
        low, high = interval(back(over_systems(pools, "mean", systems=[scale[0].systems[place] for place in kept])))
        overall.append({"forecaster": label, "skill": float(back(values.mean())), "low": low, "high": high, "n_tasks": len(kept)})
        for task, value, pool in zip([task for task in shown[label] if task not in left_out], back(values), back(pools), strict=True):
            low, high = interval(pool)
            per_task.append({"task": task, "forecaster": label, "skill": float(value), "low": low, "high": high})
    frame = pd.DataFrame(overall, columns=["forecaster", "skill", "low", "high", "n_tasks"])
    frame = frame.sort_values(["skill", "forecaster"], ascending=[False, True], ignore_index=True)
    return Skills(metric, baseline, ceiling, frame, pd.DataFrame(per_task, columns=["task", "forecaster", "skill", "low", "high"]), left_out)


def _left_out(entries: Sequence[Mapping[str, Entry]], labels: Sequence[str], scale: Sequence[Row]) -> dict[str, str]:
    """Return {task: reason} of tasks without a scale."""
    found: dict[str, str] = {}
    for place, task in enumerate(entries[0]):
        silent = [(label, entry[task].status) for label, entry in zip(labels, entries, strict=True) if entry[task].status not in _ANSWERED]
        if silent:
            found[task] = f"{silent[0][0]} has no answer ({silent[0][1]})"
        elif len(scale) == 1:
            if scale[0].values[place] <= 0:
                found[task] = f"{labels[0]} has no error"
        elif interval(scale[1].pools[place] - scale[0].pools[place])[0] <= 0:
            found[task] = f"{labels[1]} is not certainly above {labels[0]}"
    return found


def _on_scale(row: Row, scale: Sequence[Row], higher: bool, kept: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return values (K,) and draws (K, P) of one forecaster on `kept` tasks: skills where higher is better, else log ratios of errors."""
    transformed = []
    for name in ("values", "pools"):
        score, *ends = (getattr(one, name)[list(kept)] for one in (row, *scale))
        if higher:
            base, top = ends
            span = np.maximum(top - base, np.finfo(float).tiny)  # a draw in which the ceiling fell below the baseline: at the bound
            with np.errstate(over="ignore"):
                transformed.append(np.clip((score - base) / span, -BOUNDS[1], BOUNDS[1]))
        else:
            base = np.maximum(ends[0], np.finfo(float).tiny)
            with np.errstate(over="ignore"):
                transformed.append(np.log(np.clip(score / base, *BOUNDS)))
    return transformed[0], transformed[1]


def _plain(values: np.ndarray) -> np.ndarray:
    return values


def _from_log_ratio(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 - np.exp(values))
