"""The one training loop of the torch forecasters: segments, input noise, AdamW, learning-rate schedule, selection by valid prediction time.

Reproducible: the number of updates is fixed, every random number comes from a generator of its own purpose, torch's global generator is never
touched, and the loop runs on one thread. On one device the same data and seed give the same weights, bit for bit. Initial weights are drawn on the
CPU, so they are equal on all devices; segments and noise are drawn on the device, so two kinds of device follow different, equally random paths.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._segments import Segments
from chaosbench.forecasters._torch_loop import TorchLoop, one_thread
from chaosbench.forecasters._valid_time import Windows, valid_steps
from chaosbench.forecasters.base import Budget
from chaosbench.randomness import generator

_SETTLED = 0.75  # share of the updates after which a cosine schedule has nearly stopped


class Trainable(nn.Module, ABC):
    """A network that the loop can train: it gives a loss on one segment and, at any time, its closed loop in float64."""

    @abstractmethod
    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        """Return (parameters, factor on the learning rate, whether weight decay applies)."""

    @abstractmethod
    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the loss of predicting `targets` (B, L, D) from `inputs` (B, L, D) one step earlier, and the state to carry on.

        state: None at the first segment of a run, later what the segment before returned, detached.
        """

    @abstractmethod
    def closed_loop(self) -> TorchLoop:
        """Return the closed loop of the present weights, as a copy in float64."""


@dataclass(frozen=True)
class Recipe:
    """Settings of one training: `updates` optimiser steps on `batch` segments of `segment` samples, `carried` of them in a row.

    schedule: "cosine" falls to 0 over all updates, "plateau" halves whenever the objective has not improved at an evaluation; both after a linear
    warm-up. noise: standard deviation added to inputs, in standard deviations of the data. evaluations: how often the objective is computed.
    patience: evaluations without improvement after which training stops; None never stops early.
    """

    updates: int
    batch: int
    segment: int
    carried: int
    learning_rate: float
    weight_decay: float = 0.0
    schedule: Literal["cosine", "plateau"] = "cosine"
    warm_up: int = 50
    clip: float = 1.0
    noise: float = 0.0
    evaluations: int = 8
    patience: int | None = None


@dataclass(frozen=True)
class TrainingReport:
    """What one training did.

    updates: made; planned: of how many. stopped: "planned" (all updates made), "patience", "budget" (the clock guard: not reproducible) or
    "diverged". best_update: whose weights were kept. valid_steps: their objective in samples, NaN without held-out data.
    history: (update, loss, objective) of every evaluation.
    """

    updates: int
    planned: int
    stopped: Literal["planned", "patience", "budget", "diverged"]
    best_update: int
    valid_steps: float
    history: tuple[tuple[int, float, float], ...]


def torch_generator(seed: int, purpose: str, device: torch.device | None = None) -> torch.Generator:
    """Return a torch generator of its own for one purpose; equal seeds and purposes give equal streams on one kind of device."""
    key = int(generator(seed, purpose).integers(2**63))
    return torch.Generator(device or torch.device("cpu")).manual_seed(key)


def train(
    model: Trainable, states: Sequence[np.ndarray], windows: Windows | None, recipe: Recipe, *, seed: int, budget: Budget | None
) -> TrainingReport:
    """Train `model` in place on `states` (each (T_n, D)) and leave it with the weights whose objective on `windows` was best.

    Without windows the last weights are kept. A tie goes to the later weights, and under the cosine schedule weights of the last quarter, where the
    rate is below 15 % of its peak, go before all earlier ones: earlier weights can forecast as long, but their free runs often end on a fixed point.
    """
    with one_thread():
        return _Run(model, states, windows, recipe, seed, budget or Budget()).finish()


