"""`list`, `info` and `cite`."""

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
    what: Annotated[str, typer.Argument(help="systems, forecasters, metrics, invariants, integrators or suites.")] = "systems",
    kind: Annotated[str | None, typer.Option(help="Only systems of this kind: flows, maps, delays.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only systems with this tag.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List what there is: systems (default) or plug-ins."""
    from chaosbench.catalogue import PLUGIN_KINDS, data_folder, names

    if what in PLUGIN_KINDS or what == "suites":
        found = (
            names(what) if what in PLUGIN_KINDS else tuple(sorted(path.stem for path in data_folder("_suites", "leaderboard/suites").glob("*.toml")))
        )
        if json:
            echo_json(list(found))
        else:
            typer.echo("\n".join(found))
        return
    if what != "systems":
        choices = ["systems", "suites", *PLUGIN_KINDS]
        raise CatalogueError(f"list {what}: choose from {', '.join(choices)}{nearest(what, choices)}")
    from chaosbench.catalogue import system_files
    from chaosbench.dynamics.headline import read_headline

    rows = [read_headline(path) for path in system_files().values()]
    rows = [row for row in rows if kind in (None, row.kind) and (tag is None or tag in row.tags)]
    if json:
        echo_json([{"name": row.name, "kind": row.kind, "dimension": row.dimension, "title": row.title, "tags": list(row.tags)} for row in rows])
    else:
        echo_table(
            [[row.name, row.kind, str(row.dimension), row.title, ", ".join(row.tags)] for row in rows],
            ["name", "kind", "dimension", "title", "tags"],
        )


def info(
    name: Annotated[str, typer.Argument(help="Name of a system, or path of a definition file.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Parameter or size, e.g. --set rho=30; may be repeated.")] = None,
    picture: Annotated[bool, typer.Option(help="Draw the attractor with text.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a system: equations, parameters, published and measured values with sources, a small picture."""
    from chaosbench.cli.system_page import system_data, system_text
    from chaosbench.dynamics.reader import system

    definition = system(name, settings(set_ or []))
    if json:
        echo_json(system_data(definition))
        return
    typer.echo(system_text(definition))
    if picture:
        from chaosbench.cli.picture import portrait

        typer.echo(portrait(definition))


def cite(
    name: Annotated[str | None, typer.Argument(help="Name of a system or plug-in; left out: chaosbench itself.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print what to cite: the sources of a system, forecaster, metric, invariant or integrator, or chaosbench itself."""
    from chaosbench.cli.citations import citations

    found = citations(name)
    if json:
        echo_json(found)
    else:
        for entry in found:
            typer.echo(entry["cite"] + (f" https://doi.org/{entry['doi']}" if entry["doi"] else ""))
