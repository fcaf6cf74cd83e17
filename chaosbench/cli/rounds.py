"""`leaderboard open`, `leaderboard enter`, `leaderboard reveal` and `leaderboard verify`: sealed rounds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, progress, seed_list

Folder = Annotated[Path, typer.Argument(metavar="ROUND", help="Folder of the round.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(group: typer.Typer) -> None:
    """Add the commands of this module to `group`."""
    group.command("open")(open_)
    group.command()(enter)
    group.command()(reveal)
    group.command()(verify)


def open_(
    folder: Folder,
    suite: Annotated[str, typer.Option(metavar="SUITE", help="Suite name or path of a .toml file.")] = "v1",
    track: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated tracks of the suite; default all.")] = "",
    json: Json = False,
) -> None:
    """Open a sealed round: publish the commitment, keep the secret.

    ROUND/round.toml is to be published now, ROUND/secret.json is to be kept until the round closes.
    """
    from chaosbench.rounds import PUBLIC, SECRET, open_round

    opened = open_round(folder, suite, [name for name in track.split(",") if name])
    if json:
        echo_json({"round": opened.name, "commitment": opened.commitment, "public": str(folder / PUBLIC), "secret": str(folder / SECRET)})
        return
    typer.echo(f"{folder / PUBLIC}: publish it now; commitment {opened.commitment}")
    typer.echo(f"{folder / SECRET}: keep it from everybody until `chaosbench leaderboard reveal {folder}`")


def enter(
    folder: Folder,
    entrants: Annotated[list[str], typer.Argument(metavar="ENTRANT...", help="Submission folders, or names of forecasters and references.")],
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated seeds of the forecaster.")] = "0",
    json: Json = False,
) -> None:
    """Run entrants on the sealed suite.

    Records and answers go to ROUND/records. Only who holds the secret can. Answers are written and hashed before the truth is made. Exit code 3:
    finished with failed cells. Interrupted, the same command continues.
    """
    import shutil

    from chaosbench.cells import ANSWERS
    from chaosbench.cli.record_page import EXIT_FAILED_CELLS, echo_record, failed, record_data
    from chaosbench.evaluation import evaluate
    from chaosbench.records import write_record
    from chaosbench.rounds import read_round, read_secret

    chosen, found = seed_list(seeds), read_round(folder)
    suite, target = found.sealed(read_secret(folder)), folder / "records"
    makers = [(name, _maker(name)) for name in entrants]  # a mistake in the last must not cost the work on the first
    results = []
    for name, maker in makers:
        with progress(f"enter {name}") as report:
            record = evaluate(maker, suite, seeds=chosen, cache=folder / "cache", progress=report, commitment=found.commitment)
        (target / ANSWERS).mkdir(parents=True, exist_ok=True)
        for sha in {cell["answers_sha256"] for cell in record.cells}:
            shutil.copyfile(folder / "cache" / ANSWERS / f"{sha}.npz", target / ANSWERS / f"{sha}.npz")
        results.append((record, write_record(record, target)))
        if not json:
            echo_record(*results[-1])
    if json:
        echo_json([record_data(record, path) for record, path in results])
    if any(failed(record) for record, _ in results):
        raise typer.Exit(EXIT_FAILED_CELLS)


def reveal(folder: Folder, json: Json = False) -> None:
    """Close a round: write its secret into ROUND/round.toml."""
    from chaosbench.rounds import PUBLIC
    from chaosbench.rounds import reveal as close

    closed = close(folder)
    if json:
        echo_json({"round": closed.name, "commitment": closed.commitment, "public": str(folder / PUBLIC)})
    else:
        typer.echo(f"{folder / PUBLIC}: the secret is revealed; `chaosbench leaderboard verify {folder}` checks every score")


def verify(folder: Folder, json: Json = False) -> None:
    """Make all data of a closed round again and score its kept answers.

    Exit code 1 when any score, hash or the commitment differs from what the records say.
    """
    from chaosbench.verification import verify_round

    with progress(f"verify {folder.name}") as report:
        findings = verify_round(folder, report, folder / "cache")
    if json:
        echo_json([vars(finding) for finding in findings])
    else:
        echo_table(
            [[finding.verdict, finding.record, finding.task, str(finding.seed), finding.seen] for finding in findings],
            ["", "record", "task", "seed", "seen"],
        )
        counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in ("equal", "close", "differs")}
        typer.echo(f"\n{counts['equal']} equal, {counts['close']} close, {counts['differs']} differ")
    if any(finding.verdict == "differs" for finding in findings):
        raise typer.Exit(1)


def _maker(entrant: str) -> Any:
    """Return what `evaluate` takes: a submission's class for a folder, else the name."""
    from chaosbench.cli.entry import check_forecaster
    from chaosbench.submissions import entrant_class, read_submission

    if Path(entrant).is_dir():
        return entrant_class(read_submission(entrant))
    check_forecaster(entrant, {})
    return entrant
