"""Cells, statuses, failure scores, resume. The data are a few iterations of a map; forecasters are ten lines long."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from chaosbench import cells, plans
from chaosbench.catalogue import load
from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import CatalogueError, ForecasterError, NotInstalledError, TaskError
from chaosbench.evaluation import evaluate
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training
from chaosbench.records import Record
from chaosbench.suites import Suite, TaskSpec

METRICS = ("valid_prediction_time", "nrmse@1", "attractor_divergence", "spectral_hellinger", "blow_up", "largest_exponent_error")
FAILED = {
    "valid_prediction_time": 0.0,
    "nrmse@1": 10.0,
    "attractor_divergence": 30.0,
    "spectral_hellinger": 1.0,
    "blow_up": 1.0,
    "largest_exponent_error": 10.0,
}
W, R, H, C, T = 12, 3, 10, 5, 400
HENON = TaskSpec("henon", training_samples=400, context=C, horizon=4.0, windows=W, climate_runs=R, climate_samples=T)
SHORT = TaskSpec("henon", training_samples=200, context=C, horizon=4.0, windows=W, name="short", climate_runs=R, climate_samples=T)
SUITE = Suite("toy", 1, 0, METRICS, (HENON, SHORT))
ONE = Suite("toy", 1, 0, METRICS, (HENON,))


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the map its published exponents, and forget what earlier tests prepared or counted."""
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    cells.prepared_task.cache_clear()
    cells.planned_task.cache_clear()
    _Toy.fits = 0
    yield
    cells.prepared_task.cache_clear()
    cells.planned_task.cache_clear()


class _Toy(Forecaster):
    """Repeat the last state; subclasses break one thing each."""

    rollout: ClassVar = "direct"
    source: ClassVar[str] = "this file"
    fits: ClassVar[int] = 0

    def __init__(self, *, shift: float = 0.0) -> None:
        self.shift = shift

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        _Toy.fits += 1
        self.noise = 1e-3 * np.random.default_rng(seed).normal()

    def forecast(self, context: np.ndarray, horizon: int, *, times: Any = None, parameters: Any = None, n_samples: int = 1, seed: int = 0) -> Any:
        return np.repeat(context[:, None, -1:], horizon, axis=2) + self.shift + self.noise


class Persistent(_Toy):
    pass


class Raising(_Toy):
    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        raise ValueError("no good at <object at 0x7f00aa>")


class Leaving(_Toy):
    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        sys.exit("bye")


class Refusing(_Toy):
    def unsupported(self, problem: Problem) -> str | None:
        return f"dimension {problem.dimension} is not 3"


class Late(_Toy):
    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        raise TimeoutError("over 5 s")


class Missing(_Toy):
    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        raise NotInstalledError("needs a library; pip install it")


class Transposed(_Toy):
    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        return super().forecast(context, horizon).swapaxes(2, 3)


class Listing(_Toy):
    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        return super().forecast(context, horizon).tolist()


class Complex(_Toy):
    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        return super().forecast(context, horizon).astype(complex)


class NotANumber(_Toy):
    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        return np.full((len(context), 1, horizon, context.shape[2]), np.nan)


class HalfBroken(_Toy):
    """Perfect persistence, but the first window turns infinite at sample 3 and the second leaves the range at sample 7."""

    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        answer = super().forecast(context, horizon)
        answer[0, 0, 3] = np.inf
        answer[1, 0, 7:, 1] = 1e3
        return answer


class ShortSighted(_Toy):
    """Answers windows but not free runs."""

    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        if horizon > H:
            raise ValueError("horizon too long")
        return super().forecast(context, horizon)


class Vandal(_Toy):
    """Overwrites everything it is given."""

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        super().fit(training, seed=seed)
        for states in training.states:
            states[:] = 7.0

    def forecast(self, context: np.ndarray, horizon: int, **_: Any) -> Any:
        answer = super().forecast(context, horizon)
        context[:] = 7.0
        return answer


def _values(record: Record, cell: int = 0) -> dict[str, float]:
    return {label: entry["value"] for label, entry in record.cells[cell]["metrics"].items()}


@pytest.mark.parametrize(
    ("forecaster", "status", "reason"),
    [
        (Raising, "crash", "fit: ValueError: no good at <object at 0x...>"),
        (Leaving, "crash", "fit: SystemExit: bye"),
        (Refusing, "refused", "dimension 2 is not 3"),
        (Late, "timeout", "forecast of the windows: TimeoutError: over 5 s"),
        (Missing, "not_installed", "fit: NotInstalledError: needs a library; pip install it"),
        (
            Transposed,
            "invalid_output",
            "forecast of the windows: returned shape (12, 1, 2, 10); (windows, samples, horizon, components) = (12, 1, 10, 2)",
        ),
        (Listing, "invalid_output", "forecast of the windows: returned list; return a NumPy array"),
        (Complex, "invalid_output", "forecast of the windows: returned an array of dtype complex128; return real numbers"),
        (NotANumber, "nonfinite", "12 of 12 windows left the attractor's range, the first at sample 0 (12 non-finite); 3 of 3 free runs"),
    ],
)
def test_every_failure_has_a_status_a_reason_and_the_declared_scores(forecaster: type[Forecaster], status: str, reason: str) -> None:
    record = evaluate(forecaster, ONE)
    (cell,) = record.cells
    assert cell["status"] == status
    assert reason in cell["reason"]
    assert _values(record) == FAILED
    for label, entry in cell["metrics"].items():
        assert entry["interval"] == [FAILED[label], FAILED[label]]
        assert entry["n_failed"] == entry["n"] == {"attractor_divergence": R, "spectral_hellinger": R, "largest_exponent_error": 1}.get(label, W)


def test_the_tail_of_the_traceback_is_kept_outside_the_hash() -> None:
    record = evaluate(Raising, ONE)
    assert "raise ValueError" in record.volatile["cells"]["henon/0"]["traceback"]
    assert "Traceback" not in json.dumps(record.cells)


def test_windows_that_fail_keep_their_time_and_count_as_failed_and_the_others_are_untouched() -> None:
    record, whole = evaluate(HalfBroken, ONE), evaluate(Persistent, ONE)
    (cell,) = record.cells
    assert cell["status"] == "nonfinite"
    assert cell["reason"].startswith("2 of 12 windows left the attractor's range, the first at sample 3 (1 non-finite)")
    windows = record.windows[cell["windows_sha256"]]
    assert windows["failed_at"].tolist() == [3, 7] + [H] * (W - 2)
    assert cell["metrics"]["blow_up"]["value"] == 2 / 12
    assert cell["metrics"]["nrmse@1"]["n_failed"] == 2
    clean = whole.scores(whole.cells[0], "valid_prediction_time")
    reached = np.minimum(clean, np.array([3.0, 7.0] + [99.0] * (W - 2)) * 0.41922)
    assert record.scores(cell, "valid_prediction_time").tolist() == reached.tolist()
    assert record.scores(cell, "nrmse@1")[2:].tolist() == whole.scores(whole.cells[0], "nrmse@1")[2:].tolist()
    # climate: runs 0 and 1 failed in the dropped part or later, so they score the declared value
    assert record.scores(cell, "spectral_hellinger")[:2].tolist() == [1.0, 1.0]
    assert record.scores(cell, "spectral_hellinger")[2] == whole.scores(whole.cells[0], "spectral_hellinger")[2]


def test_a_crash_in_the_free_runs_leaves_the_windows_scored() -> None:
    record, whole = evaluate(ShortSighted, ONE), evaluate(Persistent, ONE)
    assert record.cells[0]["status"] == "crash"
    assert "free run: ValueError: horizon too long" in record.cells[0]["reason"]
    got, clean = _values(record), _values(whole)
    assert got["valid_prediction_time"] == clean["valid_prediction_time"]
    assert got["attractor_divergence"] == 30.0


def test_a_forecaster_without_a_map_fails_that_metric_alone_and_says_so() -> None:
    record = evaluate(Persistent, ONE)
    (cell,) = record.cells
    assert cell["status"] == "ok"
    assert cell["reason"] == "largest_exponent_error: the forecaster gives no map with a tangent"
    assert cell["metrics"]["largest_exponent_error"] == {
        "value": 10.0, "interval": [10.0, 10.0], "n": 1, "n_failed": 1, "n_censored": 0, "floor": None,
    }  # fmt: skip


