"""`list`, `info` and `cite`."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, settings
from chaosbench.cli.selection import DimensionOption, Entry, ExponentOption, KindOption, RegimeOption, TagOption, entries, selected
from chaosbench.errors import CatalogueError, nearest


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command(name="list")(list_)
    app.command()(info)
    app.command()(cite)


def list_(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="systems, forecasters, references, metrics, invariants, integrators or suites.", show_default=True)
    ] = "systems",
    kind: KindOption = None,
    tag: TagOption = None,
    regime: RegimeOption = None,
    dimension: DimensionOption = None,
    exponent: ExponentOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List systems, forecasters, metrics, invariants ...

    Without an argument the systems. Every name listed can be given to the other commands.
    """
    from chaosbench.catalogue import PLUGIN_KINDS
    from chaosbench.cli.listing import abouts

    choices = ["systems", *PLUGIN_KINDS, "suites"]
    if what not in choices:
        raise CatalogueError(f"list {what}: unknown; choose from {', '.join(choices)}{nearest(what, choices)}")
    options = {"kind": kind, "tag": tag, "regime": regime, "dimension": dimension, "exponent": exponent}
    if what == "systems":
        _list_systems(options, json)
        return
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise CatalogueError(f"list {what}: {', '.join(given)} choose among systems; leave them out")
    rows = abouts(what)
    if json:
        echo_json([{"name": name, "about": about} for name, about in rows])
    else:
        echo_table(rows, ["name", "about"])


def _list_systems(options: Mapping[str, str | None], json: bool) -> None:
    rows = selected(entries(), **options)
    if json:
        echo_json([_data(entry) for entry in rows])
    else:
        echo_table(
            [
                [
                    entry.headline.name,
                    entry.headline.kind,
                    str(entry.headline.dimension),
                    entry.regime or "not measured",
                    "" if entry.exponent is None else f"{entry.exponent:.3g}",
                    entry.headline.title,
                ]
                for entry in rows
            ],
            ["name", "kind", "dimension", "regime", "exponent", "title"],
        )


def _data(entry: Entry) -> dict[str, Any]:
    headline = entry.headline
    return {**entry.told, "title": headline.title, "tags": list(headline.tags), "regime": entry.regime, "exponent": entry.exponent}


def info(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of a system, or path of a definition file.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="Parameter or size, e.g. --set rho=30; may be repeated.")
    ] = None,
    picture: Annotated[bool, typer.Option(help="Draw the attractor with text.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show the equations, values and a picture of a system.

    Equations, parameters, published and measured values with their sources, variants, and the attractor drawn in the terminal.
    """
    from chaosbench.cli.system_page import system_data, system_text
    from chaosbench.dynamics.reader import system

    definition = system(name, settings(set_ or []))
    if json:
        echo_json(system_data(definition))
        return
    typer.echo(system_text(definition))
    if picture and "utf" in (sys.stdout.encoding or "").lower():
        from chaosbench.cli.picture import portrait

        typer.echo(portrait(definition))


def cite(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of a system or plug-in; left out: chaosbench itself.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the papers to cite for a name.

    For a system, forecaster, metric, invariant or integrator its sources; without a name what to cite for chaosbench itself.
    """
    from chaosbench.cli.citations import citations

    found = citations(name)
    if json:
        echo_json(found)
    else:
        for entry in found:
            typer.echo(entry["cite"] + (f" https://doi.org/{entry['doi']}" if entry["doi"] else ""))
