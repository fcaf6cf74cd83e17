"""Everything the pages show of scores, as JSON data: one view for each track and one for each of its tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chaosbench.boards import Board, Row, board, row_of
from chaosbench.costs import costs, pareto
from chaosbench.errors import RecordError
from chaosbench.mean_ranks import critical_difference
from chaosbench.ranking import tracks_of
from chaosbench.records import Record
from chaosbench.resampling import aggregate, interval
from chaosbench.site.about import conditions, forecaster_data, kind_of_system, metric_data, suite_of_records
from chaosbench.site.verdicts import verdict
from chaosbench.site.wording import counted, plain, slug_of
from chaosbench.suites import metric_from

_FEWEST = 3  # systems for a diagram of mean ranks
Told = dict[str, list[float | None]]  # {forecaster: [value, low, high, n, failed, censored]}


def page_data(records: Sequence[Record]) -> dict[str, Any]:
    """Return everything the pages say of scores, as JSON data: suite, metrics, forecasters, tracks, and views of tracks and of their tasks.

    A view has task (None: the whole track), unit, verdict, best, floors, and rows, best first, references last: forecaster, rank, cells {metric:
    [value, low, high, n, failed, censored]}, level, status. Raises RecordError for no records, or records of different suites.
    """
    if not records:
        raise RecordError("no records to build a page from; run `chaosbench evaluate` first, or give the folder that holds them")
    suite = suite_of_records(records)
    places = tracks_of(records)
    order = dict.fromkeys(cell.get("track", "") for record in records for cell in record.cells)  # records keep the order of their suite
    tracks, views = [], []
    for name in order:
        track, of_track = _track(records, name, places[name])
        tracks.append({**track, "conditions": conditions(suite, places[name])})
        views += of_track
    labels = dict.fromkeys(label for track in tracks for label in track["metrics"])
    return {
        "suite": {"name": records[0].identity["suite"], "sha256": records[0].identity["suite_sha256"]},
        "headline": tracks[0]["headline"],
        "metrics": [metric_data(label) for label in labels],
        "forecasters": {record.label: forecaster_data(record) for record in sorted(records, key=lambda record: record.label)},
        "tracks": tracks,
        "views": [view for view in views if view["task"] is None] + [view for view in views if view["task"] is not None],
    }


def headline_of(records: Sequence[Record]) -> str:
    """Return the metric that orders the tables: the first of our own on windows where higher is better, else the first of our own, else of all."""
    return _headline(sorted(records[0].cells[0]["metrics"]))


def said_of(data: Mapping[str, Any], whole: str = "all systems") -> dict[str, str]:
    """Return {where: verdict in words} of all views of `page_data`: tracks, or `whole` where there are none, then tasks."""
    return {view["task"] or view["track"] or whole: view["verdict"] for view in data["views"]}


def _headline(labels: Sequence[str]) -> str:
    native = [label for label in labels if metric_from(label).family == "native"]
    return next((label for label in native if metric_from(label).needs == "windows" and metric_from(label).better == "higher"), (native or labels)[0])


def _track(records: Sequence[Record], name: str, tasks: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what is said of one track, and its views; records without a cell in it take no part."""
    wanted = set(tasks)
    parts = [replace(record, cells=tuple(cell for cell in record.cells if cell["task"] in wanted)) for record in records]
    parts = [record for record in parts if record.cells]
    labels = sorted(parts[0].cells[0]["metrics"])  # a record read from disk has lost the order of the suite
    headline = _headline(labels)
    labels.sort(key=lambda label: (label != headline, metric_from(label).family != "native", metric_from(label).needs != "windows", label))
    told: dict[str, tuple[Told, dict[str, Told], dict[str, float | None]]] = {}
    for label in labels[::-1]:  # the headline last: its draws are needed further on, and those of all metrics together are large
        shown = board(parts, label)
        rows = {forecaster: row_of(entries, metric_from(label).aggregate) for forecaster, entries in shown.items()}
        told[label] = (_over_tasks(label, shown, rows), _per_task(label, shown, rows), _floors(shown))
    order = list(next(iter(shown.values())))
    units = {cell["task"]: cell["time_unit"] for record in parts for cell in record.cells}
    systems = dict(zip(order, next(iter(rows.values())).systems, strict=True))
    common = {"track": name, "headline": headline, "labels": labels}
    views = [_view(parts, rows, {label: told[label][0] for label in labels}, dict.fromkeys(labels), {**common, "task": None, "unit": ""})]
    for place, task in enumerate(order):
        of_task = {forecaster: Row(row.values[[place]], row.pools[[place]], (row.systems[place],)) for forecaster, row in rows.items()}
        about = {**common, "task": task, "unit": units[task], "system": systems[task]}
        floors = {label: told[label][2].get(task) for label in labels}
        views.append(_view(parts, of_task, {label: told[label][1][task] for label in labels}, floors, about))
    competing = sum(not record.reference for record in parts)
    several = competing > 1 and len(set(systems.values())) >= _FEWEST
    track = {
        "name": name,
        "slug": slug_of(name or "all"),
        "headline": headline,
        "metrics": labels,
        "tasks": {task: systems[task] for task in order},
        "kinds": _kinds(headline, rows),
        "ranks": critical_difference(parts, headline) if several else None,
        "costs": pareto(parts, headline) if competing > 1 else [],
    }
    return track, views


