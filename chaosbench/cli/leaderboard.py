"""`leaderboard build` and `leaderboard show`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli import rounds
from chaosbench.cli.output import echo_json, echo_table
from chaosbench.errors import RecordError, nearest


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    group = typer.Typer(help="Compare records: a page, or a table; sealed rounds.", no_args_is_help=True)
    group.command()(build)
    group.command()(show)
    rounds.register(group)
    app.add_typer(group, name="leaderboard")


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


def build(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for index.html and the records it links to.")],
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of records.")] = Path("records"),
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Which suite, when the folder holds several.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build the leaderboard page: one static HTML file."""
    from chaosbench.site import build_page, page_data

    found = read_records(records, suite)
    data = page_data(found)
    page = build_page(found, output, data)
    if json:
        echo_json({"page": str(page), "suite": data["suite"], "verdicts": {view["task"] or "all": view["verdict"] for view in data["views"]}})
    else:
        typer.echo(f"{page}\n{data['views'][0]['verdict']}")


def show(
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of records.")] = Path("records"),
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Which suite, when the folder holds several.")] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Metric to rank by; default the suite's headline.")] = None,
    system: Annotated[str | None, typer.Option(metavar="TASK", help="Only this task.")] = None,
    track: Annotated[str | None, typer.Option(metavar="TRACK", help="Only this track; default a table of each.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the ranking with intervals.

    The value is the median over tasks of the median over windows (shares: means); the interval resamples tasks and windows. Equal values share
    a rank. References, which know the truth, stand below without one.
    """
    from chaosbench.ranking import tracks_of
    from chaosbench.site import headline_of

    found = read_records(records, suite)
    tracks = tracks_of(found)
    if track is not None and track not in tracks:
        raise RecordError(f"no record has track {track!r}; tracks are {', '.join(filter(None, tracks)) or 'none'}{nearest(track, tracks)}")
    label = metric or headline_of(found)
    if system is not None:
        chosen = {"": [system]}
    elif track is not None:
        chosen = {track: tracks[track]}
    else:
        chosen = {name: tasks for name, tasks in tracks.items() if metric is None or _has(found, tasks, metric)} or tracks
    rows = [row for name, tasks in chosen.items() for row in _ranked(found, label, name, tasks)]
    if json:
        echo_json(rows)
        return
    for name, tasks in chosen.items():
        _echo_ranking([row for row in rows if row.get("track", "") == name], label, f"suite {found[0].identity['suite']}", name, system, len(tasks))


def _has(records: list[Any], tasks: list[str], metric: str) -> bool:
    return any(metric in cell["metrics"] for record in records for cell in record.cells if cell["task"] in tasks)


def _ranked(records: list[Any], metric: str, track: str, tasks: list[str]) -> list[dict[str, Any]]:
    """Return the ranking on `tasks` as JSON data, of the records that have any of them."""
    from chaosbench.ranking import rank

    taking_part = [record for record in records if any(cell["task"] in tasks for cell in record.cells)] or records
    rows = rank(taking_part, metric, tasks=tasks).to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} | {"rank": row["rank"] or None} | ({"track": track} if track else {}) for row in rows]


def _echo_ranking(rows: list[dict[str, Any]], metric: str, suite: str, track: str, system: str | None, n_tasks: int) -> None:
    from chaosbench.suites import metric_from

    lines = [
        [
            str(row["rank"] or "-"),
            row["forecaster"] + (" (reference)" if row["reference"] else ""),
            f"{row['value']:.3g}",
            f"{row['low']:.3g} to {row['high']:.3g}",
            f"{row['n_failed']} of {row['n']}",
        ]
        for row in rows
    ]
    echo_table(lines, ["rank", "forecaster", "value", "95 % interval", "failed"])
    measure = metric_from(metric)
    where = f"{suite}, {f'track {track}, ' if track else ''}{system or f'{n_tasks} tasks'}"
    typer.echo(f"\n{metric} in {measure.unit}, {measure.better} is better; {where}\n")
