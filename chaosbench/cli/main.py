"""The command `chaosbench`: command groups are registered here, their work is imported only when they run."""

import logging
import sys

import typer

from chaosbench import __version__
from chaosbench.cli import data, demo, doctor, evaluate, invariants, leaderboard, submit, systems
from chaosbench.errors import ChaosbenchError

EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Chaotic systems: trajectories, invariants with error bars, and a forecasting leaderboard.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (systems, data, invariants, evaluate, submit, leaderboard, demo, doctor):
    group.register(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; a deliberate error is one line on stderr and exit code 1, Ctrl-C is exit code 130."""
    logging.basicConfig(format="chaosbench: %(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        app()
    except ChaosbenchError as error:
        typer.echo(f"chaosbench: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("\nchaosbench: interrupted; what was finished is kept, the same command continues", err=True)
        sys.exit(EXIT_INTERRUPTED)
