"""`submit new`, `submit check`, `submit pack` and `submit run`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, progress, seed_list
from chaosbench.errors import ForecasterError


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    group = typer.Typer(help="Bring a forecaster of your own.", no_args_is_help=True)
    group.command()(new)
    group.command()(check)
    group.command()(pack)
    group.command()(run)
    app.add_typer(group, name="submit")


def new(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make.")]) -> None:
    """Make a folder with a working forecaster to start from."""
    import shutil

    from chaosbench.catalogue import data_folder

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ForecasterError(f"{folder}: exists already and is not an empty folder; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((data_folder("_site", "leaderboard/site") / "submission").glob("*.*")):
        shutil.copyfile(path, folder / path.name)
    typer.echo(f"{folder}: submission.toml and forecaster.py are there; edit them, then")
    typer.echo(f"  chaosbench submit check {folder}")
    typer.echo(f"  chaosbench submit run {folder}")


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Submission folder.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check a submission on two toy series.

    Size, shapes, determinism, batch invariance, causality, refitting; takes seconds. Exit code 1 when a rule is broken.
    """
    from dataclasses import asdict

    from chaosbench.submission_check import check_submission
    from chaosbench.submissions import read_submission

    submission = read_submission(folder)
    with progress(f"check {submission.name}") as report:
        findings = check_submission(submission, report)
    if json:
        echo_json({"name": submission.name, "sha256": submission.sha256, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [["holds" if finding.held else "BROKEN", finding.series, finding.rule, finding.seen] for finding in findings]
        echo_table(rows, ["", "series", "rule", "seen"])
    if not all(finding.held for finding in findings):
        raise typer.Exit(1)


def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Submission folder.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Archive to write; NAME-VERSION.tar.gz here by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Pack a submission into one archive.

    The same files give the same archive. Caches, links and more than 200 MB are refused.
    """
    from chaosbench.submission_archive import pack
    from chaosbench.submissions import read_submission

    submission = read_submission(folder)
    path, sha256 = pack(submission, output)
    size = path.stat().st_size
    if json:
        echo_json({"name": submission.name, "submission_sha256": submission.sha256, "archive": str(path), "bytes": size, "sha256": sha256})
    else:
        typer.echo(f"{path}: {size} bytes, sha256 {sha256}")


def run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Submission folder.")],
    suite: Annotated[str, typer.Option(metavar="SUITE", help="Suite name or path of a .toml file.")] = "smoke",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the record and finished cells.")] = Path("records"),
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated seeds.")] = "0",
    fit_deadline: Annotated[float, typer.Option(metavar="SECONDS", help="How long one fit may take.")] = 600.0,
    forecast_deadline: Annotated[float, typer.Option(metavar="SECONDS", help="How long one forecast call may take.")] = 300.0,
    cell_deadline: Annotated[float, typer.Option(metavar="SECONDS", help="How long all calls on one task may take.")] = 1200.0,
    memory: Annotated[float, typer.Option(metavar="GIB", help="Memory that it and all its processes may hold.")] = 8.0,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Evaluate a submission in a process of its own.

    With deadlines, a cap on memory, no network and no sight of other files; writes its record.

    Exit code 3: finished with failed cells. Interrupted, the same command continues.
    """
    from chaosbench.cli.record_page import EXIT_FAILED_CELLS, echo_record, failed, record_data
    from chaosbench.evaluation import evaluate
    from chaosbench.isolation.limits import GIB, Limits
    from chaosbench.records import write_record
    from chaosbench.submissions import entrant_class, read_submission

    for name, seconds in (("--fit-deadline", fit_deadline), ("--forecast-deadline", forecast_deadline), ("--cell-deadline", cell_deadline)):
        if not 0 < seconds < float("inf"):
            raise ForecasterError(f"{name} {seconds:g}: must be a positive number of seconds")
    if not 0.25 <= memory < 1e6:
        raise ForecasterError(f"--memory {memory:g}: must be at least 0.25, in GiB; an interpreter with NumPy needs as much")
    chosen, submission = seed_list(seeds), read_submission(folder)
    if output.resolve().is_relative_to(submission.folder):
        raise ForecasterError(f"--output {output}: stands in the submission, which could read the truth there; choose a folder elsewhere")
    settings: dict[str, Any] = {"fit_deadline": fit_deadline, "forecast_deadline": forecast_deadline, "cell_deadline": cell_deadline}
    settings |= {"limits": Limits(memory=int(memory * GIB))}
    with progress(f"run {submission.name}") as report:
        record = evaluate(entrant_class(submission, settings), suite, seeds=chosen, cache=output / "cache", progress=report)
    path = write_record(record, output)
    if json:
        echo_json({**record_data(record, path), "isolation": record.environment.get("isolation", {})})
    else:
        echo_record(record, path)
        for layer, level in record.environment.get("isolation", {}).items():
            if level != "on":
                typer.echo(f"not confined, {layer}: {level}")
    if failed(record):
        raise typer.Exit(EXIT_FAILED_CELLS)
