"""The one training loop of the torch forecasters: segments, input noise, AdamW, learning-rate schedule, selection by valid prediction time.

A second stage, if the recipe asks for it, trains on predictions fed back for some steps. A training whose budget names a folder keeps its whole state
there at every evaluation and, interrupted, goes on to the very weights an undisturbed one reaches.

Reproducible: the number of updates is fixed, every random number comes from a generator of its own purpose, torch's global generator is never
touched, and the loop runs on one thread. On one device the same data and seed give the same weights, bit for bit. Initial weights are drawn on the
CPU, so they are equal on all devices; segments and noise are drawn on the device, so two kinds of device follow different, equally random paths.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._checkpoints import load, place_of, save
from chaosbench.forecasters._lasting import lasting_steps
from chaosbench.forecasters._segments import Segments
from chaosbench.forecasters._torch_loop import TorchLoop, one_thread
from chaosbench.forecasters._valid_time import Windows, valid_steps
from chaosbench.forecasters.base import Budget
from chaosbench.randomness import generator

_FORMAT = 2  # of kept states
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

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of predicting `targets` (B, K, D), which follow `inputs` (B, C, D), with every prediction fed back as the next input."""
        raise ForecasterError(f"{type(self).__name__} cannot train on its own predictions; leave `unrolled` at 0")


