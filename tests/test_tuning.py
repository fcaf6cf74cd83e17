"""Tuning: the store, the resume, the score; forecasters whose best option is known."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from chaosbench import cells, plans
from chaosbench.errors import ForecasterError, RecordError, TaskError
from chaosbench.forecasters.base import Choice, Range
from chaosbench.suites import Suite, TaskSpec
from chaosbench.trials import Trial, Tuning, add, opened, read_tuning

pytest.importorskip("optuna")
from chaosbench.tuning import defaults, holds, tune

HENON = TaskSpec("henon", training_samples=200, context=5, horizon=4.0, windows=12, climate_runs=3, climate_samples=400)
OTHER = TaskSpec("henon", training_samples=200, context=5, horizon=8.0, windows=12, climate_runs=3, climate_samples=400, name="longer")
SUITE = Suite("toy", 1, 0, ("nrmse@1", "valid_prediction_time"), (HENON, OTHER))

# Knows the map; `error` is added to every forecast, so that the best option is the smallest and the search can be judged.
FORECASTER = """
import numpy as np
from chaosbench.forecasters.base import Choice, Forecaster, Range

class Known(Forecaster):
    rollout = "direct"
    source = "a test"
    space = {"error": Range(1e-4, 1.0, log=True), "mode": Choice(("good", "bad", None))}

    def __init__(self, *, error: float = 0.5, mode: str | None = "bad") -> None:
        self.error, self.mode = error, mode

    def fit(self, training, *, seed, device="cpu", budget=None):
        y, x = training.states[0][:, 0], training.states[0]
        terms = np.stack([np.ones(len(x) - 1), x[:-1, 0], x[:-1, 0] ** 2, x[:-1, 1]], 1)
        self.weights = np.linalg.lstsq(terms, x[1:], rcond=None)[0]
        if self.mode is None:
            raise ValueError("no mode")

    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        state, answer = context[:, -1], []
        for _ in range(horizon):
            terms = np.stack([np.ones(len(state)), state[:, 0], state[:, 0] ** 2, state[:, 1]], 1)
            state = terms @ self.weights if self.mode == "good" else state
            answer.append(state + self.error)
        return np.stack(answer, 1)[:, None]
