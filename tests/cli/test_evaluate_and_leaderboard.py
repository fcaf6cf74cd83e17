"""`evaluate`, `leaderboard build` and `leaderboard show` on a toy suite, with forecasters that break one rule each."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaosbench.records import read_record

Cli = Callable[..., Any]
FORECASTER = """
import numpy as np
from chaosbench.forecasters.base import Forecaster

class Mine(Forecaster):
    rollout = "direct"
    source = "a test"

    def __init__(self, *, shift: float = 0.0) -> None:
        self.shift = shift

    def fit(self, training, *, seed, device="cpu", budget=None):
        {fit}

    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        answer = np.repeat(context[:, None, -1:, :], horizon, axis=2) + self.shift
        {forecast}
        return answer
"""


def forecaster(folder: Path, name: str = "mine", *, fit: str = "pass", forecast: str = "pass") -> Path:
    path = folder / f"{name}.py"
    path.write_text(FORECASTER.format(fit=fit, forecast=forecast))
    return path


@pytest.fixture
def records(cli: Cli, toy_suite: Path, tmp_path: Path) -> Path:
    """Records of two forecasters on the toy suite."""
    assert cli("evaluate", "zeros", "persistence", "--suite", toy_suite, "-o", tmp_path / "records").code == 0
    return tmp_path / "records"


def test_a_record_is_written_verified_and_shown(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    ran = cli("evaluate", "persistence", "--suite", toy_suite, "-o", tmp_path / "r", "--json", "--seeds", "0,1")
    (made,) = json.loads(ran.out)
    record = read_record(Path(made["record"]))
    assert ran.code == 0
    assert (made["forecaster"], made["sha256"]) == ("persistence", record.sha256)
    assert [(cell["task"], cell["seed"], cell["status"]) for cell in made["cells"]] == [
        (task, seed, "ok") for task in ("henon", "logistic") for seed in (0, 1)
    ]
    again = cli("evaluate", "persistence", "--suite", toy_suite, "-o", tmp_path / "r", "--seeds", "0,1")
    assert f"sha256 {record.sha256[:16]}" in again.out
    assert again.out.splitlines()[0].split() == ["task", "seed", "status", "metric", "value", "95", "%", "interval", "failed"]


@pytest.mark.parametrize(
    ("breaks", "status", "reason"),
    [
        ({"forecast": "answer = answer[:, :, 1:]"}, "invalid_output", "(windows, samples, horizon, components)"),
        ({"forecast": "answer = answer.tolist()"}, "invalid_output", "returned list"),
        ({"forecast": "answer[0, 0, 0] = np.nan"}, "nonfinite", "non-finite"),
        ({"forecast": "answer[:] = np.inf"}, "nonfinite", "6 of 6 windows left the attractor's range"),
        ({"forecast": "raise ZeroDivisionError('in forecast')"}, "crash", "ZeroDivisionError: in forecast"),
        ({"fit": "raise KeyError('in fit')"}, "crash", "fit: KeyError: 'in fit'"),
        ({"fit": "raise SystemExit(0)"}, "crash", "fit: SystemExit"),
    ],
)
def test_a_broken_forecaster_has_its_status_in_the_record_and_exit_code_3(
    cli: Cli, toy_suite: Path, tmp_path: Path, breaks: dict[str, str], status: str, reason: str
) -> None:
    ran = cli("evaluate", forecaster(tmp_path, **breaks), "--suite", toy_suite, "-o", tmp_path / "r", "--json")
    assert ran.code == 3
    (made,) = json.loads(ran.out)
    record = read_record(Path(made["record"]))
    assert [cell["status"] for cell in record.cells] == [status] * 2
    assert all(reason in cell["reason"] for cell in record.cells)
    table = cli("evaluate", tmp_path / "mine.py", "--suite", toy_suite, "-o", tmp_path / "r")
    assert table.code == 3
    assert f"henon, seed 0: {record.cells[0]['reason']}" in table.out


def test_one_broken_forecaster_does_not_cost_the_others(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    ran = cli("evaluate", forecaster(tmp_path, fit="raise ValueError"), "zeros", "--suite", toy_suite, "-o", tmp_path / "r", "--json")
    assert ran.code == 3
    assert [{cell["status"] for cell in made["cells"]} for made in json.loads(ran.out)] == [{"crash"}, {"ok"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zeross"], "forecasters: unknown name 'zeross'"),
        (["zeros", "persistance"], "did you mean 'persistence'?"),
        (["nowhere.py"], "no file at nowhere.py"),
        (["zeros", "--suite", "smoek"], "did you mean 'smoke'?"),
        (["zeros", "--suite", "nowhere.toml"], "no suite 'nowhere.toml'"),
        (["zeros", "--seeds", "0,one"], "--seeds 0,one: seeds are whole numbers"),
        (["zeros", "--seeds", "-1"], "none negative"),
        (["zeros", "--seeds", "1,1"], "none twice"),
        (["zeros", "--seeds", ""], "separated by commas"),
        (["zeros", "--option", "shift"], "--option shift: not NAME=VALUE"),
        (["zeros", "--option", "shift=1"], "zeros has no options"),
        (["ngrc", "--option", "ridg=1"], "did you mean 'ridge'?"),
        (["zeros", "--device", "abacus"], "--device abacus: PyTorch"),
    ],
)
def test_a_mistake_is_found_before_anything_is_run(cli: Cli, toy_suite: Path, tmp_path: Path, words: list[str], said: str) -> None:
    suite = [] if "--suite" in words else ["--suite", toy_suite]
    ran = cli("evaluate", *words, *suite, "-o", tmp_path / "r")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("chaosbench: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "SyntaxError"),
        ("raise RuntimeError('at import')", "RuntimeError: at import"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("x = 1", "holds 0 public subclasses of Forecaster; exactly one is needed"),
    ],
)
def test_a_file_that_is_no_forecaster_is_refused_in_one_line(cli: Cli, toy_suite: Path, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    ran = cli("evaluate", "zeros", path, "--suite", toy_suite, "-o", tmp_path / "r")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"chaosbench: {path}: cannot be used (")
    assert said in ran.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('system = "henon"', 'system = "henonn"', "unknown system 'henonn'; did you mean 'henon'?"),
        ('"blow_up"', '"blowup"', "unknown metric 'blowup'; metrics are"),
        ('"nrmse@1"', '"nrmse@one"', "what stands after @ must be a number"),
        ('"blow_up"', '"attractor_divergence"', "needs free runs"),
        ("context = 8", "contxt = 8", "unknown key 'contxt'"),
        ("windows = 6", "windows = 0", "windows = 0: must be a whole number, at least 1"),
        ('name = "toy"', 'name = "toy', "not TOML"),
        ("schema = 1", "schema = 9", "this version reads schema 1"),
    ],
)
def test_a_bad_suite_is_named_by_key(cli: Cli, toy_suite: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    toy_suite.write_text(toy_suite.read_text().replace(old, new))
    ran = cli("evaluate", "zeros", "--suite", toy_suite, "-o", tmp_path / "r")
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert list(tmp_path.glob("r/*.json")) == []


def test_options_reach_the_forecaster_and_its_name_in_the_record(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    path = forecaster(tmp_path)
    plain, shifted = (
        json.loads(cli("evaluate", path, "--suite", toy_suite, "-o", tmp_path / "r", "--json", *more).out)[0]
        for more in ((), ("--option", "shift=5"))
    )
    assert (plain["forecaster"], shifted["forecaster"]) == ("mine", "mine (shift=5)")
    assert plain["record"] != shifted["record"]
    assert plain["cells"][0]["metrics"]["nrmse@1"]["value"] < shifted["cells"][0]["metrics"]["nrmse@1"]["value"]


FICKLE = """
        import pathlib
        if {where!r} and len(training.states[0]) == 200 and pathlib.Path({where!r}).exists():
            with pathlib.Path({where!r} + ".runs").open("a") as file:
                file.write("x")
            raise RuntimeError("not today")
