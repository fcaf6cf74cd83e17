"""`doctor`: what works here, and what to do about what does not."""

from typing import Annotated

import typer

from chaosbench.cli.output import echo_json, echo_table


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(doctor)


def doctor(json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False) -> None:
    """Check the installation.

    Versions, cores, compiler, cache, disk and optional extras. Exit code 1 when something needed does not work.
    """
    from dataclasses import asdict

    from chaosbench.cli.checks import run_checks

    checks = run_checks()
    if json:
        echo_json([asdict(check) for check in checks])
    else:
        echo_table([[check.state, check.name, check.seen] for check in checks], ["", "what", "seen"])
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
