"""Ctrl-C in the middle of a real process: exit code 130, nothing half-written, and the same command continues to the same result."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chaosbench import store
from chaosbench.seals import problems

Cli = Callable[..., Any]
PATIENCE = 60.0
SMALL_BLOCKS = """
import sys
from chaosbench import store
from chaosbench.cli.main import main
store.CHUNK_BYTES = 16_000
sys.argv = ["chaosbench", *sys.argv[1:]]
main()
"""
WAITING = """
import os, time
from pathlib import Path
import numpy as np
from chaosbench.forecasters.base import Forecaster

class Waiting(Forecaster):
    rollout = "direct"
    source = "a test"

    def fit(self, training, *, seed, device="cpu", budget=None):
        notes = Path(os.environ["NOTES"])
        count = len(list(notes.iterdir()))
        (notes / f"fit{count}").touch()
        while count == 1:
            time.sleep(0.05)

    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        return np.repeat(context[:, None, -1:, :], horizon, axis=2)
"""


def run(words: list[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE)


def interrupted(words: list[str], when: Callable[[], bool], environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Start a process, send it SIGINT as soon as `when()`, and return exit code, stdout and stderr."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    until = time.monotonic() + PATIENCE
    while not when():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "nothing to interrupt appeared"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def test_generate_continues_behind_its_last_finished_block(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, partial = tmp_path / "henon.zarr", tmp_path / ".henon.zarr.partial"
    recipe = ["generate", "henon", "-n", "400", "--samples", "100", "--seed", "4", "--json", "-o"]  # 40 blocks of 10 trajectories
    words = [sys.executable, "-c", SMALL_BLOCKS, *recipe]

    def begun() -> bool:
        return (partial / "journal.json").exists()

    code, out, err = interrupted([*words, str(target)], begun)
    assert (code, out) == (130, "")
    assert err == "chaosbench: interrupted; what was finished is kept, the same command continues\n"
    assert not target.exists()
    finished = json.loads((partial / "journal.json").read_text())["blocks"]
    assert 0 < len(finished) < 40
    written = {start: (partial / "data" / "state" / "c" / str(int(start) // 10) / "0" / "0").stat().st_mtime_ns for start in finished}

    second = run([*words, str(target)])
    assert second.returncode == 0, second.stderr
    assert problems(target) == []
    assert not partial.exists()
    kept = {start: (target / "state" / "c" / str(int(start) // 10) / "0" / "0").stat().st_mtime_ns for start in finished}
    assert kept == written
    monkeypatch.setattr(store, "CHUNK_BYTES", 16_000)
    whole = json.loads(cli(*recipe, tmp_path / "whole.zarr").out)
    assert json.loads(second.stdout)["content_sha256"] == whole["content_sha256"]


def test_evaluate_continues_with_the_task_that_was_not_finished(cli: Cli, tmp_path: Path, toy_suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "waiting.py"
    path.write_text(WAITING)
    task = ["evaluate", str(path), "--suite", str(toy_suite), "--json", "-o"]
    words = [sys.executable, "-m", "chaosbench", *task]
    notes, other = tmp_path / "notes", tmp_path / "other"
    notes.mkdir()
    other.mkdir()
    monkeypatch.setenv("NOTES", str(notes))

    code, out, err = interrupted([*words, str(tmp_path / "r")], lambda: (notes / "fit1").exists())
    assert (code, out) == (130, "")
    assert err == "chaosbench: interrupted; what was finished is kept, the same command continues\n"
    assert list((tmp_path / "r").glob("*.json")) == []
    second = run([*words, str(tmp_path / "r")])
    assert second.returncode == 0, second.stderr
    assert sorted(note.name for note in notes.iterdir()) == ["fit0", "fit1", "fit2"]  # the first task was not fitted again

    (other / "fit").touch()
    (other / "more").touch()
    monkeypatch.setenv("NOTES", str(other))
    (whole,) = json.loads(cli(*task, tmp_path / "whole").out)
    assert json.loads(second.stdout)[0]["sha256"] == whole["sha256"]


def test_a_reader_that_stops_reading_is_no_error_message() -> None:
    process = subprocess.Popen([sys.executable, "-m", "chaosbench", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=PATIENCE)
