"""Which records, metric and tasks a command about the leaderboard means."""

from pathlib import Path
from typing import Any

from chaosbench.errors import RecordError, nearest


def read_records(folder: Path, suite: str | None) -> list[Any]:
    """Return the verified records in `folder` of one suite. Raises RecordError for none, or for several suites when `suite` does not choose."""
    from chaosbench.records import read_record

    found = [read_record(path) for path in sorted(folder.glob("*--*.json"))]
    suites = sorted({record.identity["suite"] for record in found})
    if not found:
        raise RecordError(f"{folder}: no records here; run `chaosbench evaluate NAME --output {folder}` first, or give --records")
    if suite is None and len(suites) > 1:
        raise RecordError(f"{folder}: records of suites {', '.join(suites)}; choose one with --suite")
    if suite is not None and suite not in suites:
        raise RecordError(f"{folder}: no records of suite {suite!r}; suites here are {', '.join(suites)}{nearest(suite, suites)}")
    return [record for record in found if suite in (None, record.identity["suite"])]


def chosen_tasks(records: list[Any], metric: str | None, system: str | None, track: str | None) -> tuple[str, dict[str, list[str]]]:
    """Return the metric, the suite's headline when none is given, and {track: tasks} to show: one task, one track, or every track that has it."""
    from chaosbench.ranking import tracks_of
    from chaosbench.site import headline_of

    tracks = tracks_of(records)
    if track is not None and track not in tracks:
        raise RecordError(f"no record has track {track!r}; tracks are {', '.join(filter(None, tracks)) or 'none'}{nearest(track, tracks)}")
    label = metric or headline_of(records)
    if system is not None:
        return label, {"": [system]}
    if track is not None:
        return label, {track: tracks[track]}
    return label, {name: tasks for name, tasks in tracks.items() if metric is None or _has(records, tasks, metric)} or tracks


def _has(records: list[Any], tasks: list[str], metric: str) -> bool:
    return any(metric in cell["metrics"] for record in records for cell in record.cells if cell["task"] in tasks)
