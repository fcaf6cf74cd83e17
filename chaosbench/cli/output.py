"""What every command prints the same way: results to stdout, progress to stderr, and `--set` values."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from chaosbench.errors import DefinitionError

_QUIET_SECONDS = {True: 0.1, False: 10.0}  # between two lines of progress, on a terminal and in a log


def echo_json(data: Any) -> None:
    """Print `data` as indented JSON, lists of numbers on one line; non-finite numbers must have become null before."""
    typer.echo(_pretty(data, ""))


def echo_table(rows: Sequence[Sequence[str]], heading: Sequence[str]) -> None:
    """Print aligned columns; the last one is left as long as it is."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading) - 1)]
    for row in [heading, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


def number(value: Any) -> str:
    """Return a number, or the first eight of a list, with five digits; "none" for null."""
    if isinstance(value, list):
        return f"[{', '.join(number(item) for item in value[:8])}{', ...' if len(value) > 8 else ''}]"
    return "none" if value is None else f"{value:.5g}"


def settings(pairs: Sequence[str]) -> dict[str, float]:
    """Return {"rho": 30.0} for ["rho=30"]; DefinitionError names a pair that is not NAME=NUMBER, or a name given twice."""
    values: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        try:
            number = float(text)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise DefinitionError(f"--set {pair}: not NAME=NUMBER; write for example --set rho=30")
        if name in values:
            raise DefinitionError(f"--set {pair}: {name} was set to {values[name]:g} before; give each name once")
        values[name] = number
    return values


def seed_list(text: str) -> tuple[int, ...]:
    """Return (0, 1, 2) for "0,1,2"; DefinitionError when that is not a list of whole numbers, none negative, none twice."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len({int(part) for part in parts}) < len(parts):
        raise DefinitionError(
            f"--seeds {text}: seeds are whole numbers, none negative, none twice, separated by commas; write for example --seeds 0,1,2"
        )
    return tuple(int(part) for part in parts)


@contextmanager
def progress(title: str) -> Iterator[Callable[[float, str], None]]:
    """Yield a callback (fraction done, sentence) that draws one line on stderr; a line now and then in a log, none where CI is set."""
    started = time.monotonic()
    live = sys.stderr.isatty()
    silent = not live and bool(os.environ.get("CI"))
    state = {"shown": 0.0 if not live else -1.0, "width": 0}

    def report(fraction: float, sentence: str) -> None:
        now = time.monotonic() - started
        if silent or (fraction < 1.0 and now - state["shown"] < _QUIET_SECONDS[live]):
            return
        state["shown"] = now
        line = f"{title}: {100 * min(max(fraction, 0.0), 1.0):3.0f} % {sentence} [{now:.0f} s]"
        if live:
            line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line could not be drawn over
            sys.stderr.write("\r" + line.ljust(int(state["width"])))
            state["width"] = len(line)
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    try:
        yield report
    finally:
        if live and state["width"]:
            sys.stderr.write("\r" + " " * int(state["width"]) + "\r")
            sys.stderr.flush()


def _pretty(data: Any, indent: str) -> str:
    """Return JSON text: tables and lists of tables indented, lists of numbers and short texts on one line."""
    deeper = indent + "  "
    if isinstance(data, dict) and data:
        lines = [f"{deeper}{json.dumps(str(key), ensure_ascii=False)}: {_pretty(value, deeper)}" for key, value in data.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(data, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in data):
        return "[\n" + ",\n".join(deeper + _pretty(item, deeper) for item in data) + f"\n{indent}]"
    return json.dumps(data, ensure_ascii=False, allow_nan=False)
