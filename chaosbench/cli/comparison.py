"""`leaderboard compare`: pairs of forecasters; `leaderboard diff`: two records."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.chosen_records import chosen_tasks, read_records
from chaosbench.cli.output import echo_json, echo_table
from chaosbench.errors import RecordError

EXIT_DIFFERENT = 1


def compare(
    forecasters: Annotated[list[str] | None, typer.Argument(metavar="[A B]", help="Two forecasters; none for all pairs.")] = None,
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of records.")] = Path("records"),
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Which suite, when the folder holds several.")] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Metric to compare by; default the suite's headline.")] = None,
    track: Annotated[str | None, typer.Option(metavar="TRACK", help="Only this track; default each.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say which forecasters differ.

    Of two: wins, ties and losses over systems, the paired difference with its interval, and a signed-rank test. Without names: the matrix of wins,
    ties and losses of every pair, a star where the row is better, and mean ranks. Tests are corrected for the number of pairs of the folder (Holm).
    """
    names = tuple(forecasters or ())
    if len(names) not in (0, 2):
        raise RecordError(f"{' '.join(names)}: give two forecasters, or none for all pairs")
    found = read_records(records, suite)
    label, chosen = chosen_tasks(found, metric, None, track)
    results = [_compared(found, label, name, tasks, names) for name, tasks in chosen.items()]
    if json:
        echo_json(results)
        return
    for result, tasks in zip(results, chosen.values(), strict=True):
        (_echo_pair if names else _echo_matrix)(result)
        _echo_where(result, found[0].identity["suite"], len(tasks))


def diff(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="A record.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Another record.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what differs between two records.

    Exit code 1 when their hashed content (identity and cells) differs, 0 when it is the same. Files of per-window scores are not needed.
    """
    from chaosbench.record_differences import differences
    from chaosbench.records import read_record

    found = differences(read_record(a, windows=False), read_record(b, windows=False))
    if json:
        echo_json(found)
    else:
        _echo_differences(found)
    if not found["same"]:
        raise typer.Exit(EXIT_DIFFERENT)


def _compared(records: list[Any], metric: str, track: str, tasks: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    from chaosbench.boards import competitors
    from chaosbench.mean_ranks import critical_difference
    from chaosbench.pairwise import matrix, pairs

    taking_part = [record for record in competitors(records) if any(cell["task"] in tasks for cell in record.cells) or record.label in names]
    only = (names[0], names[1]) if names else None
    found = pairs(taking_part, metric, tasks=tasks, only=only)
    n_pairs = len(taking_part) * (len(taking_part) - 1) // 2
    result = {"metric": metric, **({"track": track} if track else {}), "n_pairs": n_pairs, "pairs": [asdict(one) for one in found]}
    if names:
        return result
    table = matrix(found)
    cells = {str(row): columns for row, columns in table.T.to_dict().items()}
    return {**result, "matrix": cells, "critical_difference": critical_difference(taking_part, metric, tasks=tasks)}


def _echo_pair(result: dict[str, Any]) -> None:
    (one,) = result["pairs"]
    typer.echo(
        f"{one['a']} against {one['b']}: better on {one['wins']}, equal on {one['ties']}, worse on {one['losses']} of {one['n_systems']} systems"
    )
    typer.echo(f"difference {one['difference']:.3g}, 95 % interval {one['low']:.3g} to {one['high']:.3g} (paired bootstrap)")
    said = f"{one['better']} is better" if one["better"] else "they cannot be told apart"
    typer.echo(
        f"signed-rank p {one['p']:.3g}, corrected for {result['n_pairs']} {'pair' if result['n_pairs'] == 1 else 'pairs'} {one['p_holm']:.3g}: {said}"
    )


def _echo_matrix(result: dict[str, Any]) -> None:
    better = {(one["better"], one["b"] if one["better"] == one["a"] else one["a"]) for one in result["pairs"] if one["better"]}
    ranks = result["critical_difference"]
    means = {row["forecaster"]: f"{row['mean_rank']:.2f}" for row in ranks["ranks"]}
    order = list(result["matrix"]) or list(means)
    rows = [
        [f"{place} {row}", *((result["matrix"][row][other] + ("*" if (row, other) in better else "")) or "-" for other in order), means[row]]
        for place, row in enumerate(order, 1)
        if result["matrix"]
    ]
    echo_table(rows, ["forecaster", *(str(place) for place, _ in enumerate(order, 1)), "mean rank"])
    typer.echo(f"\nwins/ties/losses of the row; * the row is better: {len(better)} of {result['n_pairs']} pairs differ (signed-rank, Holm, 5 %)")
    if ranks["critical_difference"] is not None:
        groups = "; ".join(", ".join(group) for group in ranks["cliques"]) or "none"
        typer.echo(f"critical difference of mean ranks {ranks['critical_difference']:.3g} (Nemenyi, 5 %); groups not told apart: {groups}")


def _echo_where(result: dict[str, Any], suite: str, n_tasks: int) -> None:
    from chaosbench.suites import metric_from

    measure = metric_from(result["metric"])
    track = f"track {result['track']}, " if "track" in result else ""
    typer.echo(f"\n{result['metric']} in {measure.unit}, {measure.better} is better; suite {suite}, {track}{n_tasks} tasks\n")


def _echo_differences(found: dict[str, Any]) -> None:
    for key, (one, other) in found["identity"].items():
        typer.echo(f"identity: {key}: {one!r} and {other!r}")
    for cell in found["cells"]:
        where = f"{cell['task']}, seed {cell['seed']}"
        if "only" in cell:
            typer.echo(f"{where}: only in {cell['only'].upper()}")
            continue
        for key, (one, other) in cell["fields"].items():
            typer.echo(f"{where}: {key}: {one!r} and {other!r}")
        for label, fields in cell["metrics"].items():
            typer.echo(f"{where}: {label}: {'; '.join(f'{key} {one} and {other}' for key, (one, other) in fields.items())}")
        if cell["windows"]:
            typer.echo(f"{where}: per-window scores")
    if found["order"]:
        typer.echo("the same cells in another order")
    for key, (one, other) in found["environment"].items():
        typer.echo(f"environment (not hashed): {key}: {one!r} and {other!r}")
    one, other = (sha[:16] for sha in found["sha256"])
    typer.echo(f"the same, sha256 {one}" if found["same"] else f"different: sha256 {one} and {other}")