"""


def test_only_failed_runs_what_the_record_has_as_failed(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    toy_suite.write_text(toy_suite.read_text().replace("training_samples = 200", "training_samples = 300", 1))  # henon; logistic keeps 200
    flag = tmp_path / "flag"
    path = forecaster(tmp_path, fit=FICKLE.format(where=str(flag)).strip())
    words = ["evaluate", path, "--suite", toy_suite, "-o", tmp_path / "r"]
    missing = cli(*words, "--only-failed")
    assert (missing.code, missing.out) == (1, "")
    assert f"--only-failed: no record {tmp_path / 'r' / 'toy--mine.json'}; run once without it" in missing.err
    flag.touch()
    assert cli(*words).code == 3
    first = read_record(tmp_path / "r" / "toy--mine.json")
    assert [(cell["task"], cell["status"]) for cell in first.cells] == [("henon", "ok"), ("logistic", "crash")]
    assert cli(*words, "--only-failed").code == 3
    assert (tmp_path / "flag.runs").read_text() == "xx"
    flag.unlink()
    assert cli(*words, "--only-failed").code == 0
    second = read_record(tmp_path / "r" / "toy--mine.json")
    assert [(cell["task"], cell["status"]) for cell in second.cells] == [("henon", "ok"), ("logistic", "ok")]
    assert second.cells[0] == first.cells[0]
    before = (tmp_path / "r" / "toy--mine.json").read_bytes()
    nothing = cli(*words, "--only-failed")
    assert nothing.code == 0
    assert "toy--mine.json" in nothing.out
    assert (tmp_path / "r" / "toy--mine.json").read_bytes() == before
    path.write_text(path.read_text() + "# changed\n")
    assert "is of another source_sha256, so all its cells are out of date; run without it" in cli(*words, "--only-failed").err


def test_a_full_disk_is_one_line_and_the_same_command_works_later(toy_suite: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "chaosbench", "evaluate", "zeros", "--suite", str(toy_suite), "-o", str(tmp_path / "r")]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    full = subprocess.run(words, preexec_fn=small_files, capture_output=True, text=True, check=False)
    assert (full.returncode, full.stdout) == (1, "")
    assert "Traceback" not in full.stderr
    assert "check the path, its permissions and the free space" in full.stderr
    assert list(tmp_path.glob("r/*.json")) == []
    later = subprocess.run(words, capture_output=True, text=True, check=False)
    assert later.returncode == 0, later.stderr


def test_an_output_that_is_a_file_is_refused_in_one_line(cli: Cli, records: Path, toy_suite: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for words in (["evaluate", "zeros", "--suite", toy_suite], ["leaderboard", "build", "--records", records]):
        ran = cli(*words, "-o", tmp_path / "file")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"chaosbench: {tmp_path / 'file'}")
    assert (tmp_path / "file").read_text() == "mine"


def test_show_ranks_with_intervals_and_names_the_metric(cli: Cli, records: Path) -> None:
    ran = cli("leaderboard", "show", "--records", records)
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines()[:3]] == [["rank", "forecaster"], ["1", "persistence"], ["1", "zeros"]]
    assert "valid_prediction_time in Lyapunov times, higher is better; suite toy, 2 tasks" in ran.out
    rows = json.loads(cli("leaderboard", "show", "--records", records, "--metric", "nrmse@1", "--system", "henon", "--json").out)
    assert {row["forecaster"] for row in rows} == {"zeros", "persistence"}
    assert all(row["low"] <= row["value"] <= row["high"] and row["n"] == 6 for row in rows)


def test_show_measures_skill_where_the_scale_is_there(cli: Cli, records: Path, toy_suite: Path) -> None:
    assert "skill" not in cli("leaderboard", "show", "--records", records).out
    assert cli("evaluate", "climatology", "oracle", "--suite", toy_suite, "-o", records).code == 0
    rows = {row["forecaster"]: row for row in json.loads(cli("leaderboard", "show", "--records", records, "--json").out)}
    assert rows["climatology"]["skill"] == 0
    assert rows["oracle"]["skill"] == 1
    assert (rows["oracle"]["rank"], "mean_rank" in rows["oracle"]) == (None, False)
    assert rows["zeros"]["n_skill_tasks"] == 2
    assert sum(row["mean_rank"] for row in rows.values() if row["rank"]) == 1 + 2 + 3
    shown = cli("leaderboard", "show", "--records", records).out
    assert shown.splitlines()[0].split("  ")[0] == "rank"
    assert "1.00 (1.00 to 1.00)" in shown
    other = cli("leaderboard", "show", "--records", records, "--baseline", "persistence", "--metric", "nrmse@1", "--json").out
    assert {row["forecaster"]: row.get("skill") for row in json.loads(other)}["persistence"] == 0
    wrong = cli("leaderboard", "show", "--records", records, "--baseline", "persistance")
    assert (wrong.code, wrong.out) == (1, "")
    assert "no record of 'persistance' to measure skill by" in wrong.err


def test_show_marks_a_single_seed_of_what_draws_and_names_tasks_without_skill(cli: Cli, records: Path, toy_suite: Path, tmp_path: Path) -> None:
    path = forecaster(tmp_path)
    path.write_text(path.read_text().replace('rollout = "direct"', 'rollout = "direct"\n    deterministic = False'))
    assert cli("evaluate", path, "--suite", toy_suite, "-o", records).code == 0
    shown = cli("leaderboard", "show", "--records", records, "--baseline", "mine", "--ceiling", "persistence").out
    assert "mine (single seed)" in shown
    assert "persistence (single seed)" not in shown
    assert "no skill on henon: persistence is not certainly above mine" in shown
    assert cli("evaluate", path, "--suite", toy_suite, "-o", records, "--seeds", "1").code == 0
    assert "mine (single seed)" not in cli("leaderboard", "show", "--records", records).out


def test_compare_says_which_differ(cli: Cli, records: Path) -> None:
    ran = cli("leaderboard", "compare", "--records", records)
    assert ran.code == 0
    assert ran.out.split("\n")[0].split() == ["forecaster", "1", "2", "mean", "rank"]
    assert "0 of 1 pairs differ (signed-rank, Holm, 5 %)" in ran.out
    (result,) = json.loads(cli("leaderboard", "compare", "--records", records, "--metric", "nrmse@1", "--json").out)
    assert set(result["matrix"]) == {"persistence", "zeros"}
    assert result["critical_difference"]["n_systems"] == 2
    (both,) = result["pairs"]
    (named,) = json.loads(cli("leaderboard", "compare", "zeros", "persistence", "--records", records, "--metric", "nrmse@1", "--json").out)
    assert named["pairs"][0]["a"] == "zeros"
    assert named["pairs"][0]["difference"] == -both["difference"]
    assert named["pairs"][0]["p_holm"] == both["p_holm"]
    said = cli("leaderboard", "compare", "zeros", "persistence", "--records", records).out
    assert "zeros against persistence: better on" in said
    assert "corrected for 1 pair " in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zeros"], "zeros: give two forecasters, or none for all pairs"),
        (["zeros", "persistance"], "did you mean 'persistence'?"),
        (["zeros", "zeros"], "'zeros' was given twice"),
        (["--track", "noisy"], "no record has track 'noisy'"),
    ],
)
def test_a_wrong_comparison_is_named(cli: Cli, records: Path, words: list[str], said: str) -> None:
    ran = cli("leaderboard", "compare", *words, "--records", records)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_diff_says_what_differs_and_its_exit_code_whether_the_hashed_content_does(cli: Cli, records: Path) -> None:
    one, other = records / "toy--zeros.json", records / "toy--persistence.json"
    same = cli("leaderboard", "diff", one, one)
    assert (same.code, same.out) == (0, f"the same, sha256 {read_record(one).sha256[:16]}\n")
    ran = cli("leaderboard", "diff", one, other)
    assert ran.code == 1
    assert "identity: forecaster: 'zeros' and 'persistence'" in ran.out
    assert "henon, seed 0: nrmse@1: " in ran.out
    data = json.loads(cli("leaderboard", "diff", one, other, "--json").out)
    assert (data["same"], [cell["task"] for cell in data["cells"]]) == (False, ["henon", "logistic"])
    missing = cli("leaderboard", "diff", one, records / "nothing.json")
    assert (missing.code, missing.out) == (1, "")
    assert "cannot be read as JSON" in missing.err


def test_build_writes_one_page_and_the_records_it_was_made_from(cli: Cli, records: Path, tmp_path: Path) -> None:
    ran = cli("leaderboard", "build", "--records", records, "--output", tmp_path / "page", "--json")
    made = json.loads(ran.out)
    page = tmp_path / "page" / "index.html"
    assert (ran.code, made["page"], made["suite"]["name"]) == (0, str(page), "toy")
    assert set(made["verdicts"]) == {"all", "henon", "logistic"}
    text = page.read_text()
    assert "persistence" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert sorted(path.name for path in (tmp_path / "page" / "records").glob("*.json")) == ["toy--persistence.json", "toy--zeros.json"]
    cli("leaderboard", "build", "--records", records, "--output", tmp_path / "page")
    assert page.read_text() == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metric", "nrmse@2"], "did you mean 'nrmse@1'?"),
        (["--system", "henonn"], "did you mean 'henon'?"),
        (["--suite", "toyy"], "did you mean 'toy'?"),
        (["--records", "nowhere"], "nowhere: no records here; run `chaosbench evaluate NAME --output nowhere` first"),
    ],
)
def test_an_unknown_metric_task_suite_or_folder_is_named(cli: Cli, records: Path, words: list[str], said: str) -> None:
    ran = cli("leaderboard", "show", "--records", records, *words)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_a_changed_record_is_not_shown(cli: Cli, records: Path) -> None:
    path = records / "toy--zeros.json"
    path.write_text(path.read_text().replace('"status":"ok"', '"status":"OK"', 1))
    ran = cli("leaderboard", "show", "--records", records)
    assert (ran.code, ran.out) == (1, "")
    assert f"{path}: sha256 is written as" in ran.err
    assert "the file was changed after it was written" in ran.err


def test_records_of_two_suites_are_not_mixed(cli: Cli, records: Path, toy_suite: Path) -> None:
    toy_suite.write_text(toy_suite.read_text().replace('name = "toy"', 'name = "other"'))
    assert cli("evaluate", "zeros", "--suite", toy_suite, "-o", records).code == 0
    assert "records of suites other, toy; choose one with --suite" in cli("leaderboard", "show", "--records", records).err
    assert cli("leaderboard", "show", "--records", records, "--suite", "toy").code == 0


TRACKS = """
schema = 1
name = "toy-tracks"
version = 1
seed = 0
metrics = ["valid_prediction_time"]

