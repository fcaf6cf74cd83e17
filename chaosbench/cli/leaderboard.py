"""`leaderboard build` and `leaderboard show`; `compare` and `diff` stand in a file of their own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli import rounds
from chaosbench.cli.chosen_records import chosen_tasks, read_records
from chaosbench.cli.comparison import compare, diff
from chaosbench.cli.output import echo_json, echo_table


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    group = typer.Typer(help="Compare records: a page, or a table; sealed rounds.", no_args_is_help=True)
    group.command()(build)
    group.command()(show)
    group.command()(compare)
    group.command()(diff)
    rounds.register(group)
    app.add_typer(group, name="leaderboard")


def build(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for index.html and the records it links to.")],
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of records.")] = Path("records"),
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Which suite, when the folder holds several.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build the leaderboard as static pages, without a network.

    index.html is whole by itself; the pages of forecasters and systems lie beside it.
    """
    from chaosbench.site import build_page, page_data
    from chaosbench.site.views import said_of

    found = read_records(records, suite)
    data = page_data(found)
    page = build_page(found, output, data)
    if json:
        echo_json({"page": str(page), "suite": data["suite"], "verdicts": said_of(data, "all")})
    else:
        typer.echo(f"{page}\n{data['views'][0]['verdict']}")


def show(
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of records.")] = Path("records"),
    suite: Annotated[str | None, typer.Option(metavar="SUITE", help="Which suite, when the folder holds several.")] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Metric to rank by; default the suite's headline.")] = None,
    system: Annotated[str | None, typer.Option(metavar="TASK", help="Only this task.")] = None,
    track: Annotated[str | None, typer.Option(metavar="TRACK", help="Only this track; default a table of each.")] = None,
    baseline: Annotated[str | None, typer.Option(metavar="NAME", help="Record with skill 0; default that of chaosbench/scale.toml.")] = None,
    ceiling: Annotated[str | None, typer.Option(metavar="NAME", help="Record with skill 1; default that of chaosbench/scale.toml.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the ranking with intervals.

    The value is the median over tasks of the median over windows (shares: means); the interval resamples systems, seeds and windows. Equal values
    share a rank. Mean ranks depend on who takes part and order nothing. Skill is 0 for the baseline and 1 for the ceiling, where the folder has their
    records. References, which know the truth, stand below without a rank.
    """
    found = read_records(records, suite)
    label, chosen = chosen_tasks(found, metric, system, track)
    tables = {name: _ranked(found, label, name, tasks, (baseline, ceiling)) for name, tasks in chosen.items()}
    if json:
        echo_json([row for rows, _ in tables.values() for row in rows])
        return
    for name, (rows, left_out) in tables.items():
        _echo_ranking(rows, label, f"suite {found[0].identity['suite']}", name, system, len(chosen[name]))
        for task, reason in left_out.items():
            typer.echo(f"no skill on {task}: {reason}")


def _ranked(
    records: list[Any], metric: str, track: str, tasks: list[str], scale: tuple[str | None, str | None]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the ranking on `tasks` as JSON data, of the records that have any of them, and {task: why it has no skill}."""
    from chaosbench.ranking import rank

    taking_part = [record for record in records if any(cell["task"] in tasks for cell in record.cells)] or records
    more, left_out = _mean_ranks(taking_part, metric, tasks), {}
    skilled = _skills(taking_part, metric, tasks, scale)
    if skilled is not None:
        left_out = dict(skilled.left_out)
        for row in skilled.overall.to_dict(orient="records"):
            names = {"skill": "skill", "low": "skill_low", "high": "skill_high", "n_tasks": "n_skill_tasks"}
            more.setdefault(row["forecaster"], {}).update({new: row[old] for old, new in names.items()})
    rows = rank(taking_part, metric, tasks=tasks).to_dict(orient="records")
    return [
        {str(key): value for key, value in row.items()}
        | {"rank": row["rank"] or None}
        | more.get(row["forecaster"], {})
        | ({"track": track} if track else {})
        for row in rows
    ], left_out


def _mean_ranks(records: list[Any], metric: str, tasks: list[str]) -> dict[str, dict[str, Any]]:
    from chaosbench.mean_ranks import critical_difference

    if all(record.reference for record in records):
        return {}
    return {row["forecaster"]: {"mean_rank": row["mean_rank"]} for row in critical_difference(records, metric, tasks=tasks)["ranks"]}


def _skills(records: list[Any], metric: str, tasks: list[str], scale: tuple[str | None, str | None]) -> Any:
    """Return skills, or None where nobody asked for a scale and the records of the default one are not here."""
    from chaosbench.skill import default_scale, skills
    from chaosbench.suites import metric_from

    baseline, ceiling = (given or usual for given, usual in zip(scale, default_scale(), strict=True))
    needed = {baseline, ceiling} if metric_from(metric).better == "higher" else {baseline}
    if scale == (None, None) and not needed <= {record.label for record in records}:
        return None
    return skills(records, metric, baseline=baseline, ceiling=ceiling, tasks=tasks)


def _echo_ranking(rows: list[dict[str, Any]], metric: str, suite: str, track: str, system: str | None, n_tasks: int) -> None:
    from chaosbench.suites import metric_from

    skilled = any("skill" in row for row in rows)
    lines = [
        [
            str(row["rank"] or "-"),
            row["forecaster"] + (" (reference)" if row["reference"] else "") + (" (single seed)" if row["single_seed"] else ""),
            f"{row['value']:.3g}",
            f"{row['low']:.3g} to {row['high']:.3g}",
            *([_skill(row)] if skilled else []),
            f"{row['mean_rank']:.2f}" if "mean_rank" in row else "-",
            f"{row['n_failed']} of {row['n']}",
        ]
        for row in rows
    ]
    echo_table(lines, ["rank", "forecaster", "value", "95 % interval", *(["skill"] if skilled else []), "mean rank", "failed"])
    measure = metric_from(metric)
    where = f"{suite}, {f'track {track}, ' if track else ''}{system or f'{n_tasks} tasks'}"
    typer.echo(f"\n{metric} in {measure.unit}, {measure.better} is better; {where}\n")


def _skill(row: dict[str, Any]) -> str:
    if "skill" not in row:
        return "-"
    value, low, high = (f"{round(row[key], 2) + 0.0:.2f}" for key in ("skill", "skill_low", "skill_high"))  # + 0.0: no minus before zero
    return f"{value} ({low} to {high})"