"""


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    cells.prepared_task.cache_clear()
    cells.planned_task.cache_clear()


@pytest.fixture
def known(tmp_path: Path) -> Path:
    path = tmp_path / "known.py"
    path.write_text(FORECASTER)
    return path


def without_time(tuning: Tuning) -> list[dict[str, Any]]:
    return [{key: value for key, value in vars(trial).items() if key != "seconds"} for trial in tuning.trials]


def test_the_first_trial_is_the_defaults_and_the_best_is_found(known: Path, tmp_path: Path) -> None:
    found = tune(known, SUITE, tmp_path / "t.jsonl", trials=25)
    assert found.trials[0].options == {"error": 0.5, "mode": "bad"}
    assert len(found.trials) == 25
    assert found.best is not None
    assert found.best.options["mode"] == "good"
    assert found.best.score > 0.99
    assert {trial.status for trial in found.trials} == {"ok", "failed"}
    assert all(trial.score == 0 and "ValueError: no mode" in trial.reason for trial in found.trials if trial.options["mode"] is None)


def test_a_trial_that_falls_behind_is_given_up_after_four_tasks(known: Path, tmp_path: Path) -> None:
    tasks = tuple(TaskSpec("henon", 200, 5, 4.0, 12, name=f"t{n}", climate_runs=0) for n in range(6))
    suite = Suite("toy", 1, 0, SUITE.metrics, tasks)
    known.write_text(FORECASTER.replace('("good", "bad", None)', '("bad",)'))
    path = tmp_path / "t.jsonl"
    tune(known, suite, path, trials=1)
    for number in range(1, 6):  # as if five good trials had been there
        add(path, Trial(number, {"error": 0.01, "mode": "bad"}, 0.9, {f"t{n}": 0.9 for n in range(6)}, "ok", "", 1.0))
    found = tune(known, suite, path, trials=8)
    assert [(trial.status, len(trial.tasks)) for trial in found.trials[6:]] == [("pruned", 4)] * 2
    assert without_time(tune(known, suite, path, trials=8)) == without_time(found)


def test_the_score_is_the_mean_over_tasks_of_the_part_of_the_horizon(known: Path, tmp_path: Path) -> None:
    (trial,) = tune(known, SUITE, tmp_path / "t.jsonl", trials=1).trials
    assert set(trial.tasks) == {"henon", "longer"}
    assert trial.score == pytest.approx((trial.tasks["henon"] + trial.tasks["longer"]) / 2)
    assert 0 <= trial.tasks["longer"] <= trial.tasks["henon"] < 1


def test_a_study_that_was_stopped_ends_as_one_that_was_not(known: Path, tmp_path: Path) -> None:
    whole = tune(known, SUITE, tmp_path / "whole.jsonl", trials=12)
    for trials in (1, 7):
        tune(known, SUITE, tmp_path / "parts.jsonl", trials=trials)
    assert without_time(tune(known, SUITE, tmp_path / "parts.jsonl", trials=12)) == without_time(whole)
    before = (tmp_path / "parts.jsonl").read_text()
    assert without_time(tune(known, SUITE, tmp_path / "parts.jsonl", trials=5)) == without_time(whole)  # nothing more is wanted
    assert (tmp_path / "parts.jsonl").read_text() == before


def test_an_interrupt_keeps_finished_trials(known: Path, tmp_path: Path) -> None:
    def stop(done: float, sentence: str) -> None:
        if sentence.startswith("trial 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(known, SUITE, tmp_path / "t.jsonl", trials=9, progress=stop)
    assert len(read_tuning(tmp_path / "t.jsonl").trials) == 2


def test_a_limit_of_time_stands_between_trials(known: Path, tmp_path: Path) -> None:
    assert len(tune(known, SUITE, tmp_path / "t.jsonl", trials=9, seconds=1e-9).trials) == 0
    with pytest.raises(TaskError, match="positive time"):
        tune(known, SUITE, tmp_path / "t.jsonl", trials=9, seconds=0)


def test_a_damaged_last_line_is_dropped_and_any_other_refused(known: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    whole = tune(known, SUITE, path, trials=3)
    text = path.read_text()
    path.write_text(text[:-30])
    assert without_time(read_tuning(path)) == without_time(whole)[:2]
    assert without_time(tune(known, SUITE, path, trials=3)) == without_time(whole)
    lines = text.splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-9], lines[2]]))
    with pytest.raises(RecordError, match="line 2 is not JSON"):
        read_tuning(path)
    path.write_text("\n".join([lines[0], lines[2]]))
    with pytest.raises(RecordError, match="line 2 is not trial 0"):
        read_tuning(path)


def test_trials_of_another_source_suite_or_space_are_not_continued(known: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    tune(known, SUITE, path, trials=1)
    with pytest.raises(RecordError, match="of another tasks"):
        tune(known, SUITE, path, trials=2, tasks=["longer"])
    with pytest.raises(RecordError, match="of another suite_sha256"):
        tune(known, Suite("toy", 2, 0, SUITE.metrics, SUITE.tasks), path, trials=2)
    known.write_text(FORECASTER + "# edited\n")
    with pytest.raises(RecordError, match="of another source_sha256"):
        tune(known, SUITE, path, trials=2)


def test_why_defaults_are_kept_outlives_a_continued_study(tmp_path: Path) -> None:
    study = {**dict.fromkeys(("forecaster", "version", "source_sha256", "suite", "suite_sha256", "metric", "device"), "x"), "schema": 1}
    study |= {"tasks": ["a"], "seed": 0, "space": {}, "versions": {}}
    path = tmp_path / "deep" / "t.jsonl"
    assert opened(path, study).trials == ()
    add(path, Trial(0, {"a": 1}, 0.5, {"a": 0.5}, "ok", "", 1.0))
    add(path, Trial(1, {"a": 2}, 0.5, {"a": 0.5}, "ok", "", 1.0))
    with path.open("a") as file:
        file.write(json.dumps({"defaults_kept": "cheaper"}) + "\n")
    assert opened(path, study).defaults_kept == "cheaper"
    assert read_tuning(path).defaults_kept == "cheaper"
    best = read_tuning(path).best
    assert best is not None
    assert best.number == 0


@pytest.mark.parametrize(
    ("change", "said"), [("space = {}", "declares no option to tune"), ('space = {"wrong": Choice((1, 2))}', "space names 'wrong'")]
)
def test_a_forecaster_without_a_sensible_space_is_a_clear_error(known: Path, tmp_path: Path, change: str, said: str) -> None:
    known.write_text(FORECASTER.replace('space = {"error": Range(1e-4, 1.0, log=True), "mode": Choice(("good", "bad", None))}', change))
    with pytest.raises(ForecasterError, match=said):
        tune(known, SUITE, tmp_path / "t.jsonl", trials=1)


def test_a_space_holds_what_it_can_choose() -> None:
    assert holds(Range(1, 4, whole=True), 3)
    assert not holds(Range(1, 4, whole=True), 2.5)
    assert not holds(Range(1e-3, 1.0), None)
    assert not holds(Range(0, 1), True)
    assert holds(Choice(((1, 2), None)), [1, 2])
    assert not holds(Choice((1, 2)), 3)

    class Made:
        space: ClassVar = {"a": Range(0.0, 1.0), "b": Range(2.0, 3.0)}

        def __init__(self, *, a: float = 0.5, b: float = 9.0) -> None: ...

    assert defaults(Made, Made.space) == {"a": 0.5}
