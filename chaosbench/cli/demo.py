"""`demo`: the whole pipeline with one command."""

from pathlib import Path
from typing import Annotated

import typer

from chaosbench.cli.output import echo_json, echo_table, progress


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for everything the demo makes.")] = Path("chaosbench-demo"),
    suite: Annotated[str, typer.Option(help="Suite name or path of a .toml file.")] = "demo",
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Datasets, invariants, forecasters, records and the leaderboard page. Interrupted, the same command continues."""
    from chaosbench.cli.invariants import _number
    from chaosbench.demo import run_demo

    with progress("demo") as report:
        outcome = run_demo(output, suite=suite, progress=report)
    if json:
        data = {"page": str(outcome.page), "datasets": outcome.datasets, "estimates": outcome.estimates, "verdicts": outcome.verdicts}
        echo_json(data | {"records": {record.label: record.sha256 for record in outcome.records}})
        return
    rows = []
    for name, found in outcome.estimates.items():
        for invariant, entry in found.items():
            rows.append([name, invariant, _number(entry["value"]), _number(entry["standard_error"])])
    echo_table(rows, ["system", "invariant", "value", "standard error"])
    typer.echo("")
    for name, said in outcome.verdicts.items():
        typer.echo(said if name == "all systems" else f"  {said}")
    missing = [record.label for record in outcome.records if all(cell["status"] == "not_installed" for cell in record.cells)]
    if missing:
        typer.echo(f"\nnot installed: {', '.join(missing)} (pip install 'chaosbench[torch]')")
    typer.echo(f"\ndatasets: {output / 'datasets'}\nrecords:  {output / 'records'}\npage:     {outcome.page}")
