"""`evaluate`: one or more forecasters on a suite."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, progress
from chaosbench.errors import ForecasterError

EXIT_FAILED_CELLS = 3


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(evaluate)


def evaluate(
    forecasters: Annotated[list[str], typer.Argument(help="Names, or paths of .py files.")],
    suite: Annotated[str, typer.Option(help="Suite name or path of a .toml file.")] = "smoke",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for records and finished cells.")] = Path("records"),
    device: Annotated[str, typer.Option(help="Device for forecasters that can use one: cpu or cuda.")] = "cpu",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds of the forecaster.")] = "0",
    option: Annotated[list[str] | None, typer.Option("--option", help="Constructor option NAME=VALUE of the forecaster; may be repeated.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train, forecast and score; writes one record each. Interrupted, the same command continues. Exit code 3: finished with failed cells."""
    from chaosbench.evaluation import evaluate as run
    from chaosbench.records import write_record

    chosen, settings = _seeds(seeds), _options(option or [])
    results = []
    for name in forecasters:
        with progress(f"evaluate {name}") as report:
            record = run(name, suite, device=device, seeds=chosen, cache=output / "cache", progress=report, options=settings)
        results.append((record, write_record(record, output)))
    if json:
        echo_json(
            [{"forecaster": record.label, "record": str(path), "sha256": record.sha256, "cells": list(record.cells)} for record, path in results]
        )
    else:
        for record, path in results:
            echo_table(_rows(record), ["task", "seed", "status", "scores (95 % interval)"])
            typer.echo(f"{record.label}: {path} sha256 {record.sha256[:16]}\n")
    if any(cell["status"] != "ok" for record, _ in results for cell in record.cells):
        raise typer.Exit(EXIT_FAILED_CELLS)


def _rows(record: Any) -> list[list[str]]:
    rows = []
    for cell in record.cells:
        scores = [f"{name} {m['value']:.3g} [{m['interval'][0]:.3g}, {m['interval'][1]:.3g}]" for name, m in cell["metrics"].items()]
        rows.append([cell["task"], str(cell["seed"]), cell["status"], ", ".join(scores) + (f"; {cell['reason']}" if cell["reason"] else "")])
    return rows


def _seeds(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError as reason:
        raise ForecasterError(f"--seeds {text}: not whole numbers separated by commas; write for example --seeds 0,1,2") from reason
    return found


def _options(pairs: list[str]) -> dict[str, Any]:
    """Return constructor options; values are read as JSON (numbers, true, false, null), anything else is text."""
    import json

    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ForecasterError(f"--option {pair}: not NAME=VALUE; write for example --option units=300")
        try:
            options[name] = json.loads(text)
        except json.JSONDecodeError:
            options[name] = text
    return options
