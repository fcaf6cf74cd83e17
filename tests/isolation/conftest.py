"""Submissions whose code a test gives, run confined or unprotected, and the level that this system reaches."""

import re
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaosbench.catalogue import data_folder
from chaosbench.evaluation import evaluate
from chaosbench.isolation.limits import Limits
from chaosbench.isolation.process import WorkerProcess
from chaosbench.submissions import entrant_class, read_submission
from chaosbench.suites import Suite, TaskSpec

SUITE = Suite("toy", 1, 0, ("nrmse@1",), (TaskSpec("henon", training_samples=200, context=8, horizon=4.0, windows=6, climate_runs=0),))
CODE = """
import os, signal, socket, subprocess, sys, time
import numpy as np
from chaosbench.forecasters.base import Forecaster

def tried(name, act):
    try:
        print(name, "GOT", act(), flush=True)
    except BaseException as error:
        print(name, "DENIED", type(error).__name__, flush=True)

def opened(path, mode="rb"):
    with open(path, mode) as file:
        return file.read(6) if mode == "rb" else file.write("changed")

{top}

class MyForecaster(Forecaster):
    rollout = "direct"
    source = "a test"
    def fit(self, training, *, seed, device="cpu", budget=None):
{fit}
    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        answer = np.repeat(context[:, None, -1:, :], horizon, axis=2)
{forecast}
        return answer
"""


@dataclass(frozen=True)
class Ended:
    """How a cell ended: status and reason of the record, its hash, the end of what the submission printed, its isolation."""

    status: str
    reason: str
    sha256: str
    log: str
    isolation: Mapping[str, str]

    def got(self, act: str) -> bool:
        """Whether `act` of the submission succeeded; it must have been tried."""
        found = re.search(rf"^{act} (GOT|DENIED)", self.log, re.MULTILINE)
        assert found is not None, self.log
        return found[1] == "GOT"


class Hostile:
    """A submission folder whose code is given by a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in (data_folder("_site", "leaderboard/site") / "submission").glob("*.toml"):
            (folder / path.name).write_text(path.read_text())

    def run(self, *, top: str = "", fit: str = "pass", forecast: str = "pass", **how: Any) -> Ended:
        """Evaluate the code on one small task."""
        how = {"fit_deadline": 60.0, "forecast_deadline": 60.0, **how}
        inside = {name: textwrap.indent(textwrap.dedent(text).strip(), 8 * " ") for name, text in (("fit", fit), ("forecast", forecast))}
        (self.folder / "forecaster.py").write_text(CODE.format(top=textwrap.dedent(top), **inside))
        record = evaluate(entrant_class(read_submission(self.folder), how), SUITE)
        volatile = record.volatile["cells"]["henon/0"]
        cell = record.cells[0]
        assert len(volatile["log"]) <= 4096
        if how.get("_confine", True):
            assert record.environment["isolation"] == volatile["isolation"]
        return Ended(cell["status"], cell["reason"], record.sha256, volatile["log"], volatile["isolation"])


@pytest.fixture
def hostile(tmp_path: Path, scratch_parent: Path) -> Hostile:
    folder = tmp_path / "hostile"
    folder.mkdir()
    return Hostile(folder)


@pytest.fixture
def scratch_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where scratch folders are made during a test; none may be left behind."""
    folder = tmp_path / "scratches"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    worker = WorkerProcess(tmp_path_factory.mktemp("nothing"), "nothing:Nothing", device="cpu", limits=Limits())
    worker.stop()
    return worker.isolation


@pytest.fixture(scope="session")
def need(reached: Mapping[str, str]) -> Callable[..., None]:
    """Return need(*layers), which skips a test where this system does not reach them, and says why."""

    def check(*layers: str) -> None:
        for layer in layers:
            if reached[layer] != "on":
                pytest.skip(f"{layer}: {reached[layer]}")

    return check


@pytest.fixture(scope="session")
def submission_in() -> Callable[[Path], Hostile]:
    """Return a function that makes a hostile submission in a folder."""
    return Hostile
