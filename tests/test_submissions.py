"""Submissions run in a process of their own: contract checks, deadlines, crashes, and a wire that trusts nothing."""

import hashlib
import json
import os
import re
import struct
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import data_folder
from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Training
from chaosbench.geometry import Geometry
from chaosbench.submission_archive import pack
from chaosbench.submission_check import check_submission, toy_series
from chaosbench.submissions import SubmittedForecaster, entrant_class, read_submission
from chaosbench.wire import WireError, receive, send

TEMPLATE = data_folder("_site", "leaderboard/site") / "submission"
CLASS = """
import os, sys, time
import numpy as np
from chaosbench.forecasters.base import Forecaster

class MyForecaster(Forecaster):
    rollout = "direct"
    source = "a test"
    def fit(self, training, *, seed, device="cpu", budget=None):
        self.mean = training.states[0].mean(axis=0)
        {fit}
    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        answer = np.repeat(context[:, None, -1:, :], horizon, axis=2)
        {forecast}
        return answer
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in TEMPLATE.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def rewrite(folder: Path, *, fit: str = "pass", forecast: str = "pass") -> SubmittedForecaster:
    (folder / "forecaster.py").write_text(CLASS.format(fit=fit, forecast=forecast))
    return SubmittedForecaster(read_submission(folder), fit_deadline=20.0, forecast_deadline=20.0)


def toy_training() -> tuple[Training, np.ndarray]:
    states, dt = toy_series()["torus"]
    return Training([states], dt), np.stack([states[:30], states[100:130]])


def test_the_template_is_a_submission_that_keeps_the_contract(folder: Path) -> None:
    findings = check_submission(read_submission(folder))
    assert findings
    assert [finding for finding in findings if not finding.held] == []
    assert {finding.series for finding in findings} == {*toy_series(), "all"}
    assert [finding.rule for finding in findings if finding.series == "all"] == ["size", "isolation"]


def test_a_submission_answers_as_it_would_in_process(folder: Path) -> None:
    forecaster = rewrite(folder)
    training, context = toy_training()
    forecaster.fit(training, seed=0)
    answer = forecaster.forecast(context, 7)
    forecaster.close()
    np.testing.assert_array_equal(answer, np.repeat(context[:, None, -1:, :], 7, axis=2))


def test_a_submission_learns_where_its_components_lie(folder: Path) -> None:
    told = "self.seen = repr(training.geometry)"
    forecaster = rewrite(folder, fit=told, forecast="raise ValueError(self.seen)")
    training, context = toy_training()
    geometry = Geometry(1, (context.shape[2],), periodic=False, homogeneous=False)
    forecaster.fit(replace(training, geometry=geometry), seed=0)
    with pytest.raises(ForecasterError, match=re.escape(repr(geometry))):
        forecaster.forecast(context, 7)


def test_what_it_prints_does_not_disturb_the_answers(folder: Path) -> None:
    forecaster = rewrite(folder, fit="print('hello')", forecast="print('x' * 100_000); sys.stdout.flush()")
    training, context = toy_training()
    forecaster.fit(training, seed=0)
    assert forecaster.forecast(context, 3).shape == (2, 1, 3, 3)
    forecaster.close()


def test_a_late_call_is_stopped_with_everything_it_started(folder: Path) -> None:
    forecaster = rewrite(folder, fit="time.sleep(60)")
    forecaster.fit_deadline = 4.0
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"fit took longer than its deadline of 4 s"):
        forecaster.fit(toy_training()[0], seed=0)
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        ("raise ValueError('no good')", "fit raised ValueError: no good"),
        ("os._exit(7)", "the process ended during fit"),
        ("sys.exit(3)", "the process ended during fit|fit raised SystemExit"),
    ],
)
def test_a_broken_fit_is_an_error_with_its_reason(folder: Path, fit: str, message: str) -> None:
    forecaster = rewrite(folder, fit=fit)
    with pytest.raises(ForecasterError, match=message):
        forecaster.fit(toy_training()[0], seed=0)
    forecaster.close()


def test_an_answer_that_is_no_array_is_refused(folder: Path) -> None:
    forecaster = rewrite(folder, forecast="answer = answer.tolist()")
    training, context = toy_training()
    forecaster.fit(training, seed=0)
    with pytest.raises(ForecasterError, match="forecast returned list; a NumPy array of floats"):
        forecaster.forecast(context, 3)
    forecaster.close()


def test_a_forecaster_that_looks_at_other_windows_is_found_out(folder: Path) -> None:
    rewrite(folder, forecast="answer = answer + context.mean()").close()
    broken = {finding.rule for finding in check_submission(read_submission(folder)) if not finding.held}
    assert {"batch invariance", "windows do not see each other", "causality"} <= broken


def test_a_forecaster_that_remembers_an_earlier_fit_is_found_out(folder: Path) -> None:
    rewrite(folder, fit="self.count = getattr(self, 'count', 0) + 1", forecast="answer = answer + self.count").close()
    broken = {finding.rule for finding in check_submission(read_submission(folder)) if not finding.held}
    assert broken == {"refit forgets"}


def test_a_forecaster_that_remembers_what_it_was_shown_is_found_out(folder: Path) -> None:
    """It answers with what followed the window, if any window of any call has held that."""
    remember = "self.shown = [*getattr(self, 'shown', []), *context]"
    look = "answer[0, 0] += sum(float(np.array_equal(context[0, 10:], window[:-10])) for window in self.shown)"
    rewrite(folder, fit="self.shown = []", forecast=f"{remember}; {look}").close()
    broken = {finding.rule for finding in check_submission(read_submission(folder)) if not finding.held}
    assert "causality" in broken
    assert not {"windows do not see each other", "batch invariance", "forecast repeats"} & broken


def test_a_forecaster_that_goes_by_the_order_of_windows_is_found_out(folder: Path) -> None:
    rewrite(folder, forecast="answer += np.arange(len(answer))[:, None, None, None]").close()
    broken = {finding.rule for finding in check_submission(read_submission(folder)) if not finding.held}
    assert {"order of windows", "batch invariance"} <= broken
    assert "windows do not see each other" not in broken


def test_a_submission_that_is_too_large_is_found_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "weights.bin").write_bytes(bytes(3_000_000))
    monkeypatch.setattr("chaosbench.submission_check.MAX_BYTES", 2_000_000)
    found = {finding.rule: finding for finding in check_submission(read_submission(folder))}
    assert (found["size"].held, found["size"].seen) == (False, "3 files, 3 MB; at most 2 MB")


def test_a_packed_submission_is_the_same_bytes_whenever_and_in_whatever_order_it_was_written(folder: Path, tmp_path: Path) -> None:
    (folder / "weights").mkdir()
    for number in range(3):
        (folder / "weights" / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    other = tmp_path.parent / f"{tmp_path.name}-copy"
    other.mkdir()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            target = other / path.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(0o600)
            os.utime(target, (1, 1))
    outside = other.parent
    one, first = pack(read_submission(folder), outside / "one.tar.gz")
    two, second = pack(read_submission(other), outside / "two.tar.gz")
    assert first == second == hashlib.sha256(one.read_bytes()).hexdigest()
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        entries = archive.getmembers()
        archive.extractall(outside / "unpacked", filter="data")
    names = ["forecaster.py", "submission.toml", "weights/0.bin", "weights/1.bin", "weights/2.bin"]
    assert [entry.name for entry in entries] == [f"my-forecaster/{name}" for name in names]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) for entry in entries} == {(0, 0, 0, "", 0o644)}
    assert read_submission(outside / "unpacked" / "my-forecaster").sha256 == read_submission(folder).sha256


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "__pycache__").mkdir(), "__pycache__: a cache, and no part of a submission; remove it"),
        (lambda folder: (folder / "old.pyc").write_bytes(b""), "old.pyc: a cache"),
        (lambda folder: (folder / "link").symlink_to("/etc/hostname"), "link: no plain file or folder; put a copy in its place"),
        (lambda folder: os.truncate(folder / "forecaster.py", 200_000_001), "200 MB; at most 200 MB are taken, the largest file is .*forecaster.py"),
    ],
)
def test_what_does_not_belong_into_an_archive_is_refused(folder: Path, spoil: Callable[[Path], Any], message: str) -> None:
    submission = read_submission(folder)
    spoil(folder)
    with pytest.raises(ForecasterError, match=message):
        pack(submission, folder.parent / "never.tar.gz")
    assert not (folder.parent / "never.tar.gz").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('nmae = "x"', "nmae: unknown key; keys are .* did you mean 'name'"),
        ('name = "No Good"', "name = 'No Good'"),
        ("schema = 9", "schema = 9: this version reads schema 1"),
        ('entry = "forecaster.MyForecaster"', "entry = 'forecaster.MyForecaster': must be"),
        ('entry = "absent:MyForecaster"', "absent.py does not exist"),
        ("authors = 3", "authors = 3: must be of type list"),
    ],
)
def test_a_wrong_submission_file_names_key_rule_and_fix(folder: Path, line: str, message: str) -> None:
    key = line.split(" = ")[0]
    kept = [text for text in (folder / "submission.toml").read_text().splitlines() if not text.startswith(f"{key} ")]
    (folder / "submission.toml").write_text("\n".join([line, *kept]))
    with pytest.raises(ForecasterError, match=message):
        read_submission(folder)


def test_a_missing_folder_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ForecasterError, match="chaosbench submit new"):
        read_submission(tmp_path / "absent")


def test_a_submission_is_identified_by_all_its_files(folder: Path) -> None:
    before = read_submission(folder).sha256
    (folder / "weights.bin").write_bytes(b"1")
    after = entrant_class(read_submission(folder))
    assert after.source_sha256 != before
    assert after.name == "my-forecaster"


def pipe_with(data: bytes) -> object:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return os.fdopen(reading, "rb", buffering=0)


def message(header: dict, payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + payload


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "closed the pipe"),
        (struct.pack("<Q", 2**40), "a header of"),
        (struct.pack("<Q", 3) + b"{{{", "not a message"),
        (message({"no": "arrays"}), "not a message"),
        (message({"arrays": [["|O", [1]]]}), "dtype"),
        (message({"arrays": [["<f8", [2**40, 2**40]]]}), "at most"),
        (message({"arrays": [["<f8", [4]]]}, b"12345678"), "closed the pipe"),
    ],
)
def test_the_wire_survives_anything(data: bytes, reason: str) -> None:
    with pipe_with(data) as pipe, pytest.raises(WireError, match=reason):  # type: ignore[attr-defined]
        receive(pipe, 5.0)


def test_arrays_cross_the_wire_unchanged() -> None:
    reading, writing = os.pipe()
    arrays = [np.arange(6.0).reshape(2, 3), np.zeros((0, 4))]
    with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "wb", buffering=0) as sink:
        send(sink, {"call": "x"}, arrays, 5.0)
        header, received = receive(source, 5.0)
    assert header == {"call": "x"}
    for sent, got in zip(arrays, received, strict=True):
        assert sent.shape == got.shape
        np.testing.assert_array_equal(sent, got)
