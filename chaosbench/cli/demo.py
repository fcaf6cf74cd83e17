"""`demo`: the whole pipeline with one command."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, number, progress
from chaosbench.errors import TaskError


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for everything the demo makes.")] = Path("chaosbench-demo"),
    suite: Annotated[str, typer.Option(metavar="SUITE", help="Suite name or path of a .toml file.")] = "demo",
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes; default one a core.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the whole pipeline with one command.

    Datasets, invariants, the forecasters that take seconds, records and the leaderboard page. Interrupted, the same command continues.
    """
    from chaosbench.demo import run_demo

    if workers is not None and workers < 1:
        raise TaskError(f"--workers {workers}: must be at least 1")
    with progress("demo") as report:
        outcome = run_demo(output, suite=suite, progress=report, workers=workers)
    if json:
        estimates = {name: {key: {**entry, "series": None} for key, entry in found.items()} for name, found in outcome.estimates.items()}
        data = {"page": str(outcome.page), "datasets": outcome.datasets, "estimates": estimates, "verdicts": outcome.verdicts}
        echo_json(data | {"records": {record.label: record.sha256 for record in outcome.records}})
        return
    rows = []
    for name, found in outcome.estimates.items():
        for invariant, entry in found.items():
            rows.append([name, invariant, number(entry["value"]), number(entry["standard_error"])])
    echo_table(rows, ["system", "invariant", "value", "standard error"])
    typer.echo("")
    for name, said in outcome.verdicts.items():
        typer.echo(said if name == "all systems" else f"  {said}")
    _echo_failures(outcome.records)
    typer.echo(f"\ndatasets: {output / 'datasets'}\nrecords:  {output / 'records'}\npage:     {outcome.page}")


def _echo_failures(records: Sequence[Any]) -> None:
    """Say which forecasters are missing and which cells failed: they stand in the page with the declared failed scores."""
    missing = [record.label for record in records if all(cell["status"] == "not_installed" for cell in record.cells)]
    if missing:
        typer.echo(f"\nnot installed: {', '.join(missing)} (pip install 'chaosbench[torch]')")
    failed = [(record.label, cell) for record in records for cell in record.cells if cell["status"] not in ("ok", "not_installed")]
    if failed:
        typer.echo(f"\nfailed cells: {len(failed)}")
        for label, cell in failed:
            typer.echo(f"  {label} on {cell['task']}: {cell['status']}: {cell['reason']}")