@dataclass(frozen=True)
class Recipe:
    """Settings of one training: `updates` optimiser steps on `batch` segments of `segment` samples, `carried` of them in a row.

    The learning rate rises over `warm_up` updates and falls to 0 by a cosine over all. noise: standard deviation added to inputs, in standard
    deviations of the data. evaluations: how often the objective is computed. patience: evaluations without improvement after which training stops;
    None never stops early. unrolled: steps of predictions fed back on which the last `unrolled_share` of the updates train instead of on segments;
    0 trains on segments alone.
    """

    updates: int
    batch: int
    segment: int
    carried: int
    learning_rate: float
    weight_decay: float = 0.0
    warm_up: int = 50
    clip: float = 1.0
    noise: float = 0.0
    evaluations: int = 8
    patience: int | None = None
    unrolled: int = 0
    unrolled_share: float = 0.25


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
    Among them a window counts only if the free run from it goes on (`_lasting`); if none does, by any of them, the objective alone decides.
    """
    with one_thread():
        return _Run(model, states, windows, recipe, seed, budget or Budget()).finish()


class _Run:
    """One training in progress. What `_state` returns is all that its future depends on."""

    def __init__(self, model: Trainable, states: Sequence[np.ndarray], windows: Windows | None, recipe: Recipe, seed: int, budget: Budget) -> None:
        self._parameters = list(model.parameters())
        device, dtype = self._parameters[0].device, self._parameters[0].dtype
        self._model, self._windows, self._recipe, self._budget, self._device = model, windows, recipe, budget, device
        self._segments = Segments(states, length=recipe.segment, carried=recipe.carried, device=device, dtype=dtype)
        self._streams = {purpose: torch_generator(seed, purpose, device) for purpose in ("segments", "input noise")}
        self._optimiser = torch.optim.AdamW(
            [{"params": group, "factor": factor, "weight_decay": recipe.weight_decay * decays} for group, factor, decays in model.groups()],
            fused=True,
        )
        self._marks = {-(-recipe.updates * (n + 1) // recipe.evaluations) for n in range(recipe.evaluations)}
        self._history: list[tuple[int, float, float]] = []
        self._candidates: list[tuple[int, float, dict[str, Tensor]]] = []  # update, objective, weights: the best so far, or all settled ones
        self._settled = False
        self._made, self._waited = 0, 0
        self._row: Tensor | None = None  # the run of segments being read, at segment _place with the state _carried
        self._carried: Tensor | None = None
        self._place = 0
        self._stopped: Literal["planned", "patience", "budget", "diverged"] | None = None
        self._file: Path | None = None
        if budget.folder is not None:
            facts = {"format": _FORMAT, "recipe": asdict(recipe), "seed": seed, "model": type(model).__qualname__, "torch": torch.__version__}
            self._file = place_of(budget.folder, states, model.state_dict(), {**facts, "device": device.type})
            self._resume(load(self._file, device))

    def finish(self) -> TrainingReport:
        """Train until something says stop, then put the best weights in place."""
        deadline = math.inf if self._budget.seconds is None else time.monotonic() + self._budget.seconds
        while self._stopped is None:
            loss = self._update()
            self._made += 1
            late = time.monotonic() > deadline
            if self._made in self._marks or late:
                self._stopped = self._evaluate(float(loss)) or ("budget" if late else None)
                if self._file is not None and self._stopped != "budget":  # a later fit may have more time
                    save(self._file, self._state())
        if not self._candidates:
            raise ForecasterError(
                f"the training diverged before its first evaluation at update {self._made}; lower learning_rate = {self._recipe.learning_rate:g}"
            )
        update, objective = self._choose()
        valid = math.nan if self._windows is None else objective
        return TrainingReport(self._made, self._recipe.updates, self._stopped, update, valid, tuple(self._history))

    def _choose(self) -> tuple[int, float]:
        """Put the best candidate's weights in place and return its update and objective.

        Whether free runs go on costs more than all evaluations together, so it is asked of the next best objective only while that could still win.
        """
        ranked = sorted(self._candidates, key=lambda candidate: (candidate[1], candidate[0]), reverse=True)
        best, lasting = ranked[0], 0.0
        for candidate in ranked:
            if self._windows is None or not self._settled or len(ranked) == 1 or candidate[1] <= lasting:
                break
            self._model.load_state_dict(candidate[2])
            found = lasting_steps(self._model.closed_loop(), self._windows)
            if found > lasting:
                best, lasting = candidate, found
        self._model.load_state_dict(best[2])
        return best[0], best[1]

    def _update(self) -> Tensor:
        """Make one update and return its loss."""
        recipe = self._recipe
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate_now() * group["factor"]
        self._optimiser.zero_grad()
        unrolling = recipe.unrolled > 0 and self._made >= (1.0 - recipe.unrolled_share) * recipe.updates
        loss = self._unrolled_loss() if unrolling else self._segment_loss()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, recipe.clip, foreach=True)
        self._optimiser.step()
        return loss.detach()

    def _rate_now(self) -> float:
        rate = self._recipe.learning_rate * min(1.0, (self._made + 1) / max(1, self._recipe.warm_up))
        return rate * 0.5 * (1.0 + math.cos(math.pi * self._made / self._recipe.updates))

    def _segment_loss(self) -> Tensor:
        if self._row is None or self._place == self._segments.carried:
            self._row, self._place, self._carried = self._segments.draw(self._recipe.batch, self._streams["segments"]), 0, None
        begin, end = self._place * self._recipe.segment, (self._place + 1) * self._recipe.segment
        loss, state = self._model.segment_loss(self._noisy(self._row[:, begin:end]), self._row[:, begin + 1 : end + 1], self._carried)
        self._carried, self._place = state.detach(), self._place + 1
        return loss

    def _unrolled_loss(self) -> Tensor:
        row = self._segments.draw(self._recipe.batch, self._streams["segments"])
        reads = min(self._recipe.segment, max(1, row.shape[1] - self._recipe.unrolled))
        return self._model.unrolled_loss(self._noisy(row[:, :reads]), row[:, reads : reads + self._recipe.unrolled])

    def _noisy(self, inputs: Tensor) -> Tensor:
        if self._recipe.noise <= 0.0:
            return inputs
        noise = torch.randn(inputs.shape, generator=self._streams["input noise"], dtype=inputs.dtype, device=inputs.device)
        return torch.add(inputs, noise, alpha=self._recipe.noise)

    def _evaluate(self, loss: float) -> Literal["planned", "patience", "diverged"] | None:
        made, weights = self._made, self._weights()
        if not (math.isfinite(loss) and all(bool(torch.isfinite(values).all()) for values in weights.values())):
            self._history.append((made, loss, 0.0))
            return "diverged"
        objective = 0.0 if self._windows is None else valid_steps(self._model.closed_loop(), self._windows)
        self._history.append((made, loss, objective))
        settled = made >= _SETTLED * self._recipe.updates
        better = not self._candidates or objective >= max(candidate[1] for candidate in self._candidates)
        if settled and not self._settled:
            self._candidates, self._settled, better = [], True, True
        if settled or better:
            self._candidates = [*self._candidates, (made, objective, weights)] if settled else [(made, objective, weights)]
        self._waited = 0 if better else self._waited + 1
        if self._budget.progress is not None:
            sentence = f"update {made} of {self._recipe.updates}: loss {loss:.3g}, valid for {objective:.1f} samples"
            self._budget.progress(made / self._recipe.updates, sentence)
        if made >= self._recipe.updates:
            return "planned"
        patience = self._recipe.patience
        return "patience" if patience is not None and self._waited >= patience else None

    def _weights(self) -> dict[str, Tensor]:
        return {name: values.detach().clone() for name, values in self._model.state_dict().items()}

    def _state(self) -> dict[str, Any]:
        streams = {purpose: stream.get_state() for purpose, stream in self._streams.items()}
        numbers = {"made": self._made, "waited": self._waited, "place": self._place, "stopped": self._stopped}
        kept = {"weights": self._weights(), "optimiser": self._optimiser.state_dict(), "streams": streams, "candidates": self._candidates}
        return {**numbers, **kept, "settled": self._settled, "history": self._history, "row": self._row, "carried": self._carried}

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self._made, self._waited, self._settled = state["made"], state["waited"], state["settled"]
        self._place, self._row, self._carried = state["place"], state["row"], state["carried"]
        self._stopped, self._candidates, self._history = state["stopped"], state["candidates"], state["history"]
        self._model.load_state_dict(state["weights"])
        self._optimiser.load_state_dict(state["optimiser"])
        for purpose, stream in self._streams.items():
            stream.set_state(state["streams"][purpose].cpu())
