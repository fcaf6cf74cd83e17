"""Tasks whose training data are of other parameters, and tasks without training data: what forecasters are given, and that nothing else is."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from chaosbench import cells, plans
from chaosbench.errors import TaskError
from chaosbench.evaluation import evaluate
from chaosbench.forecasters.base import Forecaster, Training
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare

HENON = TaskSpec("henon", training_samples=300, context=40, horizon=3.0, windows=6, climate_runs=0)
SHIFTED = replace(HENON, parameters=(("a", 1.38),), training_parameters=((("a", 1.35),), (("a", 1.4),), (("a", 1.4), ("b", 0.29))))


class Seen(Forecaster):
    """Persistence that remembers what it was given."""

    rollout = "direct"
    source = "a test"
    given: ClassVar[list[tuple[Training, np.ndarray, Any]]] = []

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Any = None) -> None:
        self.training = training

    def forecast(
        self, context: np.ndarray, horizon: int, *, times: Any = None, parameters: Any = None, n_samples: int = 1, seed: int = 0
    ) -> np.ndarray:
        self.given.append((self.training, context, parameters))
        return np.repeat(context[:, None, -1:, :], horizon, axis=2)


class Told(Seen):
    """The same, with an input for parameters."""

    parameter_input = True


class Fails(Seen):
    """Fails on the third context."""

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Any = None) -> None:
        if len(self.given) == 2:
            raise ValueError("the third")
        super().fit(training, seed=seed)


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    cells.prepared_task.cache_clear()
    cells.planned_task.cache_clear()
    Seen.given.clear()


def suite(*specs: TaskSpec) -> Suite:
    return Suite("toy", 1, 0, ("valid_prediction_time",), specs)


def test_training_data_are_of_the_training_parameters_and_the_truth_of_the_others() -> None:
    prepared = prepare(SHIFTED, suite(SHIFTED))
    assert [series.shape for series in prepared.training.states] == [(100, 2)] * 3
    assert prepared.training.parameters == pytest.approx(np.array([[1.35, 0.3], [1.4, 0.3], [1.4, 0.29]]))
    assert prepared.parameters == pytest.approx(np.array([[1.38, 0.3]] * 6))
    states = [series * prepared.units.deviation + prepared.units.mean for series in prepared.training.states]
    for series, (a, b) in zip(states, ((1.35, 0.3), (1.4, 0.3), (1.4, 0.29)), strict=True):
        assert series[1:, 0] == pytest.approx(1 - a * series[:-1, 0] ** 2 + series[:-1, 1], abs=1e-12)
        assert series[1:, 1] == pytest.approx(b * series[:-1, 0], abs=1e-12)
    truth = prepared.truth_windows() * prepared.units.deviation + prepared.units.mean
    assert truth[:, 1, 0] == pytest.approx(1 - 1.38 * truth[:, 0, 0] ** 2 + truth[:, 0, 1], abs=1e-9)
    validation = prepared.training.validation
    assert validation is not None
    assert [len(series) for series in validation.states] == [25] * 3  # 75 over three


def test_parameters_go_to_forecasters_that_read_them_and_to_no_other() -> None:
    assert evaluate(Seen, suite(SHIFTED)).cells[0]["status"] == "ok"
    training, _, parameters = Seen.given[0]
    assert training.parameters is None
    assert training.validation is not None
    assert training.validation.parameters is None
    assert parameters is None
    Seen.given.clear()
    assert evaluate(Told, suite(SHIFTED)).cells[0]["status"] == "ok"
    training, _, parameters = Seen.given[0]
    assert training.parameters is not None
    assert parameters == pytest.approx(np.array([[1.38, 0.3]] * 6))
    Seen.given.clear()
    evaluate(Told, suite(HENON))
    assert Seen.given[0][0].parameters is None
    assert Seen.given[0][2] is None


def test_without_training_data_every_window_has_a_forecaster_of_its_own_context() -> None:
    spec = replace(HENON, zero_shot=True)
    record = evaluate(Seen, suite(spec))
    assert record.cells[0]["status"] == "ok"
    assert len(Seen.given) == 6
    prepared = prepare(spec, suite(spec))
    for number, (training, context, _) in enumerate(Seen.given):
        assert np.array_equal(training.states[0], prepared.contexts[number])
        assert np.array_equal(context[0], prepared.contexts[number])
        assert len(training.states) == len(context) == 1
        assert training.validation is None
    # persistence does not learn, so it scores what it scores with training data
    assert record.cells[0]["metrics"] == evaluate(Seen, suite(HENON)).cells[0]["metrics"]


def test_a_failure_on_one_context_ends_the_cell_with_its_reason() -> None:
    (cell,) = evaluate(Fails, suite(replace(HENON, zero_shot=True))).cells
    assert cell["status"] == "crash"
    assert cell["reason"] == "fit to context 2: ValueError: the third"
    assert cell["metrics"]["valid_prediction_time"]["n_failed"] == 6


def test_a_forecaster_that_learns_does_so_from_its_context() -> None:
    spec = replace(HENON, zero_shot=True, context=200)
    (cell,) = evaluate("ngrc", suite(spec)).cells
    assert cell["status"] == "ok"
    assert cell["metrics"]["valid_prediction_time"]["value"] == pytest.approx(8 * 0.41922, rel=1e-3)  # to the end: 3 / 0.41922 = 7.2 iterations


def test_the_test_may_lie_in_another_basin_than_the_training() -> None:
    """The system has two mirror images of one attractor: z > 0 and z < 0 (its symmetry turns y and z over)."""
    shared = {"training_samples": 600, "context": 5, "horizon": 2.0, "windows": 6, "climate_runs": 0, "samples_per_period": 30.0}
    spec = TaskSpec("lu_chen_cheng", **shared, start=(-5.5, -2.5, -10.0))  # type: ignore[arg-type]
    prepared = prepare(spec, suite(spec))
    back = [states * prepared.units.deviation + prepared.units.mean for states in (prepared.training.states[0], prepared.contexts)]
    assert back[0][:, 2].min() > 0
    assert back[1][:, :, 2].max() < 0
    with pytest.raises(TaskError, match=r"start = \[1\.0\]: the system's initial states have 3 components"):
        prepare(replace(spec, start=(1.0,)), suite(spec))
