"""The shared training loop: which samples it reads, what it selects by, when it stops, and that the same seed gives the same bits."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters import _training
from chaosbench.forecasters._lasting import lasting_steps
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import TorchLoop
from chaosbench.forecasters._training import Recipe, Trainable, TrainingReport, train
from chaosbench.forecasters._valid_time import Windows, cut_windows, valid_steps
from chaosbench.forecasters.base import Budget, Problem, Training

CPU = torch.device("cpu")


class Growth(TorchLoop):
    """x_{t+1} = factor x_t."""

    def __init__(self, factor: Tensor) -> None:
        self.factor, self.dimension, self.observed, self.device = factor.detach().double(), 1, 1, factor.device

    def start(self, context: Tensor) -> Tensor:
        return context[:, -1]

    def step(self, state: Tensor) -> Tensor:
        return state * self.factor

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        return state * self.factor, tangents * self.factor

    def observe(self, state: Tensor) -> Tensor:
        return state


class Scalar(Trainable):
    """Learns the factor of x_{t+1} = factor x_t; remembers what the loop gave it."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([start]))
        self.states: list[Tensor | None] = []
        self.unrolled: list[tuple[int, int]] = []

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [([self.factor], 1.0, True)]

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        self.states.append(state)
        return (inputs * self.factor - targets).square().mean(), inputs[:, -1] * self.factor

    def closed_loop(self) -> Growth:
        return Growth(self.factor)

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.unrolled.append((inputs.shape[1], targets.shape[1]))
        powers = self.factor ** torch.arange(1, targets.shape[1] + 1)
        return (inputs[:, -1:] * powers[:, None] - targets).square().mean()


class Scaler(TorchForecaster):
    """The smallest forecaster on the loop."""

    rollout = "recurrent"
    source = "a test"

    def _recipe(self) -> Recipe:
        return Recipe(updates=40, batch=4, segment=8, carried=2, learning_rate=0.1, noise=0.01)

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> Scalar:
        return Scalar(float(torch.rand(1, generator=draws)))


def decays(factor: float = 0.9, length: int = 120, n: int = 2) -> list[np.ndarray]:
    return [(n + 1.0) * factor ** np.arange(length)[:, None] for n in range(n)]


def recipe(**changes: Any) -> Recipe:
    return Recipe(**({"updates": 60, "batch": 4, "segment": 8, "carried": 2, "learning_rate": 0.1} | changes))


def finished(model: Scalar, settings: Recipe, *, seed: int = 0, budget: Budget | None = None, windows: Windows | None = None) -> TrainingReport:
    return train(model, decays(), windows, settings, seed=seed, budget=budget)


def test_valid_steps_counts_leads_up_to_the_first_error_above_the_threshold() -> None:
    # truth 1, model 1.1^lead: errors 0.1, 0.21, 0.331, 0.4641 -> 3 valid leads; from 0 the model is right for all 50
    context, truth = torch.ones(2, 3, 1, dtype=torch.float64), torch.ones(2, 50, 1, dtype=torch.float64)
    context[1], truth[1] = 0.0, 0.0
    assert valid_steps(Growth(torch.tensor([1.1])), Windows(context, truth)) == (3 + 50) / 2
    assert valid_steps(Growth(torch.tensor([math.nan])), Windows(context, truth)) == 0.0


def test_an_error_that_returns_below_the_threshold_does_not_count_again() -> None:
    truth = torch.ones(1, 90, 1, dtype=torch.float64)
    truth[0, 40] = 3.0
    assert valid_steps(Growth(torch.tensor([1.0])), Windows(torch.ones(1, 1, 1, dtype=torch.float64), truth)) == 40.0


