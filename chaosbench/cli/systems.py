"""`list`, `info` and `cite`."""

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from chaosbench.cli.output import echo_json, echo_table, settings
from chaosbench.errors import CatalogueError, nearest


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command(name="list")(list_)
    app.command()(info)
    app.command()(cite)


def list_(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="systems, forecasters, metrics, invariants, integrators or suites.", show_default=True)
    ] = "systems",
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only systems of this kind: flows, maps or delays.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only systems with this tag.")] = None,
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
    if what == "systems":
        _list_systems(kind, tag, json)
        return
    if kind is not None or tag is not None:
        raise CatalogueError(f"list {what}: --kind and --tag choose among systems; leave them out")
    rows = abouts(what)
    if json:
        echo_json([{"name": name, "about": about} for name, about in rows])
    else:
        echo_table(rows, ["name", "about"])


def _list_systems(kind: str | None, tag: str | None, json: bool) -> None:
    from chaosbench.catalogue import system_files
    from chaosbench.dynamics.headline import KINDS, read_headline

    rows = [read_headline(path) for path in system_files().values()]
    _check_choice("--kind", kind, KINDS)
    _check_choice("--tag", tag, sorted({entry for row in rows for entry in row.tags}))
    rows = [row for row in rows if kind in (None, row.kind) and (tag is None or tag in row.tags)]
    if json:
        echo_json([{"name": row.name, "kind": row.kind, "dimension": row.dimension, "title": row.title, "tags": list(row.tags)} for row in rows])
    else:
        echo_table(
            [[row.name, row.kind, str(row.dimension), row.title, ", ".join(row.tags)] for row in rows],
            ["name", "kind", "dimension", "title", "tags"],
        )


def _check_choice(option: str, given: str | None, known: Iterable[str]) -> None:
    if given is not None and given not in (choices := list(known)):
        raise CatalogueError(f"{option} {given}: there is none; choose from {', '.join(choices)}{nearest(given, choices)}")


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
