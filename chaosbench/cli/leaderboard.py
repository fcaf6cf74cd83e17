"""`leaderboard build` and `leaderboard show`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table
from chaosbench.errors import RecordError, nearest


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    group = typer.Typer(help="Compare records: a page, or a table.", no_args_is_help=True)
    group.command()(build)
    group.command()(show)
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
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the ranking with intervals.

    The value is the median over tasks of the median over windows (shares: means); the interval resamples tasks and windows. Equal values share
    a rank. References, which know the truth, stand below without one.
    """
    from chaosbench.ranking import rank
    from chaosbench.site import page_data
    from chaosbench.suites import metric_from

    found = read_records(records, suite)
    label = metric or page_data(found)["headline"]
    frame = rank(found, label, tasks=None if system is None else [system])
    rows = frame.to_dict(orient="records")
    if json:
        echo_json([{str(key): value for key, value in row.items()} | {"rank": row["rank"] or None} for row in rows])
        return
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
    measure = metric_from(label)
    where = system or f"{rows[0]['n_systems']} tasks"
    typer.echo(f"\n{label} in {measure.unit}, {measure.better} is better; suite {found[0].identity['suite']}, {where}")
