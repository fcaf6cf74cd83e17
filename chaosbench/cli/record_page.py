"""A record as a table and as JSON data, for the commands that make one."""

from pathlib import Path
from typing import Any

import typer

from chaosbench.cli.output import echo_table
from chaosbench.records import Record

EXIT_FAILED_CELLS = 3
_HEADING = ["task", "seed", "status", "metric", "value", "95 % interval", "failed"]


def echo_record(record: Record, path: Path) -> None:
    """Print one line a task and metric, the reasons of cells that have one, and where the record stands."""
    rows = []
    for cell in record.cells:
        first = [cell["task"], str(cell["seed"]), cell["status"]]
        for label, entry in sorted(cell["metrics"].items()):
            low, high = entry["interval"]
            rows.append([*first, label, f"{entry['value']:.3g}", f"{low:.3g} to {high:.3g}", f"{entry['n_failed']} of {entry['n']}"])
            first = ["", "", ""]
    echo_table(rows, _HEADING)
    for cell in record.cells:
        if cell["reason"]:
            typer.echo(f"{cell['task']}, seed {cell['seed']}: {cell['reason']}")
    typer.echo(f"{record.label}: {path} sha256 {record.sha256[:16]}\n")


def record_data(record: Record, path: Path) -> dict[str, Any]:
    """Return what `--json` prints of a record."""
    return {"forecaster": record.label, "record": str(path), "sha256": record.sha256, "cells": list(record.cells)}


def failed(record: Record) -> bool:
    """Whether any cell ended otherwise than "ok"."""
    return any(cell["status"] != "ok" for cell in record.cells)
