"""The cheater on the leaderboard: it recognises any system it knows up to a linear map and a unit of time, and nothing that has other parameters."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from chaosbench.dynamics.reader import system, system_from
from chaosbench.evaluation import evaluate
from chaosbench.facts import load_facts
from chaosbench.forecasters.base import Problem, Training
from chaosbench.submissions import read_submission
from chaosbench.suites import Suite, TaskSpec, read_suite
from chaosbench.trajectories import simulate

FOLDER = Path(__file__).parents[1] / "leaderboard" / "submissions" / "cheater"
MODULES = ("forecaster", "candidates", "alignment", "refinement", "equivalence")
TASKS = ("lorenz63", "halvorsen", "rossler", "henon")
# every parameter of these is undone by a linear map and a unit of time, or changes no equation: on a blind track they are the systems they were
UNDONE = {"henon_heiles", "double_pendulum", "point_vortices"}


@pytest.fixture(scope="module")
def cheater() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)


def test_the_submission_is_one() -> None:
    submission = read_submission(FOLDER)
    assert (submission.name, submission.deterministic) == ("cheater", True)
    assert submission.trained_on  # it says what it knows


def test_moments_turn_as_tensors_and_the_rotation_is_found(cheater: dict[str, ModuleType]) -> None:
    alignment = cheater["alignment"]
    runs = [np.cumsum(np.random.default_rng(0).exponential(size=(400, 3)) - 1, axis=0) * 0.1]
    plain = alignment.moments(runs, False)
    white = (runs[0] - plain.mean) @ plain.whitening.T
    assert white.T @ white / 399 == pytest.approx(np.eye(3), abs=1e-10)  # whitened: unit covariance
    mapped = alignment.moments([runs[0] @ np.array([[2.0, 1, 0], [0, 1, -1], [1, 0, 3]]).T + 5], False)
    assert alignment.likeness(alignment.invariants(plain), alignment.invariants(mapped)) < 1e-8
    misfit, turn = alignment.rotations(mapped, plain, 1)[0]
    assert misfit < 1e-6
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-10)
    for tensor, target in zip(mapped.tensors[:2], plain.tensors[:2], strict=True):
        assert turn @ tensor @ turn.T == pytest.approx(target, abs=1e-3)


@pytest.mark.parametrize("name", ["lorenz63", "rossler", "henon"])
def test_it_recognises_what_it_knows_through_any_linear_map(cheater: dict[str, ModuleType], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # of a few candidates, so that no more than those are simulated; the slow test below has the whole registry
    forecaster, known = cheater["forecaster"], cheater["candidates"]
    few = ["henon", "tinkerbell"] if name == "henon" else ["lorenz63", "rossler", "halvorsen"]
    monkeypatch.setattr(forecaster, "candidates", lambda seen, discrete: [known.Candidate(system(one), one) for one in few])
    monkeypatch.setattr(forecaster, "_KNOWN", {})
    fitted, seen, dt = _fitted(forecaster.Cheater(), name)
    assert fitted.recognised
    assert fitted.match.candidate.label == name
    assert fitted.match.error < 1e-8  # doubles through a matrix of condition 10 or so
    facts = load_facts(system(name))
    assert facts is not None
    assert facts.lyapunov_time is not None
    assert fitted.match.step == pytest.approx(dt, rel=1e-8)  # the unit of time, which nobody told it
    ahead = int(np.ceil(10 * facts.lyapunov_time / dt))
    contexts = np.stack([seen[start : start + 2] for start in range(0, 2000, 200)])
    truth = np.stack([seen[start + 2 : start + 2 + ahead] for start in range(0, 2000, 200)])
    answer = fitted.forecast(contexts, ahead)
    assert answer.shape == (10, 1, ahead, seen.shape[1])
    error = np.sqrt(((answer[:, 0] - truth) ** 2).mean(axis=2))
    assert error.max() < 0.4  # standard deviations; the usual threshold, not reached in ten Lyapunov times in any window


def test_it_does_not_recognise_other_parameters_and_then_repeats_the_last_state(
    cheater: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    forecaster, known = cheater["forecaster"], cheater["candidates"]
    monkeypatch.setattr(forecaster, "candidates", lambda seen, discrete: [known.Candidate(system("henon"), "henon")])
    monkeypatch.setattr(forecaster, "_KNOWN", {})
    fitted, seen, _ = _fitted(forecaster.Cheater(), "henon", {"a": 1.37, "b": 0.294})
    assert not fitted.recognised
    assert np.array_equal(fitted.forecast(seen[None, :5], 3)[0, 0], np.repeat(seen[None, 4], 3, axis=0))
    equations, _, _ = _fitted(forecaster.Cheater(parameters=True), "henon", {"a": 1.37, "b": 0.294})
    assert equations.recognised  # who fits the parameters too needs only to know the equations; blind tasks do not hide those
    assert equations.match.parameters == pytest.approx([1.37, 0.294], rel=1e-8)


def test_it_refuses_what_it_is_not_made_for(cheater: dict[str, ModuleType]) -> None:
    made = cheater["forecaster"].Cheater()
    assert made.unsupported(Problem(40, 1.0, 10, 10, 1000)) == "40 components; systems of 2 to 4 are known"
    assert made.unsupported(Problem(3, 1.0, 10, 10, 1000)) is None


def test_parameters_that_a_linear_map_undoes_are_found(cheater: dict[str, ModuleType]) -> None:
    # x' = a x - b x^3 - y, y' = x - d y: with x = u X, y = u Y the cubic term is b u^2 X^3 and nothing else changes, so b is hidden
    definition = system_from({"x": "a*x - b*x**3 - y", "y": "x - d*y"}, parameters={"a": 1.0, "b": 0.7, "d": 0.3})
    states = np.random.default_rng(1).standard_normal((200, 2))
    seen = cheater["equivalence"].visible_parameters(cheater["candidates"].Candidate(definition, "toy"), states)
    assert seen.names == ("a", "b", "d")
    assert seen.hidden == ("b",)
    assert seen.share[1] < 1e-8


@pytest.mark.slow
def test_every_blind_system_has_a_parameter_that_shows_and_three_that_are_left_out_have_none(cheater: dict[str, ModuleType]) -> None:
    blind = {task.system for task in read_suite("v1").tasks if task.blind}
    undone = set()
    for name in blind | UNDONE:
        definition = system(name)
        if definition.kind not in ("flows", "maps"):
            continue
        states = simulate(definition, n_trajectories=4, n_samples=500, seed=3)["state"].values.reshape(-1, definition.dimension)
        if cheater["equivalence"].visible_parameters(cheater["candidates"].Candidate(definition, name), states).rank == 0:
            undone.add(name)
    assert undone == UNDONE
    assert not undone & blind


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_it_wins_the_clean_track_and_gains_nothing_on_the_blind_one(cheater: dict[str, ModuleType], name: str) -> None:
    scores = {}
    for entrant in (cheater["forecaster"].Cheater, "ngrc", "echo_state", "persistence"):
        cells = evaluate(entrant, "v1", tasks=[f"{name}/clean", f"{name}/blind"]).cells
        scores[entrant] = {cell["track"]: cell["metrics"]["valid_prediction_time"] for cell in cells}
    mine = scores.pop(cheater["forecaster"].Cheater)
    assert mine["clean"]["value"] > 15.0 - 1e-9  # the whole horizon in the median window
    assert mine["clean"]["value"] >= max(score["clean"]["value"] for score in scores.values())
    assert mine["blind"] == scores["persistence"]["blind"]


@pytest.mark.slow
def test_a_blind_task_whose_parameters_are_undone_is_recognised(cheater: dict[str, ModuleType]) -> None:
    # the reason for the test above: the cubic term of Henon-Heiles is scaled away by the unit of length, the energy is in no equation
    shared = {"training_samples": 10_000, "context": 100, "horizon": 15.0, "windows": 100, "climate_runs": 0, "samples_per_period": 30.0}
    suite = Suite("undone", 1, 20261201, ("valid_prediction_time",), (TaskSpec("henon_heiles", **shared, blind=True),))
    cell = evaluate(cheater["forecaster"].Cheater, suite).cells[0]
    assert cell["metrics"]["valid_prediction_time"]["value"] > 10.0


def _fitted(forecaster: object, name: str, parameters: dict[str, float] | None = None) -> tuple[object, np.ndarray, float]:
    """Return the forecaster fitted to a mixed, shifted, scaled run whose unit of time is a sample, another such run, and the true interval."""
    definition = system(name, parameters or {})
    facts = load_facts(system(name))
    assert facts is not None
    dt = 1.0 if definition.discrete else facts.period / 30
    states = simulate(definition, n_trajectories=2, n_samples=6000, seed=7, dt=dt, rtol=1e-12, atol=1e-14)["state"].values
    draws = np.random.default_rng(11)
    seen = states @ draws.standard_normal((definition.dimension,) * 2) + draws.standard_normal(definition.dimension)
    seen = (seen - seen[0].mean(axis=0)) / seen[0].std(axis=0)
    forecaster.fit(Training([seen[0]], 1.0), seed=0)
    return forecaster, seen[1], dt
