"""Evaluate one forecaster on one suite: every task and seed is a cell, every cell ends with a status, finished cells are kept."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chaosbench import __version__
from chaosbench.cells import SCORING, Cell, Job, forget_failed, run_cell
from chaosbench.entrants import Entrant, entrant
from chaosbench.errors import TaskError
from chaosbench.forecasters.base import Forecaster
from chaosbench.isolation.probes import weakest
from chaosbench.records import Record
from chaosbench.references.base import Reference
from chaosbench.suites import Suite, read_suite

Progress = Callable[[float, str], None]
_VERSIONED = ("numpy", "scipy", "numba", "llvmlite", "torch")


def evaluate(
    forecaster: str | Path | type[Forecaster] | type[Reference] | Callable[..., Forecaster],
    suite: str | Path | Suite,
    *,
    device: str = "cpu",
    seeds: Sequence[int] = (0,),
    executor: Executor | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] = {},
    tasks: Sequence[str] | None = None,
    shard: tuple[int, int] = (1, 1),
    again: bool = False,
    commitment: str | None = None,
) -> Record:
    """Return the record of `forecaster` on every task of `suite`, once for each seed.

    Parameters
    ----------
    forecaster: catalogue name (of a reference, too), path of a .py file, class, or a callable that returns a fresh instance. options: its constructor
    arguments.
    suite: name, path of a .toml file, or a Suite. seeds: of the forecaster; the data depend on the suite's seed alone.
    device: passed to the forecaster. executor: any concurrent.futures.Executor; None runs the cells here, one after the other.
    cache: folder of finished cells; a cell found there whole, with the same forecaster source, options, task, metrics and device, is not run again.
    progress: called with (fraction done, sentence) after each cell and, without an executor, by trainings that take long.
    tasks: only these of the suite. shard: (i, n), only every n-th cell from the i-th on, for jobs that share the work; `records.joined` puts the
    parts together. again: do not take from the cache what did not end "ok". commitment: of the sealed round that `suite` belongs to; answers are then
    kept in the cache, which is needed.

    Returns
    -------
    Record: never shorter than tasks x seeds (the shard's share of them). A forecaster that raises, refuses, times out or answers nonsense has that as
    the status of the cell and scores the declared failed values.

    Raises
    ------
    TaskError, CatalogueError, MetricError for misuse; KeyboardInterrupt passes through with finished cells kept.
    """
    suite = suite if isinstance(suite, Suite) else read_suite(suite)
    if not seeds or len(set(seeds)) < len(seeds):
        raise TaskError(f"seeds = {tuple(seeds)!r}: give at least one seed, none twice")
    index, count = shard
    if not 1 <= index <= count:
        raise TaskError(f"shard = {index}/{count}: give i/n with i from 1 to n")
    if commitment is not None and cache is None:
        raise TaskError("commitment: the answers of a sealed round are kept in the cache; give a folder as cache")
    who = entrant(forecaster, options)
    folder = None if cache is None else Path(cache)
    chosen = suite.tasks if tasks is None else [suite.task(label) for label in tasks]
    jobs = [Job(who, suite, spec, int(seed), device, folder, commitment) for spec in chosen for seed in seeds][index - 1 :: count]
    if again:
        for job in jobs:
            forget_failed(job)
    started = time.perf_counter()
    cells: dict[int, Cell] = {}
    for place, cell in _finished(jobs, executor, progress):
        cells[place] = cell
        if progress is not None:
            word = "kept" if cell.reused else cell.entry["status"]
            progress(len(cells) / len(jobs), f"{who.name} on {cell.entry['task']}, seed {cell.entry['seed']}: {word}")
    ordered = [cells[place] for place in range(len(jobs))]
    return Record(
        identity=identity_of(who, suite, commitment),
        cells=tuple(cell.entry for cell in ordered),
        environment={**_environment(device), **_isolation(ordered)},
        volatile={
            "seconds": time.perf_counter() - started,
            **({} if who.deterministic is None else {"deterministic": who.deterministic}),
            "cells": {f"{cell.entry['task']}/{cell.entry['seed']}": dict(cell.volatile) for cell in ordered},
        },
        windows={cell.entry["windows_sha256"]: cell.windows for cell in ordered},
    )


def identity_of(who: Entrant, suite: Suite, commitment: str | None = None) -> dict[str, Any]:
    """Return the identity that a record of `who` on `suite` has."""
    return {
        "forecaster": who.name,
        "version": who.version,
        "source_sha256": who.source_sha256,
        "options": dict(who.options),
        "suite": suite.name,
        "suite_sha256": suite.sha256,
        "scoring": SCORING,
        **({"reference": True} if who.reference else {}),
        **({"commitment": commitment} if commitment else {}),
    }


def _finished(jobs: Sequence[Job], executor: Executor | None, progress: Progress | None) -> Iterator[tuple[int, Cell]]:
    """Yield (index, cell) as cells finish. On an error or interrupt, cells not yet started are cancelled."""
    if executor is None:
        for index, job in enumerate(jobs):
            yield index, run_cell(job, None if progress is None else _within(progress, index, len(jobs), job))
        return
    futures = {executor.submit(run_cell, job): index for index, job in enumerate(jobs)}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _within(progress: Progress, index: int, count: int, job: Job) -> Progress:
    """Return the progress of one training as a part of the whole."""
    return lambda done, sentence: progress((index + done) / count, f"{job.entrant.name} on {job.spec.label}, seed {job.seed}: {sentence}")


def _environment(device: str) -> dict[str, Any]:
    """Return where a record was made: not part of its hash."""
    return {
        "chaosbench": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "device": device,
        "packages": {name: found for name in _VERSIONED if (found := _version(name)) is not None},
    }


def _isolation(finished: Sequence[Cell]) -> dict[str, Any]:
    """Return {"isolation": the weakest level of each layer over the workers of all cells}, nothing where no worker ran."""
    reports = [cell.volatile["isolation"] for cell in finished if "isolation" in cell.volatile]
    return {"isolation": weakest(reports)} if reports else {}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
