"""`tune`: search the options of a forecaster on a development suite."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, progress
from chaosbench.errors import NotInstalledError

_EXIT_FAILED = 3


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command()(tune)


def tune(
    forecaster: Annotated[str, typer.Argument(metavar="FORECASTER", help="Name, or path of a .py file.")],
    suite: Annotated[str, typer.Option(metavar="SUITE", help="Suite name or path of a .toml file; free runs are left out.")] = "dev",
    trials: Annotated[int, typer.Option(metavar="N", help="Trials wanted in all, with those that the file holds.")] = 30,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="Begin no trial later than this many seconds from now.")] = None,
    tasks: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated tasks of the suite; default all.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for FORECASTER.jsonl and simulated data.")] = Path(
        "tuning"
    ),
    device: Annotated[str, typer.Option(metavar="DEVICE", help="Device for forecasters that can use one: cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(metavar="SEED", help="Seed of the search.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search the options that a forecaster declares.

    The score is the mean over tasks of the median valid prediction time as a part of the horizon. Trial 0 is the defaults. Every finished trial is
    one line of FOLDER/FORECASTER.jsonl; interrupted, the same command continues. Exit code 3: no trial finished.
    """
    from importlib.util import find_spec

    from chaosbench.cli.entry import check_device, check_forecaster
    from chaosbench.trials import Trial

    if find_spec("optuna") is None:
        raise NotInstalledError("tune needs optuna, which is not installed; pip install 'chaosbench[tune]'")
    check_forecaster(forecaster, {})
    check_device(device)
    import optuna

    from chaosbench.tuning import tune as run

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = output / f"{Path(forecaster).stem}.jsonl"
    chosen = [name.strip() for name in tasks.split(",") if name.strip()]
    with progress(f"tune {forecaster}") as report:
        found = run(
            forecaster, suite, path, trials=trials, seconds=seconds, tasks=chosen, seed=seed, device=device, cache=output / "cache", progress=report
        )
    best = found.best
    if json:
        data: dict[str, Any] = {"file": str(path), "study": dict(found.study), "trials": [vars(trial) for trial in found.trials]}
        echo_json(data | {"best": None if best is None else vars(best)})
    else:
        ranked: list[Trial] = sorted(found.trials, key=lambda trial: (trial.status != "ok", -trial.score, trial.number))
        rows = [[str(t.number), t.status, f"{t.score:.4f}", f"{t.seconds:.0f}", _listed(t)] for t in ranked]
        echo_table(rows, ["trial", "status", "score", "seconds", "options"])
        for trial in found.trials:
            if trial.reason:
                typer.echo(f"trial {trial.number}: {trial.reason}")
        typer.echo(f"\n{path}: {len(found.trials)} trials; trial 0 is the defaults")
    if best is None:
        raise typer.Exit(_EXIT_FAILED)


def _listed(trial: Any) -> str:
    return ", ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in sorted(trial.options.items()))