def test_windows_are_cut_whole_and_evenly_from_every_series() -> None:
    series = [np.arange(0.0, 300.0)[:, None], np.arange(1000.0, 1200.0)[:, None]]
    windows = cut_windows(series, CPU)
    assert windows is not None
    # shortest 200: context min(64, 50) = 50, horizon (200 - 50 + 1) // 2 = 75; 16 windows each
    assert windows.context.shape == (32, 50, 1)
    assert windows.truth.shape == (32, 75, 1)
    assert torch.all(torch.cat((windows.context, windows.truth), 1).diff(dim=1) == 1.0)
    assert windows.truth[15, -1, 0] == 299.0
    assert windows.truth[31, -1, 0] == 1199.0
    assert cut_windows([], CPU) is None


def test_the_loop_learns_and_hands_the_state_on_within_a_row_only() -> None:
    model = Scalar()
    report = finished(model, recipe(updates=200))
    assert float(model.factor.detach()) == pytest.approx(0.9, abs=1e-3)
    assert report.stopped == "planned"
    assert report.updates == report.planned == report.best_update == 200
    assert math.isnan(report.valid_steps)
    assert [state is None for state in model.states[:4]] == [True, False, True, False]
    assert not any(state.requires_grad for state in model.states if state is not None)
    assert [update for update, _, _ in report.history] == [25, 50, 75, 100, 125, 150, 175, 200]


def test_an_odd_number_of_updates_ends_in_the_middle_of_a_row() -> None:
    assert finished(Scalar(), recipe(updates=7)).updates == 7


