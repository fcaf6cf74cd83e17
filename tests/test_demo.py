"""The whole pipeline on a toy suite: what it makes, that a second run makes nothing again, and that an interrupt loses nothing."""

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chaosbench import demo as module
from chaosbench.catalogue import load, names
from chaosbench.cli.main import app
from chaosbench.demo import Outcome, run_demo
from chaosbench.errors import StoreError
from chaosbench.evaluation import evaluate
from chaosbench.records import read_record
from chaosbench.seals import content_hash, problems

TOY = """
schema = 1
name = "toy"
version = 1
seed = 5
metrics = ["valid_prediction_time", "nrmse@1", "blow_up"]
[[task]]
system = "henon"
training_samples = 200
context = 8
horizon = 4.0
windows = 6
climate_runs = 0
[[task]]
system = "logistic"
training_samples = 200
context = 8
horizon = 4.0
windows = 6
climate_runs = 0
"""
NO_TORCH = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")\n'
NEEDS_TORCH = "s4d"
FORECASTERS = ("persistence", NEEDS_TORCH, "zeros")
TASKS = ("henon", "logistic")


@dataclass(frozen=True)
class First:
    """The first run: where, what it made, and what it said while running."""

    folder: Path
    suite: Path
    outcome: Outcome
    said: tuple[tuple[float, str], ...]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[First]:
    """One run, in two worker processes that find no PyTorch."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "blocked" / "torch").mkdir(parents=True)
    (folder / "blocked" / "torch" / "__init__.py").write_text(NO_TORCH)
    suite = folder / "toy.toml"
    suite.write_text(TOY)
    said: list[tuple[float, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAOSBENCH_CACHE", str(folder / "user-cache"))
        patch.syspath_prepend(folder / "blocked")  # worker processes get the path of this one
        outcome = run_demo(folder / "out", suite=str(suite), progress=lambda *what: said.append(what), forecasters=FORECASTERS, workers=2)
        yield First(folder, suite, outcome, tuple(said))


def everything(folder: Path) -> dict[str, int]:
    """Return {file: time of its last change in ns} of what the demo keeps to continue from."""
    kept = [path for part in ("datasets", "invariants", "cache") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in kept}


def forbidden(*arguments: Any, **named: Any) -> Any:
    raise AssertionError("this was made before")


def test_every_task_has_a_whole_dataset_and_estimates_with_errors(first: First) -> None:
    assert list(first.outcome.datasets) == list(first.outcome.estimates) == list(TASKS)
    for task, content in first.outcome.datasets.items():
        path = first.folder / "out" / "datasets" / f"{task}.zarr"
        assert problems(path) == []
        assert content_hash(path) == content
    needed = [name for name in names("invariants") if load("invariants", name).requires == "system"]
    wanted = [name for name in needed if {"flows", "maps"} <= set(load("invariants", name).kinds)]  # of the kinds in this suite
    for found in first.outcome.estimates.values():
        assert list(found) == wanted
        assert all(estimate["status"] == "converged" for estimate in found.values())


def test_records_are_in_the_order_asked_for_and_equal_those_made_without_worker_processes(first: First) -> None:
    assert [record.label for record in first.outcome.records] == list(FORECASTERS)
    for record in first.outcome.records:
        assert read_record(first.folder / "out" / "records" / record.file_name).sha256 == record.sha256
        if record.label != NEEDS_TORCH:
            assert evaluate(record.label, first.suite).sha256 == record.sha256


def test_a_forecaster_whose_extra_is_missing_is_a_row_that_says_so(first: First) -> None:
    record = first.outcome.records[FORECASTERS.index(NEEDS_TORCH)]
    assert [(cell["status"], cell["task"]) for cell in record.cells] == [("not_installed", task) for task in TASKS]
    assert all("pip install 'chaosbench[torch]'" in cell["reason"] for cell in record.cells)
    assert NEEDS_TORCH in first.outcome.page.read_text()


def test_the_page_says_who_is_best_over_all_systems_and_on_each(first: First) -> None:
    assert first.outcome.page == first.folder / "out" / "index.html"
    assert list(first.outcome.verdicts) == ["all systems", *TASKS]
    assert all("is best" in said for said in first.outcome.verdicts.values())


def test_progress_never_goes_back_and_ends_at_one(first: First) -> None:
    fractions = [fraction for fraction, _ in first.said]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_second_run_makes_nothing_again_and_says_the_same(first: First, monkeypatch: pytest.MonkeyPatch) -> None:
    page, before = first.outcome.page.read_bytes(), everything(first.folder / "out")
    monkeypatch.setattr(module, "generate", forbidden)
    monkeypatch.setattr(module, "compile_system", forbidden)
    again = run_demo(first.folder / "out", suite=str(first.suite), progress=lambda *what: None, forecasters=FORECASTERS, workers=1)
    assert everything(first.folder / "out") == before
    assert again.datasets == first.outcome.datasets
    assert json.dumps(again.estimates) == json.dumps(first.outcome.estimates)
    assert [record.sha256 for record in again.records] == [record.sha256 for record in first.outcome.records]
    assert again.verdicts == first.outcome.verdicts
    assert page == again.page.read_bytes()


def test_an_interrupt_stops_the_workers_and_keeps_what_was_finished(first: First, tmp_path: Path) -> None:
    shutil.copytree(first.folder / "out" / "datasets", tmp_path / "datasets")
    shutil.copytree(first.folder / "out" / "invariants", tmp_path / "invariants")
    before = set(multiprocessing.active_children())

    def stop(fraction: float, sentence: str) -> None:
        if sentence.startswith("1 of 3 forecasters"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, suite=str(first.suite), progress=stop, forecasters=("zeros", "persistence", "climatology"), workers=1)
    assert not set(multiprocessing.active_children()) - before
    finished = [read_record(path).label for path in tmp_path.glob("records/*.json")]
    assert len(finished) == 1
    assert not (tmp_path / "index.html").exists()
    assert len(list(tmp_path.glob("cache/cells/*.json"))) >= len(TASKS)  # those of the finished forecaster


def test_a_damaged_dataset_stops_the_run_and_is_named(first: First, tmp_path: Path) -> None:
    shutil.copytree(first.folder / "out" / "datasets", tmp_path / "datasets")
    (tmp_path / "datasets" / "henon.zarr" / "state" / "c" / "0" / "0" / "0").unlink()
    with pytest.raises(StoreError, match=r"henon\.zarr: state/c/0/0/0 is missing.*delete the folder and repeat"):
        run_demo(tmp_path, suite=str(first.suite), progress=lambda *what: None, forecasters=("zeros",), workers=1)


def test_the_command_prints_estimates_verdicts_what_is_missing_and_where_things_are(first: First, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "light_forecasters", lambda: FORECASTERS)
    ran = CliRunner().invoke(app, ["demo", "-o", str(first.folder / "out"), "--suite", str(first.suite), "--workers", "1"])
    assert ran.exit_code == 0
    for said in ("largest_exponent", first.outcome.verdicts["all systems"], f"not installed: {NEEDS_TORCH}", str(first.outcome.page)):
        assert said in ran.stdout


def test_the_default_is_what_takes_seconds_and_a_part_of_all() -> None:
    light = module.light_forecasters()
    assert len(light) >= 10
    assert set(light) < set(names("forecasters"))
    assert all(load("forecasters", name).light for name in light)


def test_a_bad_suite_or_number_of_workers_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for words, said in ((["--suite", "dmo"], "did you mean 'demo'?"), (["--workers", "0"], "--workers 0: must be at least 1")):
        ran = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "out"), *words])
        assert (ran.exit_code, ran.stdout) == (1, "")
        assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []
