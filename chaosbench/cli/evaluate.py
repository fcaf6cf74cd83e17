"""`evaluate`: one or more forecasters on a suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, progress, seed_list
from chaosbench.errors import ForecasterError, NotInstalledError


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
    track: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated tracks of the suite; default all.")] = "",
    task: Annotated[str, typer.Option(metavar="LIST", help="Comma-separated tasks of the suite; default all.")] = "",
    shard: Annotated[str, typer.Option(metavar="I/N", help="Run every N-th cell from the I-th on, as one of N jobs.")] = "1/1",
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes that run cells side by side.")] = 1,
    only_failed: Annotated[bool, typer.Option("--only-failed", help="Run again only what a record in FOLDER has as failed.")] = False,
    dask: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run cells on a Dask cluster, such as tcp://host:8786.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train, forecast and score on a suite.

    Writes one record a forecaster. A forecaster that fails scores the declared failed values, its record says why, and the exit code is 3.
    Interrupted, the same command continues with the tasks that are not finished. A record of other tasks, tracks, seeds or shards of the same
    suite, already in FOLDER, is completed, not replaced; one by other code or of another suite is replaced. With --only-failed the cells that such a
    record has with any status but "ok" are run once more, and no others.
    """
    from chaosbench.cli.entry import check_device, check_forecaster
    from chaosbench.cli.record_page import EXIT_FAILED_CELLS, echo_record, failed, record_data
    from chaosbench.evaluation import evaluate as run
    from chaosbench.records import write_record
    from chaosbench.suites import read_suite

    chosen, settings, whole, part = seed_list(seeds), _options(option or []), read_suite(suite), _shard(shard)
    labels = _chosen(whole, track, task)
    check_device(device)
    for name in forecasters:  # a mistake in the last name must not cost the work on the first
        check_forecaster(name, settings)
    failures = {name: _failed_before(name, settings, whole, output, labels, chosen) for name in forecasters} if only_failed else {}
    results = []
    for name in forecasters:
        older, again = failures.get(name, (None, [(label, seed) for label in labels for seed in chosen]))
        if older is not None and not again:
            results.append((older, output / older.file_name))
            if not json:
                echo_record(*results[-1])
            continue
        with progress(f"evaluate {name}") as report, _executor(jobs, dask) as executor:
            record = run(
                name,
                whole,
                device=device,
                seeds=[seed for seed in chosen if seed in {seed for _, seed in again}],
                executor=executor,
                cache=output / "cache",
                progress=report,
                options=settings,
                tasks=[label for label in labels if label in {label for label, _ in again}],
                shard=part,
                again=only_failed,
            )
        record = _completed(record, output, [spec.label for spec in whole.tasks])
        results.append((record, write_record(record, output)))
        if not json:
            echo_record(*results[-1])
    if json:
        echo_json([record_data(record, path) for record, path in results])
    if any(failed(record) for record, _ in results):
        raise typer.Exit(EXIT_FAILED_CELLS)


def _chosen(suite: Any, track: str, task: str) -> list[str]:
    """Return the names of the tasks that lie in the named tracks and are named themselves, each list meaning all where it is empty."""
    from chaosbench.errors import TaskError

    tracks, named = ([entry for entry in text.split(",") if entry] for text in (track, task))
    inside = suite.in_tracks(tracks)
    wanted = [suite.task(label).label for label in named] or list(inside)
    outside = [label for label in wanted if label not in inside]
    if outside:
        raise TaskError(f"--task {outside[0]}: is not in track {track}; name tasks of those tracks, or leave one of the options out")
    return wanted


def _failed_before(
    name: str, options: dict[str, Any], suite: Any, folder: Path, tasks: list[str], seeds: tuple[int, ...]
) -> tuple[Any, list[tuple[str, int]]]:
    """Return the record of `name` in `folder` and which (task, seed) of it, among `tasks` and `seeds`, did not end "ok"."""
    from chaosbench.entrants import entrant
    from chaosbench.errors import RecordError
    from chaosbench.evaluation import identity_of
    from chaosbench.records import Record, read_record

    identity = identity_of(entrant(name, options), suite)
    path = folder / Record(identity, (), {}, {}).file_name
    if not path.is_file():
        raise RecordError(f"--only-failed: no record {path}; run once without it")
    older = read_record(path)
    odd = [key for key in identity if older.identity.get(key) != identity[key]]
    if odd:
        raise RecordError(f"--only-failed: {path} is of another {odd[0]}, so all its cells are out of date; run without it")
    cells = [(cell["task"], cell["seed"]) for cell in older.cells if cell["status"] != "ok"]
    return older, [(task, seed) for task, seed in cells if task in tasks and seed in seeds]


def _shard(text: str) -> tuple[int, int]:
    from chaosbench.errors import TaskError

    index, slash, count = text.partition("/")
    if not slash or not index.isdecimal() or not count.isdecimal():
        raise TaskError(f"--shard {text}: not I/N; write for example --shard 1/4")
    return int(index), int(count)


@contextmanager
def _executor(jobs: int, dask: str | None) -> Iterator[Any]:
    """Yield a Dask cluster's executor, or a pool of `jobs` processes, or None for one. Processes are spawned: forked ones may inherit locks."""
    if dask is not None:
        if jobs != 1:
            raise ForecasterError(f"--jobs {jobs} with --dask: the cluster has its own workers; leave one of the two out")
        with _cluster(dask) as executor:
            yield executor
        return
    if jobs == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as missing:
        raise NotInstalledError("--dask needs distributed, which is not installed; run `pip install 'chaosbench[dask]'`") from missing
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as reason:
        raise ForecasterError(f"--dask {address}: no scheduler answers there ({reason}); start one with `dask scheduler`") from reason
    with client:
        yield client.get_executor()


def _completed(record: Any, folder: Path, tasks: list[str]) -> Any:
    """Return `record` together with the cells of an older one of the same work in `folder`."""
    from chaosbench.errors import RecordError
    from chaosbench.records import joined, read_record

    path = folder / record.file_name
    if not path.is_file():
        return record
    try:
        older = read_record(path)
    except RecordError:
        return record
    return joined([older, record], tasks) if older.identity == record.identity else record


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