def test_the_learning_rate_warms_up_and_follows_the_cosine_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    original = torch.optim.AdamW.step

    def recorded(self: torch.optim.AdamW, closure: None = None) -> None:
        rates.append(self.param_groups[0]["lr"])
        original(self, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", recorded)
    finished(Scalar(), recipe(updates=100, warm_up=10))
    expected = [0.1 * min(1.0, (n + 1) / 10) * 0.5 * (1.0 + math.cos(math.pi * n / 100)) for n in range(100)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def scripted(monkeypatch: pytest.MonkeyPatch, objectives: list[float]) -> Windows:
    """Replace the objective by a list of values, one an evaluation."""
    values = iter(objectives)
    monkeypatch.setattr(_training, "valid_steps", lambda loop, windows: next(values))
    return Windows(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))


def test_the_best_settled_weights_are_kept_and_a_tie_goes_to_the_later(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = scripted(monkeypatch, [9.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 4.0])  # evaluations at 10, 20, ..., 80; settled from 60 on
    report = finished(Scalar(), recipe(updates=80), windows=windows)
    assert (report.best_update, report.valid_steps) == (70, 5.0)


def test_among_settled_weights_those_win_whose_free_runs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = scripted(monkeypatch, [9.0, 1.0, 1.0, 1.0, 1.0, 5.0, 7.0, 6.0])  # at updates 60, 70, 80: 5, 7, 6
    lasting = iter([0.0, 3.0, 5.0])  # asked in the order 7, 6, 5, each because more than the best found so far
    monkeypatch.setattr(_training, "lasting_steps", lambda loop, windows: next(lasting))
    report = finished(Scalar(), recipe(updates=80), windows=windows)
    assert (report.best_update, report.valid_steps) == (60, 5.0)
    assert next(lasting, None) is None


def test_free_runs_are_not_asked_once_nothing_better_can_come(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = scripted(monkeypatch, [9.0, 1.0, 1.0, 1.0, 1.0, 5.0, 7.0, 6.0])
    lasting = iter([6.5])  # no more than 6 of the second can count
    monkeypatch.setattr(_training, "lasting_steps", lambda loop, windows: next(lasting))
    assert finished(Scalar(), recipe(updates=80), windows=windows).best_update == 70


def test_where_no_free_run_goes_on_the_objective_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = scripted(monkeypatch, [9.0, 1.0, 1.0, 1.0, 1.0, 5.0, 7.0, 6.0])
    monkeypatch.setattr(_training, "lasting_steps", lambda loop, windows: 0.0)
    assert finished(Scalar(), recipe(updates=80), windows=windows).best_update == 70


def test_a_window_counts_only_if_its_free_run_keeps_its_spread() -> None:
    # truth and model alternate between 1 and -1: 20 valid leads, and the same spread of 1 for ever
    sign = torch.tensor([(-1.0) ** lead for lead in range(1, 21)], dtype=torch.float64)[:, None]
    windows = Windows(torch.tensor([[[1.0]], [[-1.0]]], dtype=torch.float64), torch.stack((sign, -sign)))
    assert lasting_steps(Growth(torch.tensor([-1.0])), windows) == 20.0
    # 1 - 0.98^20 = 0.33 < 0.4: all leads are valid, but 80 leads later the size has fallen to 0.98^80 = 0.2, below half of the true spread
    assert valid_steps(Growth(torch.tensor([-0.98])), windows) == 20.0
    assert lasting_steps(Growth(torch.tensor([-0.98])), windows) == 0.0


def test_the_kept_weights_are_those_of_the_best_update(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def objective(loop: Growth, windows: Windows) -> float:
        seen.append(float(loop.factor))
        return -abs(len(seen) - 7)  # the seventh of eight is best

    monkeypatch.setattr(_training, "valid_steps", objective)
    model = Scalar()
    finished(model, recipe(updates=80), windows=Windows(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)))
    assert float(model.factor.detach()) == seen[6] != seen[7]


def test_patience_stops_after_that_many_evaluations_without_improvement(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = scripted(monkeypatch, [3.0, 2.0, 1.0, 0.0])
    report = finished(Scalar(), recipe(updates=80, patience=2), windows=windows)
    assert (report.stopped, report.updates, report.best_update) == ("patience", 30, 10)


def test_a_spent_budget_stops_the_loop_and_is_reported() -> None:
    report = finished(Scalar(), recipe(updates=100_000), budget=Budget(seconds=0.0))
    assert (report.stopped, report.updates, report.planned) == ("budget", 1, 100_000)


def test_a_diverged_training_keeps_the_last_finite_weights() -> None:
    class Breaks(Scalar):
        def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
            loss, after = super().segment_loss(inputs, targets, state)
            return loss * (math.nan if len(self.states) > 15 else 1.0), after

    model = Breaks()
    report = finished(model, recipe(updates=80))
    assert (report.stopped, report.updates, report.best_update) == ("diverged", 20, 10)
    assert torch.isfinite(model.factor).all()


def test_a_training_that_diverges_at_once_is_an_error() -> None:
    with pytest.raises(ForecasterError, match=r"diverged before its first evaluation at update 10; lower learning_rate = 0\.1"):
        finished(Scalar(math.nan), recipe(updates=80))


class StopError(Exception):
    """Stands for Ctrl-C or a lost machine."""


def interrupting(after: int) -> Budget:
    """Return a budget whose progress interrupts the training at its evaluation number `after`."""
    told: list[str] = []

    def progress(done: float, sentence: str) -> None:
        told.append(sentence)
        if len(told) == after:
            raise StopError

    return Budget(progress=progress)


@pytest.mark.parametrize("after", [2, 5, 7])  # in the middle of a row (update 15 of rows of 2), at the end of one, with settled weights kept
def test_an_interrupted_training_goes_on_to_the_weights_of_an_undisturbed_one(tmp_path: Path, after: int) -> None:
    settings = recipe(updates=60, noise=0.1, unrolled=3)
    windows = cut_windows(decays(), CPU)
    whole, model = Scalar(0.5), Scalar(0.5)
    expected = finished(whole, settings, windows=windows)
    with pytest.raises(StopError):
        finished(model, settings, windows=windows, budget=replace(interrupting(after), folder=tmp_path))
    again = Scalar(0.5)
    told: list[float] = []
    report = finished(again, settings, windows=windows, budget=Budget(progress=lambda done, _: told.append(done), folder=tmp_path))
    assert torch.equal(again.factor, whole.factor)
    assert report == expected
    assert len(told) == 8 - (after - 1)  # the evaluation that was interrupted had not been kept
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]


def test_another_seed_recipe_or_start_finds_nothing_kept(tmp_path: Path) -> None:
    finished(Scalar(0.5), recipe(noise=0.1), budget=Budget(folder=tmp_path))
    for start, settings, seed in ((0.5, recipe(noise=0.1), 1), (0.5, recipe(noise=0.2), 0), (0.4, recipe(noise=0.1), 0)):
        kept, fresh = Scalar(start), Scalar(start)
        finished(kept, settings, seed=seed, budget=Budget(folder=tmp_path))
        finished(fresh, settings, seed=seed)
        assert torch.equal(kept.factor, fresh.factor)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_checkpoint_is_said_and_the_training_starts_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    finished(Scalar(), recipe(), budget=Budget(folder=tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    model, fresh = Scalar(), Scalar()
    finished(model, recipe(), budget=Budget(folder=tmp_path))
    finished(fresh, recipe())
    assert "not a whole checkpoint" in caplog.text
    assert torch.equal(model.factor, fresh.factor)


def test_the_last_updates_train_on_predictions_fed_back() -> None:
    model = Scalar()
    finished(model, recipe(updates=200, unrolled=4, unrolled_share=0.25))
    assert len(model.states) == 150
    assert model.unrolled == [(8, 4)] * 50
    assert float(model.factor.detach()) == pytest.approx(0.9, abs=1e-3)


def test_progress_is_told_with_the_fraction_done() -> None:
    told: list[tuple[float, str]] = []
    finished(Scalar(), recipe(updates=16), budget=Budget(progress=lambda done, sentence: told.append((done, sentence))))
    assert [done for done, _ in told] == [n / 8 for n in range(1, 9)]
    assert "update 16 of 16" in told[-1][1]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    factors = []
    for seed in (1, 1, 2):
        model = Scalar()
        finished(model, recipe(noise=0.1), seed=seed)
        factors.append(float(model.factor.detach()))
    assert factors[0] == factors[1] != factors[2]


def test_the_global_generator_and_the_number_of_threads_are_left_alone() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    model = Scaler()
    model.fit(Training(decays(), 0.1), seed=0)
    model.forecast(np.ones((2, 5, 1)), 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_without_validation_data_the_tails_are_held_out() -> None:
    model = Scaler()
    model.fit(Training(decays(), 0.1), seed=0)
    assert model.training_report is not None
    assert model.training_report.valid_steps > 0.0
    assert model.n_parameters == 1


def test_the_map_and_the_forecast_are_one_function() -> None:
    model = Scaler()
    model.fit(Training(decays(), 0.1), seed=0)
    chart = model.as_map()
    state = chart.start(np.full((4, 1), 2.0))
    seen = []
    for _ in range(5):
        state, tangents = chart.step_tangents(state, np.ones((2, 1)))
        seen.append(chart.observe(state))
    np.testing.assert_array_equal(model.forecast(np.full((1, 4, 1), 2.0), 5)[0, 0], seen)
    assert chart.dt == 0.1
    assert tangents.shape == (2, 1)
    assert chart.step_tangents(state, np.empty((0, 1)))[1].shape == (0, 1)


def test_an_unknown_device_and_too_short_data_are_refused() -> None:
    with pytest.raises(ForecasterError, match="device = 'abacus'"):
        Scaler().fit(Training(decays(), 0.1), seed=0, device="abacus")
    with pytest.raises(ForecasterError, match="needs 9"):
        Scaler().fit(Training(decays(length=8), 0.1), seed=0)
    assert Scaler().unsupported(Problem(1, 0.1, 5, 5, 17)) is not None
    assert Scaler().unsupported(Problem(1, 0.1, 5, 5, 18)) is None