class _Run:
    """One training in progress."""

    def __init__(self, model: Trainable, states: Sequence[np.ndarray], windows: Windows | None, recipe: Recipe, seed: int, budget: Budget) -> None:
        self._parameters = list(model.parameters())
        device, dtype = self._parameters[0].device, self._parameters[0].dtype
        self._model, self._windows, self._recipe, self._budget = model, windows, recipe, budget
        self._segments = Segments(states, length=recipe.segment, carried=recipe.carried, device=device, dtype=dtype)
        self._draws = torch_generator(seed, "segments", device)
        self._noise = torch_generator(seed, "input noise", device)
        self._optimiser = torch.optim.AdamW(
            [{"params": group, "factor": factor, "weight_decay": recipe.weight_decay * decays} for group, factor, decays in model.groups()],
            fused=True,
        )
        self._marks = {-(-recipe.updates * (n + 1) // recipe.evaluations) for n in range(recipe.evaluations)}
        self._rate = recipe.learning_rate
        self._history: list[tuple[int, float, float]] = []
        self._best = (0, (False, -math.inf), self._weights())
        self._waited = 0

    def finish(self) -> TrainingReport:
        """Train until something says stop, then put the best weights in place."""
        deadline = math.inf if self._budget.seconds is None else time.monotonic() + self._budget.seconds
        made, stopped = 0, None
        while stopped is None:
            run = self._segments.draw(self._recipe.batch, self._draws)
            state = None
            for n in range(self._segments.carried):
                loss, state = self._update(run, n, state, made)
                made += 1
                late = time.monotonic() > deadline
                if made in self._marks or late:
                    stopped = self._evaluate(made, float(loss)) or ("budget" if late else None)
                if stopped is not None:
                    break
        update, (_, objective), weights = self._best
        self._model.load_state_dict(weights)
        valid = math.nan if self._windows is None else objective
        return TrainingReport(made, self._recipe.updates, stopped, update, valid, tuple(self._history))

    def _update(self, run: Tensor, n: int, state: Tensor | None, made: int) -> tuple[Tensor, Tensor]:
        recipe = self._recipe
        begin, end = n * recipe.segment, (n + 1) * recipe.segment
        inputs, targets = run[:, begin:end], run[:, begin + 1 : end + 1]
        if recipe.noise > 0.0:
            noise = torch.randn(inputs.shape, generator=self._noise, dtype=inputs.dtype, device=inputs.device)
            inputs = torch.add(inputs, noise, alpha=recipe.noise)
        rate = self._rate * min(1.0, (made + 1) / max(1, recipe.warm_up))
        if recipe.schedule == "cosine":
            rate *= 0.5 * (1.0 + math.cos(math.pi * made / recipe.updates))
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self._optimiser.zero_grad()
        loss, state = self._model.segment_loss(inputs, targets, state)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, recipe.clip, foreach=True)
        self._optimiser.step()
        return loss.detach(), state.detach()

    def _evaluate(self, made: int, loss: float) -> Literal["planned", "patience", "diverged"] | None:
        weights = self._weights()
        if not (math.isfinite(loss) and all(bool(torch.isfinite(values).all()) for values in weights.values())):
            self._history.append((made, loss, 0.0))
            return "diverged"
        objective = 0.0 if self._windows is None else valid_steps(self._model.closed_loop(), self._windows)
        self._history.append((made, loss, objective))
        settled = self._recipe.schedule != "cosine" or made >= _SETTLED * self._recipe.updates
        if (settled, objective) >= self._best[1]:
            self._best = (made, (settled, objective), weights)
            self._waited = 0
        else:
            self._waited += 1
            if self._recipe.schedule == "plateau":
                self._rate *= 0.5
        if self._budget.progress is not None:
            self._budget.progress(
                made / self._recipe.updates, f"update {made} of {self._recipe.updates}: loss {loss:.3g}, valid for {objective:.1f} samples"
            )
        if made >= self._recipe.updates:
            return "planned"
        patience = self._recipe.patience
        return "patience" if patience is not None and self._waited >= patience else None

    def _weights(self) -> dict[str, Tensor]:
        return {name: values.detach().clone() for name, values in self._model.state_dict().items()}
