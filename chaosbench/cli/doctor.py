"""`doctor`: what works here, and what to do about what does not."""

import typer

from chaosbench.cli.output import echo_json, echo_table


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(doctor)


def doctor(json: bool = typer.Option(False, "--json", help="Print the result as JSON.")) -> None:
    """Check the installation: versions, cores, compiler, cache, optional extras. Non-zero exit when something needed does not work."""
    from dataclasses import asdict

    from chaosbench.cli.checks import run_checks

    checks = run_checks()
    if json:
        echo_json([asdict(check) for check in checks])
    else:
        echo_table([[check.state, check.name, check.seen] for check in checks], ["", "what", "seen"])
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
