"""The command `chaosbench`: command groups are registered here, their work is imported only when they run."""

import errno
import logging
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from chaosbench import __version__
from chaosbench.cli import atlas, data, demo, doctor, evaluate, invariants, leaderboard, submit, systems, tune
from chaosbench.errors import ChaosbenchError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


class Commands(TyperGroup):
    """The root group: a deliberate error, a disk that says no and Ctrl-C are each one line on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except ChaosbenchError as error:
            _stop(str(error), EXIT_ERROR, error)
        except MemoryError as error:
            _stop(f"not enough memory ({error}); ask for fewer samples or trajectories", EXIT_ERROR, error)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone: typer ends quietly
                raise
            where = f"{error.filename}: " if error.filename is not None else ""
            _stop(f"{where}{error.strerror or error}; check the path, its permissions and the free space, and repeat the command", EXIT_ERROR, error)
        except KeyboardInterrupt as error:
            _stop("interrupted; what was finished is kept, the same command continues", EXIT_INTERRUPTED, error)


app = typer.Typer(
    cls=Commands,
    help="Chaotic systems: trajectories, invariants with error bars, and a forecasting leaderboard.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for group in (systems, atlas, data, invariants, evaluate, tune, submit, leaderboard, demo, doctor):
    group.register(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 error, 2 wrong usage, 3 finished with failed cells, 130 interrupted."""
    logging.basicConfig(format="chaosbench: %(message)s", level=logging.WARNING, stream=sys.stderr)
    app()


def _stop(sentence: str, code: int, cause: BaseException) -> None:
    typer.echo(f"chaosbench: {sentence}", err=True)
    raise typer.Exit(code) from cause
