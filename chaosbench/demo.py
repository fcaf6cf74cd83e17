"""The whole pipeline on a small suite: datasets, invariants, forecasters, records, page.

Every finished piece is kept, so a repeated run continues.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.atlas import facts_of
from chaosbench.catalogue import available, load, names
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.errors import StoreError, TaskError
from chaosbench.evaluation import evaluate
from chaosbench.folders import write_whole
from chaosbench.generation import generate
from chaosbench.integrators._threads import THREADS, all_cores
from chaosbench.records import Record, write_record
from chaosbench.seals import content_hash, problems
from chaosbench.site import build_page, page_data
from chaosbench.site.views import said_of
from chaosbench.suites import Suite, TaskSpec, read_suite

SAMPLES = 2000
TRAJECTORIES = 4
PERIODS = 3200

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Outcome:
    """What the demo made: the page, the datasets with their content hashes, estimates by system, what the page says, records."""

    page: Path
    datasets: dict[str, str]
    estimates: dict[str, dict[str, Any]]
    verdicts: dict[str, str]
    records: tuple[Record, ...]


def run_demo(folder: Path, *, suite: str, progress: Progress, forecasters: Sequence[str] | None = None, workers: int | None = None) -> Outcome:
    """Run the whole pipeline into `folder` and return what it made.

    suite: name or path. forecasters: default the light ones that can run here; of those named, what is not installed becomes a row that says so.
    workers: processes, default one a core. Interrupted (KeyboardInterrupt) it keeps finished datasets, estimates and cells.
    """
    chosen = read_suite(suite)
    folder.mkdir(parents=True, exist_ok=True)
    datasets, estimates = {}, {}
    for number, spec in enumerate(chosen.tasks):
        share = number / len(chosen.tasks)
        progress(0.15 * share, f"dataset of {spec.label}")
        datasets[spec.label] = _dataset(folder / "datasets", spec)
    for number, spec in enumerate(chosen.tasks):
        share = number / len(chosen.tasks)
        progress(0.15 + 0.2 * share, f"invariants of {spec.label}")
        estimates[spec.label] = _estimates(folder / "invariants", spec)
    wanted = list(forecasters or light_forecasters())
    records: dict[str, Record] = {}
    with _pool(workers) as pool:
        pending = {pool.submit(_record, name, chosen, folder / "cache"): name for name in wanted}
        for done in as_completed(pending):
            records[pending[done]] = done.result()
            write_record(records[pending[done]], folder / "records")
            progress(0.35 + 0.65 * len(records) / len(wanted), f"{len(records)} of {len(wanted)} forecasters: {pending[done]}")
    ordered = tuple(records[name] for name in wanted)
    data = page_data(ordered)
    page = build_page(ordered, folder, data)
    return Outcome(page, datasets, estimates, said_of(data), ordered)


def light_forecasters() -> tuple[str, ...]:
    """Return the names of the forecasters that are installed here and take seconds."""
    return tuple(name for name, kind in available("forecasters").items() if kind.light)


def _dataset(folder: Path, spec: TaskSpec) -> str:
    """Generate the task's dataset unless a whole one stands there; return its content hash."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{spec.label}.zarr"
    if path.exists():
        found = problems(path)
        if found:
            raise StoreError(f"{path}: {found[0]}; delete the folder and repeat")
        return content_hash(path)
    definition = system(spec.system, dict(spec.parameters))
    return generate(definition, path, n_trajectories=TRAJECTORIES, n_samples=SAMPLES, seed=0)


def _estimates(folder: Path, spec: TaskSpec) -> dict[str, Any]:
    """Measure every invariant that needs equations over 3 200 dominant periods, unless it was measured into this folder before."""
    definition = system(spec.system, dict(spec.parameters))
    path = folder / f"{spec.label}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text())
        if kept["identity"] == definition.identity:
            return dict(kept["estimates"])
    compiled, duration = compile_system(definition), PERIODS * facts_of(definition).period
    found: dict[str, Any] = {}
    for name in names("invariants"):
        invariant = load("invariants", name)
        if invariant.requires == "system" and definition.kind in invariant.kinds:
            found[name] = invariant().estimate(compiled, seed=0, duration=duration).to_json()
    write_whole(path, json.dumps({"identity": definition.identity, "estimates": found}, allow_nan=False))
    return found


def _record(name: str, suite: Suite, cache: Path) -> Record:
    return evaluate(name, suite, cache=cache)


@contextmanager
def _pool(workers: int | None) -> Iterator[Executor]:
    """Processes that share the cores: one thread each for linear algebra, its part of the cores for trajectories, unless the environment says else.

    On an error or interrupt they are stopped at once: what they finished is on disk, whole.
    """
    count = workers or all_cores()
    wanted = {"OMP_NUM_THREADS": "1", THREADS: str(max(all_cores() // count, 1))}
    added = {name: value for name, value in wanted.items() if not os.environ.get(name)}
    os.environ.update(added)
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_die_quietly)
    try:
        yield pool
        pool.shutdown()
    except BrokenExecutor as reason:
        raise TaskError("a worker process died, most often because memory ran out; repeat with fewer workers: what was finished is kept") from reason
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        for name in added:
            del os.environ[name]


def _die_quietly() -> None:
    """Let Ctrl-C, which a terminal sends to every process, end a worker without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
