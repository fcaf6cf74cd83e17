"""`atlas`: what was measured of every system, as a table, JSON or CSV."""

import csv
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table
from chaosbench.cli.selection import DimensionOption, Entry, ExponentOption, KindOption, RegimeOption, TagOption, entries, selected
from chaosbench.errors import CatalogueError

_ERROR = "_standard_error"
_COLUMNS = ("entropy_bound", "kaplan_yorke_dimension", "correlation_dimension", "divergence", "lifetime")
_NUMBERS = ("positive_exponents", "lyapunov_time", "period", "transient", "spread", "stiffness")


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command()(atlas)


def atlas(
    names: Annotated[list[str] | None, typer.Argument(metavar="SYSTEM...", help="Names of systems; left out: all.", show_default=False)] = None,
    kind: KindOption = None,
    tag: TagOption = None,
    regime: RegimeOption = None,
    dimension: DimensionOption = None,
    exponent: ExponentOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print one line of comma-separated values a system.")] = False,
) -> None:
    """Show what was measured of every system.

    Regime, exponents, dimensions and time scales. Values hold for the default parameters; each has its standard error. Systems that nobody
    measured yet are left out.
    """
    if json and csv:
        raise CatalogueError("--json and --csv: give at most one of the two")
    rows = selected(entries(names or ()), kind=kind, tag=tag, regime=regime, dimension=dimension, exponent=exponent)
    measured = [entry for entry in rows if entry.facts is not None]
    missing = [entry.headline.name for entry in rows if entry.facts is None]
    if names and missing:
        raise CatalogueError(
            f"{', '.join(missing)}: not measured yet; `chaosbench invariants {missing[0]}` measures, scripts/measure_registry stores"
        )
    if json:
        echo_json([_data(entry) for entry in measured])
    elif csv:
        _write_csv(measured)
    else:
        heading = ["name", "regime", "largest exponent", "positive", "Kaplan-Yorke dimension", "correlation dimension", "Lyapunov time", "period"]
        echo_table([_row(entry) for entry in measured], heading)


def _data(entry: Entry) -> dict[str, Any]:
    return {**entry.told, **{key: value for key, value in _facts(entry).items() if key not in ("name", "schema")}}


def _facts(entry: Entry) -> Mapping[str, Any]:
    return entry.facts or {}


def _row(entry: Entry) -> list[str]:
    facts = _facts(entry)
    spectrum = facts["lyapunov_spectrum"]
    return [
        entry.headline.name,
        facts["regime"],
        _pair(spectrum["value"][0], spectrum["standard_error"][0]),
        f"{facts['positive_exponents']}{'' if facts['entropy_bound'] else ' or more'}",
        *(_pair(*_value(facts[name])) for name in ("kaplan_yorke_dimension", "correlation_dimension")),
        *(_pair(facts[name], None) for name in ("lyapunov_time", "period")),
    ]


def _value(measured: Mapping[str, Any] | None) -> tuple[Any, Any]:
    return (None, None) if measured is None else (measured["value"], measured["standard_error"])


def _pair(value: float | str | None, error: float | str | None) -> str:
    """Numbers that JSON has no name for are stored as text; "-" for what is not a number."""
    if value is None or math.isnan(float(value)):
        return "-"
    return f"{float(value):.5g}" + (f" +- {float(error):.1g}" if error else "")


def _write_csv(rows: Iterable[Entry]) -> None:
    """Print one line a system; a spectrum is a list separated by blanks."""
    pairs = [name for column in _COLUMNS for name in (column, column + _ERROR)]
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(
        ["name", "aliases", "kind", "dimension", "regime", "lyapunov_spectrum", "lyapunov_spectrum" + _ERROR, *pairs, *_NUMBERS, "integrator"]
    )
    for entry in rows:
        facts, headline = _facts(entry), entry.headline
        spectrum = [" ".join(map(str, facts["lyapunov_spectrum"][part])) for part in ("value", "standard_error")]
        values = [number for column in _COLUMNS for number in _value(facts[column])]
        told = [headline.name, " ".join(headline.aliases), headline.kind, headline.dimension, facts["regime"]]
        table.writerow([*told, *spectrum, *values, *(facts[name] for name in _NUMBERS), facts["integrator"]])
