"""Many runs trained in one stack: each gets, bit for bit, what it gets alone, whatever the others do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters import _plrnn_forecaster
from chaosbench.forecasters._lasting import goes_on
from chaosbench.forecasters._plrnn_forecaster import PLRNNForecaster
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters._valid_time import Windows, cut_windows, valid_steps
from chaosbench.forecasters.al_rnn import AlmostLinearRNN
from chaosbench.forecasters.base import Budget, Job, Training
from chaosbench.forecasters.dendritic_plrnn import DendriticPLRNN
from chaosbench.forecasters.shallow_plrnn import ShallowPLRNN


def waves(samples: int, dimension: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    t = 0.1 * np.arange(samples)[:, None]
    rate, phase = random.uniform(0.5, 2.0, dimension), random.uniform(0, 6, dimension)
    return np.asarray(np.sin(rate * t + phase) + 0.1 * random.normal(size=(samples, dimension)))


def training(dimension: int = 3, seed: int = 1) -> Training:
    return Training([waves(150, dimension, seed)], 0.1, validation=Training([waves(90, dimension, seed + 50)], 0.1))


CASES: list[tuple[type[PLRNNForecaster], int, list[dict[str, Any]]]] = [
    (ShallowPLRNN, 3, [{"hidden": 33, "batch": 7, "learning_rate": rate, "noise": noise} for rate, noise in ((1e-2, 0.0), (3e-3, 1e-2))]),
    (ShallowPLRNN, 7, [{"hidden": 50, "extra_latents": 10, "alpha": alpha, "clipped": False, "batch": 5} for alpha in (0.1, 0.3, 0.9)]),
    (ShallowPLRNN, 5, [{"latents": 4, "observation": "affine", "estimate": "mean", "batch": 5, "weight_decay": decay} for decay in (0.0, 0.1)]),
    (ShallowPLRNN, 3, [{"estimate": "logarithms", "hidden": 20, "batch": 5, "learning_rate": rate} for rate in (1e-2, 3e-3)]),
    (AlmostLinearRNN, 3, [{"extra_latents": 14, "segment": 13, "batch": 3, "learning_rate": rate} for rate in (1e-2, 3e-3, 1e-3)]),
    (DendriticPLRNN, 3, [{"bases": 5, "segment": 13, "batch": 3, "learning_rate": rate} for rate in (1e-2, 3e-3, 1e-3)]),
]


@pytest.mark.parametrize(("kind", "dimension", "options"), CASES, ids=["adaptive", "alphas", "affine", "logarithms", "almost linear", "dendritic"])
def test_a_stack_gives_each_run_the_bits_it_has_alone(
    kind: type[PLRNNForecaster], dimension: int, options: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks: list[int] = []
    fit_stack = _plrnn_forecaster._fit_stack
    monkeypatch.setattr(_plrnn_forecaster, "_fit_stack", lambda jobs: (stacks.append(len(jobs)), fit_stack(jobs)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    data = training(dimension)
    jobs = [Job({**chosen, "updates": 25}, data, seed, "cpu", Budget()) for seed, chosen in enumerate(options)]
    contexts = np.stack([waves(30, dimension, seed) for seed in (8, 9)])
    many = kind.fit_many(jobs)
    assert stacks == [len(jobs)]  # they are one stack, or nothing is tested
    for job, model in zip(jobs, many, strict=True):
        alone = kind(**job.options)
        alone.fit(job.training, seed=job.seed)
        np.testing.assert_array_equal(model.forecast(contexts, 40), alone.forecast(contexts, 40))
        assert isinstance(model, PLRNNForecaster)
        assert model.training_report == alone.training_report


def test_fits_of_different_shape_come_back_in_their_order() -> None:
    jobs = [Job({"hidden": hidden, "updates": 5, "batch": 4}, training(), seed, "cpu", Budget()) for seed, hidden in enumerate((10, 30, 10))]
    many = ShallowPLRNN.fit_many(jobs)
    for job, model in zip(jobs, many, strict=True):
        alone = ShallowPLRNN(**job.options)
        alone.fit(job.training, seed=job.seed)
        np.testing.assert_array_equal(model.forecast(waves(30, 3, 8)[None], 20), alone.forecast(waves(30, 3, 8)[None], 20))


def test_an_interrupted_fit_goes_on_to_the_weights_of_an_undisturbed_one(tmp_path: Path) -> None:
    class InterruptedFitError(Exception):
        pass

    def stop(done: float, sentence: str) -> None:
        if done > 0.5:
            raise InterruptedFitError

    options, data, context = {"updates": 24, "batch": 4}, training(), waves(30, 3, 8)[None]
    whole = ShallowPLRNN(**options)  # type: ignore[arg-type]
    whole.fit(data, seed=3)
    cut = ShallowPLRNN(**options)  # type: ignore[arg-type]
    with pytest.raises(InterruptedFitError):
        cut.fit(data, seed=3, budget=Budget(progress=stop, folder=tmp_path))
    assert len(list(tmp_path.iterdir())) == 1
    seen: list[float] = []
    cut.fit(data, seed=3, budget=Budget(progress=lambda done, sentence: seen.append(done), folder=tmp_path))
    assert min(seen) > 0.4  # it did not start anew
    np.testing.assert_array_equal(cut.forecast(context, 20), whole.forecast(context, 20))
    assert cut.training_report == whole.training_report


def test_a_diverging_fit_is_refused_with_the_remedy() -> None:
    model = AlmostLinearRNN(updates=40, learning_rate=1e30)
    with pytest.raises(ForecasterError, match="lower learning_rate"):
        model.fit(training(), seed=0)


def test_a_budget_stops_a_stack_and_says_so() -> None:
    model = ShallowPLRNN(updates=100_000)
    model.fit(training(), seed=0, budget=Budget(seconds=0.2))
    assert model.training_report is not None
    assert model.training_report.stopped == "budget"
    assert 0 < model.training_report.updates < 100_000


def test_the_objective_is_that_of_the_other_torch_forecasters() -> None:
    model = ShallowPLRNN(updates=60)
    data = training()
    model.fit(data, seed=0)
    assert data.validation is not None
    windows = cut_windows(list(data.validation.states), torch.device("cpu"))
    loop = model.as_map()._loop
    assert windows is not None
    assert isinstance(model.as_map(), TorchMap)
    assert model.training_report is not None
    assert valid_steps(loop, windows) == pytest.approx(model.training_report.valid_steps, rel=1e-12)
    assert isinstance(model.recipe, Recipe)


class _Rotation:
    """Two runs of points on a circle, whose radius a step multiplies by `growth`; the observation is the point."""

    def __init__(self, growth: tuple[float, float]) -> None:
        self._growth = torch.tensor(growth, dtype=torch.float64)[:, None, None]
        angle = torch.tensor(0.3, dtype=torch.float64)
        self._turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])

    def start(self, context: torch.Tensor) -> torch.Tensor:
        return context[:, :, -1]

    def step(self, state: torch.Tensor) -> torch.Tensor:
        return self._growth * (state @ self._turn)

    def observe(self, state: torch.Tensor) -> torch.Tensor:
        return state


@pytest.mark.parametrize(("growth", "expected"), [(1.0, True), (0.95, False), (1.05, False), (0.9995, True)])
def test_a_run_goes_on_while_it_moves_as_widely_as_the_data(growth: float, expected: bool) -> None:
    # 8 to 16 horizons of 60 samples: 0.9995 ** 480 to 960 = 0.79 to 0.62 of the radius, more than half; 0.95 ** 480 is nothing, 1.05 ** 480 too much
    t = 0.3 * np.arange(400)
    circle = np.stack([np.cos(t), np.sin(t)], 1)
    contexts = torch.as_tensor(np.stack([circle[s : s + 10] for s in (0, 50)]))
    truth = torch.as_tensor(np.stack([circle[s + 10 : s + 70] for s in (0, 50)]))
    found = goes_on(_Rotation((growth, 1.0)), [Windows(contexts, truth)] * 2)
    assert found[0].tolist() == [expected, expected]
    assert found[1].tolist() == [True, True]