def _over_tasks(label: str, shown: Board, rows: Mapping[str, Row]) -> Told:
    kind = metric_from(label).aggregate
    return {
        forecaster: [
            *map(plain, rows[forecaster].over_tasks(kind)),
            sum(entry.scores.size for entry in entries.values()),
            sum(entry.n_failed for entry in entries.values()),
            sum(entry.n_censored for entry in entries.values()),
        ]
        for forecaster, entries in shown.items()
    }


def _per_task(label: str, shown: Board, rows: Mapping[str, Row]) -> dict[str, Told]:
    """Return {task: {forecaster: ...}}; intervals are those of `ranking.table`, from the same draws."""
    found: dict[str, Told] = {}
    kind = metric_from(label).aggregate
    for forecaster, entries in shown.items():
        for place, (task, entry) in enumerate(entries.items()):
            low, high = interval(rows[forecaster].pools[place])
            counts = [entry.scores.size, entry.n_failed, entry.n_censored]
            value = float(aggregate(kind)(entry.scores))
            found.setdefault(task, {})[forecaster] = [plain(value), plain(low), plain(high), *counts]
    return found


def _floors(shown: Board) -> dict[str, float | None]:
    """Return {task: the metric of the truth against independent truth}, where any record says one."""
    entries = [(task, entry) for row in shown.values() for task, entry in row.items()]
    return {task: plain(entry.floor[0]) for task, entry in entries if entry.floor is not None}


def _view(
    records: Sequence[Record], rows: Mapping[str, Row], told: Mapping[str, Told], floors: Mapping[str, float | None], about: Mapping[str, Any]
) -> dict[str, Any]:
    headline, task = about["headline"], about["task"]
    values = told[headline]
    down = metric_from(headline).better == "higher"
    references = {record.label for record in records if record.reference}
    order = sorted(values, key=lambda name: (name in references, -(values[name][0] or 0.0) if down else values[name][0] or 0.0, name))
    ranked = [name for name in order if name not in references]
    where = task or f"{counted(len(set(next(iter(rows.values())).systems)), 'system')} of track {about['track']}"
    if task is None and not about["track"]:
        where = f"all {len(next(iter(rows.values())).systems)} systems"
    words = f"{about['unit']}s" if about["unit"] else metric_from(headline).unit
    said = verdict(headline, ranked, rows, {name: [number or 0.0 for number in values[name]] for name in order}, where, words)
    scores = [values[name][0] for name in ranked]
    shown = [
        {
            "forecaster": name,
            "rank": None if name in references else scores.index(values[name][0]) + 1,
            "cells": {label: told[label][name] for label in about["labels"]},
            "level": name in said.level,
            **_run(next(record for record in records if record.label == name), task),
        }
        for name in order
    ]
    kept = {key: about[key] for key in ("track", "task", "unit", "system") if key in about}
    return {**kept, "verdict": said.text, "best": said.best, "rows": shown, "floors": dict(floors)}


def _kinds(headline: str, rows: Mapping[str, Row]) -> dict[str, dict[str, Any]]:
    """Return {kind of system: {"systems": how many, "rows": {forecaster: [value, low, high]}}}, empty where all are of one kind."""
    systems = next(iter(rows.values())).systems
    kinds = [kind_of_system(name) for name in systems]
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted(set(kinds)) if len(set(kinds)) > 1 else []:
        chosen = [place for place, other in enumerate(kinds) if other == kind]
        names = tuple(systems[place] for place in chosen)
        parts = {name: Row(row.values[chosen], row.pools[chosen], names).over_tasks(metric_from(headline).aggregate) for name, row in rows.items()}
        found[kind] = {"systems": len(set(names)), "rows": {name: [plain(value) for value in values] for name, values in parts.items()}}
    return found


def _run(record: Record, task: str | None) -> dict[str, Any]:
    """Return how the cells of a view ended, in words, how many of them failed, and the median time to fit."""
    cells = [cell for cell in record.cells if task in (None, cell["task"])]
    failed = [cell for cell in cells if cell["status"] != "ok"]
    said = sorted({f"{cell['status']}: {cell['reason']}" for cell in failed})
    status = "; ".join(said)
    if task is None and len(said) > 1:
        status = f"{len(failed)} of {counted(len(cells), 'cell')}: " + ", ".join(sorted({cell["status"] for cell in failed}))
    seconds = costs(record, None if task is None else [task])["fit_seconds"]
    return {"status": status, "failed_cells": len(failed), "fit_seconds": None if seconds is None else float(f"{seconds:.3g}")}
