"""`evaluate`: one or more forecasters on a suite."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, progress, seed_list
from chaosbench.errors import ForecasterError


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(evaluate)


def evaluate(
    forecasters: Annotated[list[str], typer.Argument(metavar="FORECASTER...", help="Names, or paths of .py files.")],
    suite: Annotated[str, typer.Option(metavar="SUITE", help="Suite name or path of a .toml file.")] = "smoke",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for records and finished cells.")] = Path("records"),
    device: Annotated[str, typer.Option(metavar="DEVICE", help="Device for forecasters that can use one: cpu or cuda.")] = "cpu",
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated seeds of the forecaster.")] = "0",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Constructor option of the forecaster; may be repeated.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train, forecast and score on a suite.

    Writes one record a forecaster. A forecaster that fails scores the declared failed values, its record says why, and the exit code is 3.
    Interrupted, the same command continues with the tasks that are not finished.
    """
    from chaosbench.cli.entry import check_device, check_forecaster
    from chaosbench.cli.record_page import EXIT_FAILED_CELLS, echo_record, failed, record_data
    from chaosbench.evaluation import evaluate as run
    from chaosbench.records import write_record
    from chaosbench.suites import read_suite

    chosen, settings, tasks = seed_list(seeds), _options(option or []), read_suite(suite)
    check_device(device)
    for name in forecasters:  # a mistake in the last name must not cost the work on the first
        check_forecaster(name, settings)
    results = []
    for name in forecasters:
        with progress(f"evaluate {name}") as report:
            record = run(name, tasks, device=device, seeds=chosen, cache=output / "cache", progress=report, options=settings)
        results.append((record, write_record(record, output)))
        if not json:
            echo_record(*results[-1])
    if json:
        echo_json([record_data(record, path) for record, path in results])
    if any(failed(record) for record, _ in results):
        raise typer.Exit(EXIT_FAILED_CELLS)


def _options(pairs: list[str]) -> dict[str, Any]:
    """Return constructor options; values are read as JSON (numbers, true, false, null), anything else is text."""
    import json

    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ForecasterError(f"--option {pair}: not NAME=VALUE; write for example --option units=300")
        try:
            options[name] = json.loads(text)
        except json.JSONDecodeError:
            options[name] = text
    return options
