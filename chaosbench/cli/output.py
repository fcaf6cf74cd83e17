"""What every command prints the same way: results to stdout, progress to stderr, and `--set` values."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from chaosbench.errors import DefinitionError


def echo_json(data: Any) -> None:
    """Print `data` as indented JSON; non-finite numbers must have become null before."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def echo_table(rows: Sequence[Sequence[str]], heading: Sequence[str]) -> None:
    """Print aligned columns; the last one is left as long as it is."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading) - 1)]
    for row in [heading, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


def settings(pairs: Sequence[str]) -> dict[str, float]:
    """Return {"rho": 30.0} for ["rho=30"]; DefinitionError names a pair that is not NAME=NUMBER."""
    values: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise DefinitionError(f"--set {pair}: not NAME=NUMBER; write for example --set rho=30")
    return values


def plain_numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Return a copy whose whole numbers stay floats, for JSON."""
    return {name: float(value) for name, value in values.items()}


@contextmanager
def progress(title: str) -> Iterator[Callable[[float, str], None]]:
    """Yield a callback (fraction done, sentence) that draws one line on stderr; silent when stderr is no terminal and CI is set."""
    started = time.monotonic()
    live = sys.stderr.isatty()
    state = {"shown": -1.0, "width": 0}

    def report(fraction: float, sentence: str) -> None:
        now = time.monotonic() - started
        if fraction < 1.0 and now - state["shown"] < (0.1 if live else 10.0):
            return
        state["shown"] = now
        line = f"{title}: {100 * min(max(fraction, 0.0), 1.0):3.0f} % {sentence} [{now:.0f} s]"
        if live:
            sys.stderr.write("\r" + line.ljust(int(state["width"])))
            state["width"] = len(line)
        elif not os.environ.get("CI"):
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    try:
        yield report
    finally:
        if live and state["width"]:
            sys.stderr.write("\r" + " " * int(state["width"]) + "\r")
            sys.stderr.flush()
