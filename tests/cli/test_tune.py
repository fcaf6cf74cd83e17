"""`tune` on the toy suite."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

Cli = Callable[..., Any]


def test_trials_are_written_shown_and_continued(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    ran = cli("tune", "analogue", "--suite", toy_suite, "--trials", 2, "-o", tmp_path / "t", "--json")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert found["file"] == str(tmp_path / "t" / "analogue.jsonl")
    assert [trial["number"] for trial in found["trials"]] == [0, 1]
    assert found["trials"][0]["options"] == {"embedding": 2, "stride": 1}
    assert found["best"]["score"] == max(trial["score"] for trial in found["trials"] if trial["status"] == "ok")
    again = cli("tune", "analogue", "--suite", toy_suite, "--trials", 3, "-o", tmp_path / "t")
    assert again.code == 0
    assert again.out.splitlines()[0].split() == ["trial", "status", "score", "seconds", "options"]
    assert "3 trials; trial 0 is the defaults" in again.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zeros"], "zeros: declares no option to tune"),
        (["oracle"], "oracle: declares no option to tune"),
        (["analoge"], "did you mean 'analogue'?"),
        (["analogue", "--suite", "deev"], "did you mean 'dev'?"),
        (["analogue", "--tasks", "hennon"], "did you mean 'henon'?"),
        (["analogue", "--trials", "0"], "at least one trial"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, toy_suite: Path, tmp_path: Path, words: list[str], said: str) -> None:
    suite = [] if "--suite" in words else ["--suite", toy_suite]
    ran = cli("tune", *words, *suite, "-o", tmp_path / "t")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_no_finished_trial_is_exit_code_3(cli: Cli, toy_suite: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(
        "from chaosbench.forecasters.base import Choice, Forecaster\n"
        "class Broken(Forecaster):\n"
        "    rollout, source, space = 'direct', 'a test', {'a': Choice((1, 2))}\n"
        "    def __init__(self, *, a=1): pass\n"
        "    def fit(self, training, *, seed, device='cpu', budget=None): raise ValueError('never')\n"
        "    def forecast(self, context, horizon, **rest): pass\n"
    )
    ran = cli("tune", path, "--suite", toy_suite, "--trials", 1, "-o", tmp_path / "t")
    assert ran.code == 3
    assert "ValueError: never" in ran.out
