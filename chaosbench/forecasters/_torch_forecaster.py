"""What the torch forecasters share: data checks, held-out windows, one training, and the fitted closed loop."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import fitted, trajectories
from chaosbench.forecasters._driven import driven_exponents
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters._training import Recipe, Trainable, TrainingReport, torch_generator, train
from chaosbench.forecasters._valid_time import cut_windows
from chaosbench.forecasters._validation import held_out
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training

_ENDS = 2  # a series must hold two segments to give a training part and a held-out part


class TorchRollout(Forecaster):
    """A fitted torch closed loop, however it was trained.

    training_precision, rollout_precision: number formats of the two phases. Rollouts are in float64: at these sizes they cost the same as float32
    (overhead decides), and forecast and map are then one function.
    training_report: what the last fit did, None before the first.
    """

    training_precision: ClassVar[str] = "float32"
    rollout_precision: ClassVar[str] = "float64"
    deterministic = False

    def __init__(self) -> None:
        self.training_report: TrainingReport | None = None
        self._map: TorchMap | None = None

    @abstractmethod
    def _recipe(self) -> Recipe:
        """Return the settings of the training."""

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if the training data are too short for one segment and a held-out part."""
        needed = self._minimum() * _ENDS
        if problem.training_samples < needed:
            return f"{problem.training_samples} training samples; {self._need()} and as many to check on: at least {needed}"
        return None

    def forecast(
        self,
        context: np.ndarray,
        horizon: int,
        *,
        times: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        n_samples: int = 1,
        seed: int = 0,
    ) -> np.ndarray:
        """Return the closed-loop continuations (W, S, H, D), all samples equal; parameters are not read."""
        model = fitted(self._map, type(self).__name__)
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=f"a forecast continues at least {model.span}")

    def as_map(self) -> TorchMap:
        """Return the fitted closed loop as a map of its state in float64."""
        return fitted(self._map, type(self).__name__)

    def driven_exponents(self, series: np.ndarray, count: int = 1) -> np.ndarray:
        """Return the `count` largest exponents of the hidden state while the true `series` (T, D) is read: see `_driven.driven_exponents`."""
        return driven_exponents(self.as_map(), series, count)

    def _minimum(self) -> int:
        return self._recipe().segment + 1

    def _need(self) -> str:
        return f"a segment of {self._minimum() - 1} inputs and their targets needs {self._minimum()}"


class TorchForecaster(TorchRollout):
    """A network trained by `_training.train` and rolled out with its output fed back."""

    def __init__(self) -> None:
        super().__init__()
        self._network: Trainable | None = None

    @abstractmethod
    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> Trainable:
        """Return the untrained network for series (T_n, D), its weights drawn from `draws` on the CPU."""

    @property
    def n_parameters(self) -> int:
        """Weights trained by the last fit."""
        return sum(parameter.numel() for parameter in fitted(self._network, type(self).__name__).parameters())

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train from fresh weights on the part that is not held out; the report is in `training_report`."""
        self._map, self._network, self.training_report = None, None, None
        where = device_named(device)
        states = trajectories(training, minimum=self._minimum(), need=self._need())
        parts, checks = held_out(training, states, minimum=self._minimum())
        network = self._untrained(parts, torch_generator(seed, "initial weights")).to(where)
        windows = cut_windows(checks, where, network.closed_loop().span)
        self.training_report = train(network, parts, windows, self._recipe(), seed=seed, budget=budget)
        self._map = TorchMap(network.closed_loop(), training.dt)
        self._network = network


def device_named(name: str) -> torch.device:
    """Return the device, or raise ForecasterError if torch cannot use it."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as reason:
        raise ForecasterError(
            f"device = {name!r}: torch cannot use it ({reason}); pass device='cpu' or a device this build of torch knows"
        ) from reason
    return device