[defaults]
training_samples = 200
context = 5
horizon = 3.0
windows = 6
climate_runs = 0

[[track]]
name = "clean"
[[track]]
name = "noisy"
noise = 0.1
metrics = ["valid_prediction_time", "nrmse@1"]

[[task]]
system = "henon"
[[task]]
system = "logistic"
"""


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    path = tmp_path / "tracks.toml"
    path.write_text(TRACKS)
    return path


def test_a_record_is_completed_track_by_track_and_shard_by_shard(cli: Cli, tracks: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    ran = cli("evaluate", "persistence", "--suite", tracks, "-o", whole, "--json")
    assert ran.code == 0, ran.err
    expected = read_record(whole / "toy-tracks--persistence.json")
    assert [(cell["task"], cell["track"]) for cell in expected.cells] == [
        ("henon/clean", "clean"),
        ("logistic/clean", "clean"),
        ("henon/noisy", "noisy"),
        ("logistic/noisy", "noisy"),
    ]
    assert cli("evaluate", "persistence", "--suite", tracks, "-o", parts, "--track", "noisy").code == 0
    assert [cell["task"] for cell in read_record(parts / "toy-tracks--persistence.json").cells] == ["henon/noisy", "logistic/noisy"]
    for shard in ("2/2", "1/2"):
        assert cli("evaluate", "persistence", "--suite", tracks, "-o", parts, "--track", "clean", "--shard", shard).code == 0
    assert (parts / "toy-tracks--persistence.json").read_text().split('"environment"')[0] == (
        (whole / "toy-tracks--persistence.json").read_text().split('"environment"')[0]
    )
    assert read_record(parts / "toy-tracks--persistence.json").sha256 == expected.sha256


def test_a_record_of_other_code_is_replaced(cli: Cli, tracks: Path, tmp_path: Path) -> None:
    cli("evaluate", forecaster(tmp_path), "--suite", tracks, "-o", tmp_path / "r", "--track", "noisy")
    ran = cli("evaluate", forecaster(tmp_path, fit="'changed'"), "--suite", tracks, "-o", tmp_path / "r", "--track", "clean", "--json")
    assert [cell["task"] for cell in json.loads(ran.out)[0]["cells"]] == ["henon/clean", "logistic/clean"]


def test_processes_give_the_same_record(cli: Cli, tracks: Path, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        assert cli("evaluate", "ngrc", "--suite", tracks, "-o", tmp_path / jobs, "--jobs", jobs, "--track", "clean").code == 0
    one, two = (read_record(tmp_path / jobs / "toy-tracks--ngrc.json") for jobs in ("1", "2"))
    assert one.sha256 == two.sha256


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--track", "loud"], "no track 'loud'; tracks are clean, noisy"),
        (["--task", "henon"], "no task 'henon'; tasks are henon/clean"),
        (["--track", "noisy", "--task", "henon/clean"], "--task henon/clean: is not in track noisy"),
        (["--shard", "3"], "--shard 3: not I/N"),
        (["--shard", "3/2"], "shard = 3/2: give i/n with i from 1 to n"),
    ],
)
def test_a_wrong_part_is_named(cli: Cli, tracks: Path, tmp_path: Path, words: list[str], said: str) -> None:
    ran = cli("evaluate", "persistence", "--suite", tracks, "-o", tmp_path / "r", *words)
    assert ran.code in (1, 2)
    assert said in " ".join(ran.err.split())


def test_rankings_are_shown_track_by_track(cli: Cli, tracks: Path, tmp_path: Path) -> None:
    cli("evaluate", "persistence", "zeros", "--suite", tracks, "-o", tmp_path / "r")
    cli("evaluate", "climatology", "--suite", tracks, "-o", tmp_path / "r", "--track", "noisy")
    rows = json.loads(cli("leaderboard", "show", "--records", tmp_path / "r", "--json").out)
    taking_part = {(row["track"], row["forecaster"]) for row in rows}
    assert taking_part == {(track, name) for track in ("clean", "noisy") for name in ("persistence", "zeros")} | {("noisy", "climatology")}
    assert {row["n_systems"] for row in rows} == {2}
    compared = json.loads(cli("leaderboard", "compare", "--records", tmp_path / "r", "--json").out)
    assert {result["track"]: len(result["pairs"]) for result in compared} == {"clean": 1, "noisy": 3}
    only = json.loads(cli("leaderboard", "show", "--records", tmp_path / "r", "--track", "noisy", "--metric", "nrmse@1", "--json").out)
    assert {row["track"] for row in only} == {"noisy"}
    shown = cli("leaderboard", "show", "--records", tmp_path / "r").out
    assert "suite toy-tracks, track clean, 2 tasks" in shown
    assert "suite toy-tracks, track noisy, 2 tasks" in shown
    wrong = cli("leaderboard", "show", "--records", tmp_path / "r", "--track", "nois")
    assert "no record has track 'nois'; tracks are clean, noisy; did you mean 'noisy'?" in " ".join(wrong.err.split())


def test_a_sealed_round_from_opening_to_verification(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    opened = json.loads(cli("leaderboard", "open", folder, "--suite", toy_suite, "--json").out)
    assert cli("leaderboard", "verify", folder).code == 1
    entered = json.loads(cli("leaderboard", "enter", folder, "persistence", "--json").out)
    assert entered[0]["forecaster"] == "persistence"
    assert all(len(cell["answers_sha256"]) == 64 for cell in entered[0]["cells"])
    assert json.loads(cli("leaderboard", "reveal", folder, "--json").out)["commitment"] == opened["commitment"]
    (folder / "secret.json").unlink()
    checked = cli("leaderboard", "verify", folder)
    assert checked.code == 0
    assert "2 equal, 0 close, 0 differ" in checked.out
    path = folder / "records" / "first--persistence.json"
    path.write_text(path.read_text().replace('"n_failed":0', '"n_failed":1', 1))
    wrong = cli("leaderboard", "verify", folder, "--json")
    assert wrong.code == 1
    assert [finding["verdict"] for finding in json.loads(wrong.out)] == ["differs"]
    assert "did you mean 'persistence'" in cli("leaderboard", "enter", folder, "persistense").err
