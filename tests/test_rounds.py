"""Sealed rounds: what is published binds, what is sealed stays hidden, and a wrong record is found out."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaosbench import cells, plans, rounds
from chaosbench.cells import ANSWERS
from chaosbench.errors import RecordError, TaskError
from chaosbench.evaluation import evaluate
from chaosbench.identity import sha256_of
from chaosbench.records import Record, read_record, read_windows, write_record, write_windows
from chaosbench.rounds import PUBLIC, SECRET, Round, Secret, open_round, read_round, read_secret, reveal
from chaosbench.scoring import Answers, from_arrays, to_arrays
from chaosbench.suites import Suite, TaskSpec
from chaosbench.verification import Finding, verify_round

SHARED: dict[str, Any] = {"training_samples": 200, "context": 5, "horizon": 3.0, "windows": 6, "climate_runs": 0}
TASKS = (
    TaskSpec("henon", **SHARED, name="henon/clean", track="clean"),
    TaskSpec("henon", **SHARED, name="henon/noisy", track="noisy", noise=0.1),
    TaskSpec("logistic", **SHARED, name="logistic/clean", track="clean"),
)
SUITE = Suite("toy", 3, 0, ("valid_prediction_time", "blow_up"), TASKS)


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    monkeypatch.setattr(rounds, "read_suite", lambda name: SUITE)
    cells.prepared_task.cache_clear()
    cells.planned_task.cache_clear()


def entered(folder: Path, *names: str) -> Record:
    found = read_round(folder)
    for name in names:
        record = evaluate(name, found.sealed(read_secret(folder)), cache=folder / "cache", commitment=found.commitment)
        for cell in record.cells:
            write_windows(read_windows(cell["answers_sha256"], folder / "cache", ANSWERS), folder / "records", ANSWERS)
        write_record(record, folder / "records")
    return record


def forged(record: Record, folder: Path, **changes: Any) -> None:
    """Write a record with a changed first cell and a hash that fits, as someone would who wants to be believed."""
    first = dict(record.cells[0]) | changes
    write_record(replace(record, cells=(first, *record.cells[1:])), folder / "records")


def seen(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.task, finding.verdict) for finding in findings]


def test_the_commitment_is_the_hash_of_salt_and_seed(tmp_path: Path) -> None:
    opened = open_round(tmp_path / "r1", "toy", ["clean"])
    secret = read_secret(tmp_path / "r1")
    assert opened.commitment == hashlib.sha256(f"{secret.salt}:{secret.seed}".encode()).hexdigest() == secret.commitment
    assert secret.seed.bit_length() > 64  # 2^-64 of all draws are shorter
    assert str(secret.seed) not in (tmp_path / "r1" / PUBLIC).read_text()
    assert read_round(tmp_path / "r1") == opened
    assert opened.revealed is None
    assert (tmp_path / "r1" / SECRET).stat().st_mode & 0o077 == 0
    assert SECRET in (tmp_path / "r1" / ".gitignore").read_text()
    assert open_round(tmp_path / "r2", "toy").commitment != opened.commitment
    with pytest.raises(TaskError, match="holds a round already"):
        open_round(tmp_path / "r1", "toy")


def test_the_sealed_suite_has_the_tracks_tasks_and_the_secret_seed(tmp_path: Path) -> None:
    opened = open_round(tmp_path / "r", "toy", ["clean"])
    secret = read_secret(tmp_path / "r")
    sealed = opened.sealed(secret)
    assert (sealed.name, sealed.seed) == ("r", secret.seed)
    assert [task.label for task in sealed.tasks] == ["henon/clean", "logistic/clean"]
    with pytest.raises(RecordError, match="the round committed to"):
        opened.sealed(Secret(secret.salt, secret.seed + 1))


def test_blind_tasks_lose_their_names_and_their_order() -> None:
    blind = tuple(TaskSpec(name, **SHARED, name=f"{name}/blind", track="blind", blind=True) for name in ("henon", "logistic", "ikeda", "lozi"))
    suite = replace(SUITE, tasks=(*TASKS[:1], *blind))
    orders = set()
    for seed in range(20):
        secret = Secret("00", seed)
        sealed = Round("r", "toy", suite, (), secret.commitment, None).sealed(secret)
        assert [task.label for task in sealed.tasks] == ["henon/clean", "blind/00", "blind/01", "blind/02", "blind/03"]
        assert {task.system for task in sealed.tasks[1:]} == {"henon", "logistic", "ikeda", "lozi"}
        orders.add(tuple(task.system for task in sealed.tasks[1:]))
    assert len(orders) > 10  # of 24


def test_every_score_of_an_honest_record_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    entered(tmp_path / "r", "persistence", "ngrc")
    with pytest.raises(RecordError, match="not closed yet"):
        verify_round(tmp_path / "r")
    reveal(tmp_path / "r")
    (tmp_path / "r" / SECRET).unlink()  # from now on the public file is enough
    told: list[float] = []
    findings = verify_round(tmp_path / "r", lambda done, sentence: told.append(done))
    assert {finding.verdict for finding in findings} == {"equal"}
    assert sorted((finding.record, finding.task) for finding in findings) == sorted(
        (name, task.label) for name in ("persistence", "ngrc") for task in TASKS
    )
    assert len(told) == 6


def test_a_changed_digit_is_found_with_and_without_a_fitting_hash(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    record = entered(tmp_path / "r", "persistence")
    reveal(tmp_path / "r")
    path = tmp_path / "r" / "records" / record.file_name
    whole = path.read_text()
    value = record.cells[0]["metrics"]["valid_prediction_time"]["value"]
    metrics = dict(record.cells[0]["metrics"])
    metrics["valid_prediction_time"] = dict(metrics["valid_prediction_time"]) | {"value": value + 0.25}
    path.write_text(whole.replace(f'"value":{value!r}', f'"value":{value + 0.25!r}', 1))
    (only,) = verify_round(tmp_path / "r")
    assert "the file was changed after it was written" in only.seen
    forged(record, tmp_path / "r", metrics=metrics)
    findings = verify_round(tmp_path / "r")
    assert seen(findings) == [("henon/clean", "differs"), ("henon/noisy", "equal"), ("logistic/clean", "equal")]
    assert "valid_prediction_time: recorded" in findings[0].seen


def test_better_answers_than_were_given_do_not_fit_their_scores(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    record, better = entered(tmp_path / "r", "persistence"), entered(tmp_path / "r", "ngrc")
    reveal(tmp_path / "r")
    (tmp_path / "r" / "records" / better.file_name).unlink()
    for changes in ({"answers_sha256": better.cells[0]["answers_sha256"]}, {"windows_sha256": better.cells[0]["windows_sha256"]}):
        with_windows = replace(record, windows={**record.windows, **better.windows})
        forged(with_windows, tmp_path / "r", **changes)
        assert seen(verify_round(tmp_path / "r"))[0] == ("henon/clean", "differs")
    forged(record, tmp_path / "r", answers_sha256="0" * 64)
    assert "cannot be read" in verify_round(tmp_path / "r")[0].seen


def test_records_of_other_data_and_dropped_cells_are_found(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    record = entered(tmp_path / "r", "persistence")
    reveal(tmp_path / "r")
    for identity, cells_kept, said in (
        ({"suite_sha256": "1" * 64}, record.cells, "suite_sha256 is '1111"),
        ({"commitment": "2" * 64}, record.cells, "commitment is '2222"),
        ({}, record.cells[1:], "task 'henon/clean' is missing"),
    ):
        write_record(replace(record, identity={**record.identity, **identity}, cells=cells_kept), tmp_path / "r" / "records")
        (only,) = verify_round(tmp_path / "r")
        assert only.verdict == "differs"
        assert said in only.seen


def test_a_record_made_outside_the_round_cannot_be_slipped_in(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    entered(tmp_path / "r", "persistence")
    outside = evaluate("ngrc", read_round(tmp_path / "r").sealed(read_secret(tmp_path / "r")))
    write_record(outside, tmp_path / "r" / "records")
    reveal(tmp_path / "r")
    assert {(finding.record, finding.verdict) for finding in verify_round(tmp_path / "r")} == {("ngrc", "differs"), ("persistence", "equal")}


def test_a_wrong_secret_is_never_revealed_nor_believed(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    entered(tmp_path / "r", "persistence")
    kept = (tmp_path / "r" / SECRET).read_text()
    (tmp_path / "r" / SECRET).write_text(json.dumps({"salt": "00", "seed": "7"}))
    with pytest.raises(RecordError, match="the round committed to"):
        reveal(tmp_path / "r")
    (tmp_path / "r" / SECRET).write_text(kept)
    reveal(tmp_path / "r")
    public = tmp_path / "r" / PUBLIC
    public.write_text(public.read_text().replace(f'"{read_secret(tmp_path / "r").seed}"', '"7"'))
    with pytest.raises(RecordError, match="the round committed to"):
        verify_round(tmp_path / "r")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = ", "not TOML"),
        ('schema = 1\nname = "r"\n', r"commitment: missing, unknown or of the wrong type"),
        (
            'schema = 1\nname = "r"\nsuite = "toy"\nsuite_sha256 = "0"\ntracks = []\ncommitment = "0"\n',
            r"suite 'toy' has the hash .* here, the round was opened with 0",
        ),
    ],
)
def test_a_broken_public_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / PUBLIC).write_text(text)
    with pytest.raises(RecordError, match=message):
        read_round(tmp_path)


def test_no_round_and_no_secret_are_said(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"leaderboard open FOLDER"):
        read_round(tmp_path)
    open_round(tmp_path / "r", "toy")
    (tmp_path / "r" / SECRET).unlink()
    with pytest.raises(RecordError, match="only who opened the round can score"):
        read_secret(tmp_path / "r")


def test_a_round_without_a_cache_is_refused() -> None:
    with pytest.raises(TaskError, match="kept in the cache"):
        evaluate("zeros", SUITE, commitment="0")


def test_failures_are_kept_as_failures() -> None:
    lost = from_arrays({})
    assert to_arrays(Answers(lost.windows, lost.climate, None)) == {}
    assert lost.windows == lost.climate


def test_the_hash_of_a_sealed_suite_depends_on_the_seed(tmp_path: Path) -> None:
    suites = [Round("r", "toy", SUITE, (), Secret("0", seed).commitment, None).sealed(Secret("0", seed)) for seed in (1, 2)]
    assert suites[0].sha256 == sha256_of(suites[0].to_data()) != suites[1].sha256


def test_a_record_of_a_round_reads_back(tmp_path: Path) -> None:
    open_round(tmp_path / "r", "toy")
    record = entered(tmp_path / "r", "persistence")
    again = read_record(tmp_path / "r" / "records" / record.file_name)
    assert again.sha256 == record.sha256
    assert again.identity["commitment"] == read_round(tmp_path / "r").commitment