def test_the_value_is_the_median_over_windows_with_an_interval_around_it_and_the_floor_beside_it() -> None:
    record = evaluate(Persistent, ONE)
    (cell,) = record.cells
    scores = record.scores(cell, "nrmse@1")
    entry = cell["metrics"]["nrmse@1"]
    assert entry["value"] == np.median(scores)
    assert scores.min() <= entry["interval"][0] <= entry["value"] <= entry["interval"][1] <= scores.max()
    assert (entry["n"], entry["n_failed"], entry["floor"]) == (W, 0, None)
    floor = cell["metrics"]["spectral_hellinger"]["floor"]
    assert floor[1] <= floor[0] <= floor[2] < cell["metrics"]["spectral_hellinger"]["value"]


def test_a_forecaster_cannot_spoil_the_data_of_the_next_one() -> None:
    before = evaluate(Persistent, ONE)
    spoiled = evaluate(Vandal, ONE)
    after = evaluate(Persistent, ONE)
    assert after.sha256 == before.sha256
    assert _values(spoiled) == _values(before)


def test_a_rerun_gives_the_same_hash_and_another_seed_or_option_another() -> None:
    first = evaluate(Persistent, ONE)
    cells.prepared_task.cache_clear()
    assert evaluate(Persistent, ONE).sha256 == first.sha256
    assert evaluate(Persistent, ONE, seeds=(1,)).sha256 != first.sha256
    assert evaluate(Persistent, ONE, options={"shift": 0.1}).sha256 != first.sha256


def test_an_executor_gives_the_same_record() -> None:
    alone = evaluate(Persistent, SUITE, seeds=(0, 1))
    with ThreadPoolExecutor(2) as executor:
        together = evaluate(Persistent, SUITE, seeds=(0, 1), executor=executor)
    assert together.sha256 == alone.sha256
    assert [(cell["task"], cell["seed"]) for cell in together.cells] == [("henon", 0), ("henon", 1), ("short", 0), ("short", 1)]


def test_progress_names_each_cell_as_it_ends() -> None:
    said: list[tuple[float, str]] = []
    evaluate(Persistent, SUITE, progress=lambda fraction, sentence: said.append((fraction, sentence)))
    assert said == [(0.5, "Persistent on henon, seed 0: ok"), (1.0, "Persistent on short, seed 0: ok")]


class _Resuming(_Toy):
    """Keeps half its training and stops the first time; goes on the second."""

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        assert budget is not None
        assert budget.folder is not None
        assert budget.progress is not None
        super().fit(training, seed=seed)
        budget.progress(0.5, "half way")
        if not (budget.folder / "half").exists():
            budget.folder.mkdir(parents=True)
            (budget.folder / "half").write_text("done")
            raise KeyboardInterrupt


