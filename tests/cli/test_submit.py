"""`submit new`, `submit check`, `submit run`."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaosbench.records import read_record

Cli = Callable[..., Any]


@pytest.fixture
def folder(cli: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    assert cli("submit", "new", path).code == 0
    return path


def mend(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_new_folder_holds_a_forecaster_that_keeps_the_contract_and_runs(cli: Cli, folder: Path, toy_suite: Path, tmp_path: Path) -> None:
    checked = cli("submit", "check", folder, "--json")
    findings = json.loads(checked.out)["findings"]
    assert checked.code == 0
    assert findings
    assert all(finding["held"] for finding in findings)
    ran = cli("submit", "run", folder, "--suite", toy_suite, "-o", tmp_path / "r", "--json")
    made = json.loads(ran.out)
    assert (ran.code, made["forecaster"]) == (0, "my-forecaster")
    assert read_record(Path(made["record"])).sha256 == made["sha256"]
    board = json.loads(cli("leaderboard", "show", "--records", tmp_path / "r", "--json").out)
    assert [row["forecaster"] for row in board] == ["my-forecaster"]


def test_a_broken_rule_is_named_with_exit_code_1(cli: Cli, folder: Path) -> None:
    mend(folder / "forecaster.py", "        return answer\n", "        answer[:, :, 0] += 1e-3 * len(context)\n        return answer\n")
    ran = cli("submit", "check", folder)
    assert ran.code == 1
    assert any(line.split()[0] == "BROKEN" and "batch invariance" in line for line in ran.out.splitlines())
    assert not any(line.split()[0] == "BROKEN" and "shapes" in line for line in ran.out.splitlines())


def test_a_submission_that_misses_its_deadline_is_a_status_and_exit_code_3(cli: Cli, folder: Path, toy_suite: Path, tmp_path: Path) -> None:
    mend(folder / "forecaster.py", "        gram =", "        import time\n        time.sleep(30)\n        gram =")
    ran = cli("submit", "run", folder, "--suite", toy_suite, "-o", tmp_path / "r", "--fit-deadline", 0.2, "--json")
    assert ran.code == 3
    assert [cell["status"] for cell in json.loads(ran.out)["cells"]] == ["timeout", "timeout"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "my-forecaster"', 'name = "My Forecaster"', "name = 'My Forecaster'"),
        ('entry = "forecaster:MyForecaster"', 'entry = "forecaster.MyForecaster"', 'must be "file:Class"'),
        ('entry = "forecaster:MyForecaster"', 'entry = "other:MyForecaster"', "does not exist"),
        ('license = "MIT"', 'licence = "MIT"', "licence: unknown key"),
        ("schema = 1", "schema = 9", "this version reads schema 1"),
        ('version = "0.1.0"', "version = 1", "version = 1: must be of type str"),
    ],
)
def test_a_bad_submission_file_is_named_by_key(cli: Cli, folder: Path, old: str, new: str, said: str) -> None:
    mend(folder / "submission.toml", old, new)
    for command in ("check", "run"):
        ran = cli("submit", command, folder)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"chaosbench: {folder / 'submission.toml'}: ")
        assert said in ran.err


def test_pack_makes_an_archive_beside_the_folder_and_says_its_hash(cli: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = json.loads(cli("submit", "pack", folder, "--json").out)
    archive = tmp_path / "my-forecaster-0.1.0.tar.gz"
    assert made["archive"] == archive.name
    assert made["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert made["bytes"] == archive.stat().st_size
    ran = cli("submit", "pack", folder, "-o", tmp_path / "again.tar.gz")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'again.tar.gz'}: {made['bytes']} bytes, sha256 {made['sha256']}\n")
    assert "stands in the submission itself" in cli("submit", "pack", folder, "-o", folder / "x.tar.gz").err


def test_the_record_says_how_far_it_was_confined_and_doctor_agrees(cli: Cli, folder: Path, toy_suite: Path, tmp_path: Path) -> None:
    ran = json.loads(cli("submit", "run", folder, "--suite", toy_suite, "-o", tmp_path / "r", "--memory", 2, "--json").out)
    record = read_record(Path(ran["record"]))
    assert list(ran["isolation"]) == ["process", "memory", "network", "files", "signals"]
    assert record.environment["isolation"] == ran["isolation"]
    checks = {check["name"]: check for check in json.loads(cli("doctor", "--json").out)}
    assert checks["isolation"]["state"] == ("ok" if set(ran["isolation"].values()) == {"on"} else "missing")


def test_too_much_memory_is_a_status_and_exit_code_3(cli: Cli, folder: Path, toy_suite: Path, tmp_path: Path) -> None:
    mend(folder / "forecaster.py", "        gram =", "        raise MemoryError\n        gram =")
    ran = cli("submit", "run", folder, "--suite", toy_suite, "-o", tmp_path / "r", "--json")
    assert ran.code == 3
    assert [cell["status"] for cell in json.loads(ran.out)["cells"]] == ["oom", "oom"]


def test_a_folder_in_the_way_a_missing_one_and_a_bad_deadline_are_refused(cli: Cli, folder: Path, tmp_path: Path) -> None:
    before = (folder / "forecaster.py").read_text()
    assert f"{folder}: exists already and is not an empty folder" in cli("submit", "new", folder).err
    assert (folder / "forecaster.py").read_text() == before
    assert "`chaosbench submit new" in cli("submit", "check", tmp_path / "none").err
    assert "--fit-deadline 0: must be a positive number of seconds" in cli("submit", "run", folder, "--fit-deadline", 0).err
    assert "--memory 0.1: must be at least 0.25" in cli("submit", "run", folder, "--memory", 0.1).err
    assert "stands in the submission" in cli("submit", "run", folder, "-o", folder / "records").err
    assert "none negative" in cli("submit", "run", folder, "--seeds", "-1").err
