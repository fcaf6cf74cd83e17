"""The leaderboard page: one static HTML file, made from records alone; the same records give the same bytes."""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chaosbench import __version__
from chaosbench.catalogue import data_folder
from chaosbench.errors import RecordError
from chaosbench.folders import write_whole
from chaosbench.ranking import Comparison, compare, rank, table
from chaosbench.records import Record, write_record
from chaosbench.suites import metric_from

_POINTS = 400


def build_page(records: Sequence[Record], folder: str | Path, data: Mapping[str, Any] | None = None) -> Path:
    """Write `folder`/index.html and, beside it, the records it was made from; return the path of the page.

    data: what `page_data(records)` returned, where the caller has it already.

    The first metric of the suite that is scored on windows with "higher is better", else the first metric, is the headline that orders the tables.
    Raises RecordError for no records, or records of different suites.
    """
    target = Path(folder)
    data = data or page_data(records)
    (target / "records").mkdir(parents=True, exist_ok=True)
    for record in records:
        write_record(record, target / "records")
    source = data_folder("_site", "leaderboard/site")
    environment = Environment(loader=FileSystemLoader(source), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    embedded = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
    page = environment.get_template("index.html").render(data=data, embedded=embedded, version=__version__)
    write_whole(target / "index.html", page)
    return target / "index.html"


def page_data(records: Sequence[Record]) -> dict[str, Any]:
    """Return everything the page shows, as JSON data: suite, metrics, forecasters, and one view for all systems and for each."""
    if not records:
        raise RecordError("no records to build a page from; run `chaosbench evaluate` first, or give the folder that holds them")
    labels = sorted(records[0].cells[0]["metrics"])  # a record read from disk has lost the order of the suite
    headline = headline_of(records)
    labels.sort(key=lambda label: (label != headline, metric_from(label).needs != "windows", label))
    units = {cell["task"]: cell["time_unit"] for record in records for cell in record.cells}
    per_task = {label: table(records, label) for label in labels}
    views = [_view(records, headline, labels, None, {label: rank(records, label) for label in labels}, "")]
    for task in units:
        frames = {label: frame[frame["task"] == task] for label, frame in per_task.items()}
        views.append(_view(records, headline, labels, task, frames, units[task]))
    return {
        "suite": {"name": records[0].identity["suite"], "sha256": records[0].identity["suite_sha256"]},
        "headline": headline,
        "metrics": [_metric(label) for label in labels],
        "forecasters": {record.label: _forecaster(record) for record in sorted(records, key=lambda record: record.label)},
        "views": views,
    }


def headline_of(records: Sequence[Record]) -> str:
    """Return the metric that orders the tables: the first of our own on windows where higher is better, else the first of our own, else of all."""
    labels: list[str] = sorted(records[0].cells[0]["metrics"])
    native = [label for label in labels if metric_from(label).family == "native"]
    return next((label for label in native if metric_from(label).needs == "windows" and metric_from(label).better == "higher"), (native or labels)[0])


def verdict(records: Sequence[Record], headline: str, task: str | None, frame: pd.DataFrame, unit: str) -> dict[str, Any]:
    """Return {"best", "text", "level"}: who is best, by how much over the next, and which forecasters cannot be told from the best.

    References do not compete: they know the truth.
    """
    ordered = _ordered(frame[~frame["forecaster"].isin([record.label for record in records if record.reference])], headline)
    if ordered.empty:
        return {"best": "", "text": "Only references here, no forecaster: run `chaosbench evaluate NAME`.", "level": []}
    best = ordered.iloc[0]
    where = task or f"all {len({cell['task'] for cell in records[0].cells})} systems"
    words = f"{unit}s" if unit else metric_from(headline).unit
    score = f"{_title(headline)} {_number(best.value)} {words} (95 % interval {_number(best.low)} to {_number(best.high)})"
    said = f"On {where}, {best.forecaster} is best: {score}."
    if len(ordered) == 1:
        return {"best": best.forecaster, "text": said, "level": []}
    tasks = None if task is None else [task]
    others = {name: compare(records, headline, best.forecaster, name, tasks=tasks) for name in ordered["forecaster"].iloc[1:]}
    second = next(iter(others.values()))
    level = [name for name, found in others.items() if not found.real]
    return {"best": best.forecaster, "text": f"{said} {_gap(second, words)}{_level(level[1:] if not second.real else level)}", "level": level}


def _gap(second: Comparison, words: str) -> str:
    said = f"It leads {second.b} by {_number(second.difference)} {words} ({_number(second.low)} to {_number(second.high)}"
    return f"{said}): the gap is real." if second.real else f"{said}): that gap could be chance."


def _level(names: Sequence[str]) -> str:
    return f" Nor can it be told apart from {', '.join(names)}." if names else ""


def _view(
    records: Sequence[Record], headline: str, labels: Sequence[str], task: str | None, frames: dict[str, pd.DataFrame], unit: str
) -> dict[str, Any]:
    told = verdict(records, headline, task, frames[headline], unit)
    order = list(_ordered(frames[headline], headline)["forecaster"])
    cells: dict[str, dict[str, Any]] = {name: {} for name in order}
    for label in labels:
        for row in frames[label].to_dict(orient="records"):
            counts = [int(row[key]) for key in ("n", "n_failed", "n_censored")]
            cells[str(row["forecaster"])][label] = [_plain(row["value"]), _plain(row["low"]), _plain(row["high"]), *counts]
    floors = {label: _plain(frames[label]["floor"].iloc[0]) if "floor" in frames[label] else None for label in labels}
    rows = [{"forecaster": name, "cells": cells[name], "level": name in told["level"], "status": _status(records, name, task)} for name in order]
    picture = None if task is None else _picture(records, task, headline)
    return {"task": task, "unit": unit, "verdict": told["text"], "best": told["best"], "rows": rows, "floors": floors, "picture": picture}


def _ordered(frame: pd.DataFrame, headline: str) -> pd.DataFrame:
    down = metric_from(headline).better == "higher"
    return frame.sort_values(["value", "forecaster"], ascending=[not down, True], ignore_index=True)


def _status(records: Sequence[Record], name: str, task: str | None) -> str:
    record = next(record for record in records if record.label == name)
    said = {f"{cell['status']}: {cell['reason']}" for cell in record.cells if cell["status"] != "ok" and task in (None, cell["task"])}
    return "; ".join(sorted(said))


def _metric(label: str) -> dict[str, Any]:
    metric = metric_from(label)
    about = (inspect.getdoc(type(metric)) or "").split("\n")[0]
    return {"label": label, "title": _title(label), "better": metric.better, "unit": metric.unit, "needs": metric.needs, "about": about}


def _title(label: str) -> str:
    name, _, argument = label.partition("@")
    return name.replace("_", " ") + (f" at {argument}" if argument else "")


def _forecaster(record: Record) -> dict[str, Any]:
    volatile = [record.volatile.get("cells", {}).get(f"{cell['task']}/{cell['seed']}", {}) for cell in record.cells]
    seconds = [entry["fit_seconds"] for entry in volatile if entry.get("fit_seconds") is not None]
    statuses = [cell["status"] for cell in record.cells]
    return {
        "record": f"records/{record.file_name}",
        "sha256": record.sha256,
        "version": record.identity["version"],
        "fit_seconds": round(float(np.median(seconds)), 2) if seconds else None,
        "seeds": len({cell["seed"] for cell in record.cells}),
        "failed_cells": sum(status != "ok" for status in statuses),
        "cells": len(statuses),
        "missing": all(status == "not_installed" for status in statuses),
        "reference": record.reference,
    }


def _picture(records: Sequence[Record], task: str, headline: str) -> dict[str, Any] | None:
    """The first test window, first component: truth and every forecast against time in the task's unit, thinned to what a screen can show."""
    curves: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for record in records:
        cell = next((cell for cell in record.cells if cell["task"] == task), None)
        windows = record.windows.get(cell["windows_sha256"], {}) if cell else {}
        if "picture_forecast" not in windows:
            continue
        keep = np.unique(np.linspace(0, len(windows["picture_time"]) - 1, _POINTS).astype(int))
        shared = {"time": _rounded(windows["picture_time"][keep], 5), "truth": _rounded(windows["picture_truth"][keep])}
        curves[record.label] = _rounded(windows["picture_forecast"][keep])
        if metric_from(headline).better == "higher":
            marks[record.label] = _plain(windows[headline][0])
    return {**shared, "forecasts": curves, "marks": marks} if curves else None


def _rounded(values: np.ndarray, digits: int = 3) -> list[float | None]:
    return [None if not np.isfinite(value) else float(f"{value:.{digits}g}") for value in values]


def _plain(value: float) -> float | None:
    return None if not np.isfinite(value) else float(f"{value:.6g}")


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
