"""The page of one forecaster: where it is good, what its forecasts and its attractor look like, what it costs, and how to check it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chaosbench.records import Record
from chaosbench.site.about import class_of
from chaosbench.site.drawing import attractor_svg, end_of, forecast_svg, valid_time
from chaosbench.site.wording import number, slug_of

_GALLERY, _ATTRACTORS = 12, 8
_STILL = 0.02  # of the truth's standard deviation: a model that has come to rest
SHADES = 5


def model_context(record: Record, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template of a forecaster's page is filled with."""
    found = class_of(record)
    about = inspect.getdoc(found) if found is not None else None
    views = [view for view in data["views"] if any(row["forecaster"] == record.label for row in view["rows"])]
    metrics = {metric["label"]: metric for metric in data["metrics"]}
    return {
        "name": record.label,
        "about": data["forecasters"][record.label],
        "first": (inspect.getdoc(inspect.getmodule(found)) or "").split("\n")[0] if found is not None else "",
        "docstring": about or "",
        "source": getattr(found, "source", "") if found is not None else "",
        "identity": record.identity,
        "environment": record.environment,
        "overall": [_overall(view, record.label, data) for view in views if view["task"] is None],
        "heat": heat_map(data, record.label),
        "tables": [_table(track, views, record.label, metrics) for track in data["tracks"] if any(view["track"] == track["name"] for view in views)],
        "gallery": _gallery(record, data),
        "attractors": _attractors(record),
        "maps": _maps(data, views, record.label),
    }


def heat_map(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the systems down and tracks across, with the headline's value of one forecaster in each place.

    shade: 0 to 5, its value as a share of the best forecaster's on that task (lower is better: the best's of its own), rounded down to fifths.
    """
    metrics = {metric["label"]: metric for metric in data["metrics"]}
    headlines = {track["name"]: track["headline"] for track in data["tracks"]}
    cells: dict[str, dict[str, Any]] = {}
    for view in data["views"]:
        row = next((row for row in view["rows"] if row["forecaster"] == name), None)
        if view["task"] is None or row is None:
            continue
        headline = headlines[view["track"]]
        best = next((other["cells"][headline][0] for other in view["rows"] if other["rank"] == 1), None)
        value, low, high, n, failed, censored = row["cells"][headline]
        shade = _shade(value, best, metrics[headline]["better"])
        cell = {"value": number(value), "low": number(low), "high": number(high), "shade": shade, "best": row["rank"] == 1, "rank": row["rank"]}
        at_least = censored > n / 2
        entry = {**cell, "failed": failed == n, "at_least": at_least, "status": row["status"], "unit": view["unit"], "task": view["task"]}
        cells.setdefault(view["system"], {}).setdefault(view["track"], []).append(entry)
    tracks = [track["name"] for track in data["tracks"] if any(track["name"] in row for row in cells.values())]
    rows = [
        {"system": system, "page": f"{slug_of(system)}.html", "cells": [cells[system].get(track, []) for track in tracks]} for system in sorted(cells)
    ]
    return {"tracks": tracks, "rows": rows}


def _shade(value: float | None, best: float | None, better: str) -> int:
    if value is None or best is None:
        return 0
    part, whole = (value, best) if better == "higher" else (best, value)
    return 0 if whole <= 0 else int(np.clip(np.floor(SHADES * part / whole + 1e-9), 0, SHADES))


def _overall(view: Mapping[str, Any], name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    row = next(row for row in view["rows"] if row["forecaster"] == name)
    competing = sum(other["rank"] is not None for other in view["rows"])
    headline = next(track["headline"] for track in data["tracks"] if track["name"] == view["track"])
    value, low, high, n, failed, _ = row["cells"][headline]
    told = {"value": number(value), "low": number(low), "high": number(high), "n": n, "failed": failed}
    return {"track": view["track"], "rank": row["rank"], "of": competing, **told, "level": row["level"], "status": row["status"]}


def _table(track: Mapping[str, Any], views: Sequence[Mapping[str, Any]], name: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return every score of one track, a task a row."""
    rows = []
    for view in views:
        if view["task"] is not None and view["track"] == track["name"]:
            row = next(row for row in view["rows"] if row["forecaster"] == name)
            rows.append({"task": view["task"], "system": view["system"], "page": f"{slug_of(view['system'])}.html", **row, "unit": view["unit"]})
    return {"track": track["name"], "metrics": [metrics[label] for label in track["metrics"]], "rows": rows}


def _gallery(record: Record, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return pictures of the first window of up to 12 tasks of its first track, evenly from its best task to its worst."""
    metrics = {metric["label"]: metric for metric in data["metrics"]}
    cells: dict[str, Any] = {}
    for cell in record.cells:
        if "picture_forecast" in record.windows.get(cell["windows_sha256"], {}):
            cells.setdefault(cell["task"], cell)
    track = next((track for track in data["tracks"] if cells.keys() & track["tasks"].keys()), None)
    if track is None:
        return []
    headline = metrics[track["headline"]]
    sign = -1 if headline["better"] == "higher" else 1
    order = sorted(cells.keys() & track["tasks"].keys(), key=lambda task: (sign * cells[task]["metrics"][headline["label"]]["value"], task))
    chosen = [order[place] for place in np.unique(np.linspace(0, len(order) - 1, _GALLERY).astype(int))]
    found = []
    for task in chosen:
        windows = record.windows[cells[task]["windows_sha256"]]
        valid = valid_time(windows, headline)
        picture = forecast_svg(windows, end_of(windows["picture_time"], valid), valid, cells[task]["time_unit"])
        value = cells[task]["metrics"][headline["label"]]["value"]
        found.append({"task": task, "page": f"{slug_of(track['tasks'][task])}.html", "svg": picture, "valid": number(valid), "value": number(value)})
    return found


def _attractors(record: Record) -> list[dict[str, Any]]:
    """Return pairs of pictures, the true attractor and the learned one, of up to 8 tasks whose records hold a free run."""
    cells: dict[str, Any] = {}
    for cell in record.cells:
        if "picture_run" in record.windows.get(cell["windows_sha256"], {}):
            cells.setdefault(cell["task"], cell)
    tasks = sorted(cells)
    chosen = [tasks[place] for place in np.unique(np.linspace(0, len(tasks) - 1, _ATTRACTORS).astype(int))] if tasks else []
    found = []
    for task in chosen:
        windows = record.windows[cells[task]["windows_sha256"]]
        run = np.asarray(windows["picture_run"], dtype=float)
        ended = not np.isfinite(run).all()
        still = not ended and bool((run.std(axis=0) < _STILL * np.asarray(windows["picture_climate"], dtype=float).std(axis=0)).all())
        pair = {which: attractor_svg(windows, which, f"{what} attractor of {task}") for which, what in (("climate", "true"), ("run", "learned"))}
        found.append({"task": task, **pair, "ended": ended, "still": still})
    return found


def _maps(data: Mapping[str, Any], views: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return what metrics of the fitted map say, a task a row; no rows where it gives no map."""
    metrics = [metric for metric in data["metrics"] if metric["needs"] == "map"]
    rows = []
    for view in views:
        row = next(row for row in view["rows"] if row["forecaster"] == name)
        cells = [row["cells"].get(metric["label"]) for metric in metrics]
        if view["task"] is not None and any(cell is not None and cell[4] < cell[3] for cell in cells):
            rows.append({"task": view["task"], "system": view["system"], "page": f"{slug_of(view['system'])}.html", "cells": cells})
    return {"metrics": metrics, "rows": rows}