def test_a_training_may_keep_its_state_until_its_cell_is_finished(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    with pytest.raises(KeyboardInterrupt):
        evaluate(_Resuming, SUITE, cache=tmp_path, progress=lambda done, sentence: told.append((done, sentence)))
    assert told == [(0.25, "_Resuming on henon, seed 0: half way")]  # half of the first of two cells
    assert len(list((tmp_path / "trainings").iterdir())) == 1
    (kept,) = (tmp_path / "trainings").glob("*/half")
    with pytest.raises(KeyboardInterrupt):
        evaluate(_Resuming, SUITE, cache=tmp_path, progress=lambda done, sentence: None)
    assert not kept.exists()


def test_finished_cells_are_not_run_again(tmp_path: Path) -> None:
    first = evaluate(Persistent, SUITE, cache=tmp_path)
    assert _Toy.fits == 2
    again = evaluate(Persistent, SUITE, cache=tmp_path)
    assert _Toy.fits == 2
    assert again.sha256 == first.sha256
    assert again.windows.keys() == first.windows.keys()
    assert again.volatile["cells"] == first.volatile["cells"]


class _Refusing(Persistent):
    """Takes the short task alone until told otherwise."""

    refused: ClassVar[int] = 400

    def unsupported(self, problem: Problem) -> str | None:
        return "too long" if problem.training_samples == self.refused else None


def test_again_runs_what_did_not_end_ok_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(_Refusing, SUITE, cache=tmp_path)
    assert [cell["status"] for cell in first.cells] == ["refused", "ok"]
    monkeypatch.setattr(_Refusing, "refused", -1)
    assert evaluate(_Refusing, SUITE, cache=tmp_path).sha256 == first.sha256  # a refusal is kept
    fits = _Toy.fits
    again = evaluate(_Refusing, SUITE, cache=tmp_path, again=True)
    assert [cell["status"] for cell in again.cells] == ["ok", "ok"]
    assert _Toy.fits == fits + 1
    assert evaluate(_Refusing, SUITE, cache=tmp_path, again=True).sha256 == again.sha256
    assert _Toy.fits == fits + 1


def test_an_interrupt_passes_through_and_the_next_run_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast = Persistent.forecast

    def interrupted(self: Persistent, context: np.ndarray, horizon: int, **options: Any) -> Any:
        if _Toy.fits == 2:
            raise KeyboardInterrupt
        return forecast(self, context, horizon, **options)

    monkeypatch.setattr(Persistent, "forecast", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Persistent, SUITE, cache=tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 1
    monkeypatch.setattr(Persistent, "forecast", forecast)
    said: list[str] = []
    record = evaluate(Persistent, SUITE, cache=tmp_path, progress=lambda _, sentence: said.append(sentence))
    assert said == ["Persistent on henon, seed 0: kept", "Persistent on short, seed 0: ok"]
    assert record.sha256 == evaluate(Persistent, SUITE).sha256


@pytest.mark.parametrize("damage", ["half", "changed", "not json", "no windows", "other windows"])
def test_a_half_written_or_damaged_cell_is_computed_again(tmp_path: Path, damage: str) -> None:
    first = evaluate(Persistent, ONE, cache=tmp_path)
    (cell,) = (tmp_path / "cells").iterdir()
    (windows,) = (tmp_path / "windows").iterdir()
    text = cell.read_text()
    if damage == "half":
        cell.write_text(text[: len(text) // 2])
    elif damage == "changed":
        cell.write_text(text.replace('"n":12', '"n":13', 1))
    elif damage == "not json":
        cell.write_text("[1, 2]")
    elif damage == "no windows":
        windows.unlink()
    else:
        windows.write_bytes(windows.read_bytes()[:-40])
    assert evaluate(Persistent, ONE, cache=tmp_path).sha256 == first.sha256
    assert _Toy.fits == 2


def test_whatever_decides_the_numbers_decides_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fits(suite: Suite = ONE, **options: Any) -> int:
        before = _Toy.fits
        evaluate(Persistent, suite, cache=tmp_path, **options)
        return _Toy.fits - before

    assert fits() == 1
    assert fits() == 0
    assert fits(seeds=(1,)) == 1
    assert fits(options={"shift": 0.5}) == 1
    assert fits(device="cuda") == 1
    assert fits(Suite("toy", 1, 5, METRICS, (HENON,))) == 1  # other data
    assert fits(Suite("toy", 1, 0, METRICS[:2], (HENON,))) == 1  # other metrics
    assert fits(Suite("toy", 1, 0, METRICS, (SHORT,))) == 1  # another task
    assert fits(Suite("renamed", 9, 0, METRICS, (HENON,))) == 0  # the same cells in another suite
    changed = TaskSpec("henon", 400, C, 4.0, W, parameters=(("a", 1.39),), climate_runs=R, climate_samples=T)
    assert fits(Suite("toy", 1, 0, METRICS, (changed,))) == 1  # another system identity
    monkeypatch.setattr(Persistent, "source_sha256", "edited", raising=False)
    assert fits() == 1
    monkeypatch.setattr(cells, "SCORING", "next")
    assert fits() == 1


def test_cells_of_a_callable_whose_options_cannot_be_seen_are_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        record = evaluate(lambda: Persistent(shift=0.5), ONE, cache=tmp_path)
    assert _Toy.fits == 2
    assert not (tmp_path / "cells").exists()
    assert record.identity["source_sha256"] == ""
    seen = evaluate(partial(Persistent, shift=0.5), ONE, cache=tmp_path)
    assert seen.identity["options"] == {"shift": 0.5}
    assert _values(seen) == _values(record)


def test_names_versions_and_sources_of_catalogue_forecasters_are_their_files() -> None:
    record = evaluate("persistence", ONE)
    assert record.identity["forecaster"] == "persistence"
    assert len(record.identity["source_sha256"]) == 64
    assert evaluate(load("forecasters", "persistence"), ONE).sha256 == record.sha256


def test_misuse_raises_at_the_border() -> None:
    with pytest.raises(CatalogueError, match=r"did you mean 'persistence'"):
        evaluate("persistense", ONE)
    with pytest.raises(ForecasterError, match="not a subclass of Forecaster"):
        evaluate(dict, ONE)  # type: ignore[arg-type]
    with pytest.raises(ForecasterError, match="it must return a Forecaster"):
        evaluate(lambda: 3, ONE)  # type: ignore[arg-type,return-value]
    for seeds in ((), (1, 1)):
        with pytest.raises(TaskError, match="give at least one seed, none twice"):
            evaluate(Persistent, ONE, seeds=seeds)


def test_evaluation_runs_on_a_machine_without_zarr() -> None:
    code = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("zarr", "numcodecs", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from types import SimpleNamespace
from chaosbench import plans
from chaosbench.evaluation import evaluate
from chaosbench.ranking import rank
from chaosbench.suites import Suite, TaskSpec

measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
plans.facts_of = lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured)
task = TaskSpec("henon", 100, 5, 4.0, 4, climate_runs=2, climate_samples=100)
record = evaluate("persistence", Suite("toy", 1, 0, ("valid_prediction_time", "spectral_hellinger"), (task,)))
assert not {"zarr", "numcodecs", "torch"} & set(sys.modules), "imported after all"
print(record.cells[0]["status"], len(rank([record], "valid_prediction_time")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ok", "1"], done.stderr


M = 8
ENSEMBLES = Suite(
    "toy", 1, 0, ("crps", "energy_score", "spread_skill", "nrmse@1", "valid_prediction_time", "spectral_hellinger"), (replace(HENON, samples=M),)
)


class Uncertain(_Toy):
    """Draws around the last state; one number a window, the same in every component. Remembers how many members it was asked for."""

    probabilistic: ClassVar[bool] = True
    asked: ClassVar[list[tuple[int, int]]] = []

    def forecast(self, context: np.ndarray, horizon: int, *, times: Any = None, parameters: Any = None, n_samples: int = 1, seed: int = 0) -> Any:
        Uncertain.asked.append((horizon, n_samples))
        draws = np.random.default_rng(seed).normal(size=n_samples)
        return super().forecast(context, horizon) + 0.3 * draws[:, None, None]


class UncertainAndBroken(Uncertain):
    """One member of the second window ends at sample 4."""

    def forecast(self, context: np.ndarray, horizon: int, *, times: Any = None, parameters: Any = None, n_samples: int = 1, seed: int = 0) -> Any:
        answer = super().forecast(context, horizon, n_samples=n_samples, seed=seed)
        if n_samples > 1:
            answer[1, 3, 4:] = np.nan
        return answer


class Stubborn(Uncertain):
    """Says it is probabilistic and gives one member."""

    def forecast(self, context: np.ndarray, horizon: int, *, times: Any = None, parameters: Any = None, n_samples: int = 1, seed: int = 0) -> Any:
        return super().forecast(context, horizon, n_samples=1, seed=seed)


def test_probabilistic_forecasters_are_asked_for_ensembles_in_windows_and_for_one_free_run() -> None:
    Uncertain.asked.clear()
    record = evaluate(Uncertain, ENSEMBLES)
    assert Uncertain.asked == [(H, M), (T, 1)]
    (cell,) = record.cells
    assert cell["status"] == "ok"
    prepared = cells.prepared_task(ENSEMBLES.tasks[0], ENSEMBLES, None)
    draws = 0.3 * np.random.default_rng(0).normal(size=M)
    members = prepared.contexts[:, None, -1:] + draws[:, None, None] + 1e-3 * np.random.default_rng(0).normal()  # (W, M, 1, D)
    lead = round(1 / 0.41922)  # two samples to one Lyapunov time
    truth = prepared.truth_windows()[:, :lead]
    pairs = np.abs(draws[:, None] - draws).sum() / 2 / (M * (M - 1))
    expected = (np.abs(members - truth[:, None]).mean(axis=1) - pairs).mean(axis=(1, 2))
    assert record.scores(cell, "crps") == pytest.approx(expected, rel=1e-12)
    error = np.sqrt(np.mean((members.mean(axis=1) - truth) ** 2, axis=2))[:, lead - 1]
    assert record.scores(cell, "nrmse@1") == pytest.approx(error, rel=1e-12)  # of the ensemble mean


def test_forecasters_fitted_to_each_context_alone_are_asked_for_ensembles_too() -> None:
    suite = replace(ENSEMBLES, metrics=("crps",), tasks=(replace(HENON, samples=M, climate_runs=0, zero_shot=True),))
    Uncertain.asked.clear()
    (cell,) = evaluate(Uncertain, suite).cells
    assert Uncertain.asked == [(H, M)] * W
    assert cell["status"] == "ok"


def test_other_forecasters_answer_once_and_their_ranked_probability_score_is_the_absolute_error() -> None:
    record = evaluate(Persistent, ENSEMBLES)
    (cell,) = record.cells
    prepared = cells.prepared_task(ENSEMBLES.tasks[0], ENSEMBLES, None)
    values = prepared.contexts[:, -1:] + 1e-3 * np.random.default_rng(0).normal()
    error = np.abs(values - prepared.truth_windows()[:, :2]).mean(axis=(1, 2))
    assert record.scores(cell, "crps") == pytest.approx(error, rel=1e-12)
    assert record.scores(cell, "spread_skill").tolist() == [10.0] * W
    assert cell["status"] == "ok"


def test_a_window_fails_where_any_of_its_members_does() -> None:
    record, whole = evaluate(UncertainAndBroken, ENSEMBLES), evaluate(Uncertain, ENSEMBLES)
    (cell,) = record.cells
    assert cell["status"] == "nonfinite"
    assert record.windows[cell["windows_sha256"]]["failed_at"].tolist() == [H, 4] + [H] * (W - 2)
    assert record.scores(cell, "crps").tolist() == whole.scores(whole.cells[0], "crps").tolist()  # up to sample 2 alone
    assert record.scores(cell, "valid_prediction_time")[1] <= 4 * 0.41922


def test_an_ensemble_of_another_size_is_an_invalid_answer() -> None:
    (cell,) = evaluate(Stubborn, ENSEMBLES).cells
    assert cell["status"] == "invalid_output"
    assert f"(windows, samples, horizon, components) = ({W}, {M}, {H}, 2) is needed" in cell["reason"]


def test_an_ensemble_of_the_climate_beats_its_mean_and_every_certainty_about_another_state() -> None:
    far = Suite("toy", 1, 0, ("crps@4",), (replace(HENON, samples=40, windows=200, climate_runs=0),))
    ensemble = evaluate("climatology", far)
    alone = evaluate("climatology", replace(far, tasks=(replace(far.tasks[0], samples=1),)))
    persistent = evaluate(Persistent, far)
    mean, *others = (float(np.mean(record.scores(record.cells[0], "crps@4"))) for record in (ensemble, alone, persistent))
    assert mean < 0.8 * min(others)


def test_the_size_of_ensembles_is_part_of_what_decides_a_cell(tmp_path: Path) -> None:
    plain = replace(ENSEMBLES, metrics=("crps",), tasks=(replace(HENON, climate_runs=0),))
    fewer = replace(plain, tasks=(replace(HENON, climate_runs=0, samples=2),))
    more = replace(plain, tasks=(replace(HENON, climate_runs=0, samples=3),))
    records = [evaluate(Uncertain, suite, cache=tmp_path) for suite in (plain, fewer, more, fewer)]
    assert len({record.sha256 for record in records}) == 3
    assert _Toy.fits == 3


class Linear(AutonomousMap):
    """Tangents grow by 1.5 and shrink by 0.2 a step; counts the steps of all maps of this file."""

    dt, dimension, steps = 1.0, 2, 0

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.asarray(context[-1])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        Linear.steps += 1
        return state, tangents * np.array([1.5, 0.2])

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


class Mapped(_Toy):
    def as_map(self) -> AutonomousMap:
        return Linear()


def test_the_exponents_of_a_cell_are_measured_once_for_all_metrics_that_want_them_all() -> None:
    suites = [replace(ONE, metrics=metrics) for metrics in (("kaplan_yorke_error",), ("kaplan_yorke_error", "lyapunov_spectrum_error"))]
    steps, values = [], []
    for suite in suites:
        Linear.steps = 0
        record = evaluate(Mapped, suite)
        steps.append(Linear.steps)
        values.append(_values(record))
    assert steps[0] == steps[1] > 0
    model, true = (np.log(1.5), np.log(0.2)), (0.41922, -1.62319)
    assert values[1]["lyapunov_spectrum_error"] == pytest.approx(np.mean(np.abs(np.subtract(model, true))) / 0.41922, rel=1e-4)
    dimensions = [1 + first / -second for first, second in (model, true)]
    assert values[0]["kaplan_yorke_error"] == values[1]["kaplan_yorke_error"] == pytest.approx(abs(dimensions[0] - dimensions[1]), rel=1e-4)
