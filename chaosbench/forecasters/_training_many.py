"""The training loop for many small networks of one shape at once: R runs stacked along a first axis, each with data, seed and rates of its own.

The runs of a tiny network cost little more together than one alone, because what a step costs is the launching of its operations. What a run does is
what `_training` does: segments, input noise, clipping, AdamW, cosine schedule after a warm-up, a fixed number of updates, and the choice of the
weights by valid prediction time on held-out data; but late in the training a window counts only if the free run from it goes on (`_lasting`).

No number of a run depends on which others it is stacked with, bit for bit on the CPU: operations act entry by entry and are correctly rounded each,
matrix products are one product a run on memory laid out alike (`_plrnn_sums.padded`), and sums are taken in an order that their length alone decides.
So a fit is a stack of one.
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

from chaosbench.forecasters._checkpoints import load, place_of, save
from chaosbench.forecasters._lasting import goes_on
from chaosbench.forecasters._plrnn_sums import pairwise_sum
from chaosbench.forecasters._segments import Segments
from chaosbench.forecasters._training import Recipe, TrainingReport, torch_generator
from chaosbench.forecasters._valid_time import Free, Windows, valid_windows
from chaosbench.forecasters.base import Budget

_FORMAT = 1  # of kept states
_SETTLED = 0.75  # share of the updates after which a cosine schedule has nearly stopped
_FIRST, _SECOND, _SMALLEST = 0.9, 0.999, 1e-8  # Adam's two decays and the least denominator


class Stack(nn.Module, ABC):
    """R networks of one shape; row r of `weights` (R, P) holds all weights of run r, and no row's gradient depends on another."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    @abstractmethod
    def segment_losses(self, inputs: Tensor, targets: Tensor, state: Tensor | None, update: int) -> tuple[Tensor, Tensor]:
        """Return the losses (R,) of predicting `targets` (R, B, L, D) from `inputs` (R, B, L, D) one step earlier, and the states to carry on.

        state: None at the first segment of a row, later what the segment before returned, detached. update: how many updates were made before.
        """

    @abstractmethod
    def closed_loop(self) -> Free:
        """Return the closed loops of the present weights, as a copy in float64."""


@dataclass(frozen=True)
class Run:
    """What one run of a stack has of its own; of the recipe only learning rate, weight decay and noise may differ between the runs of a stack."""

    states: Sequence[np.ndarray]
    windows: Windows | None
    recipe: Recipe
    seed: int
    budget: Budget


@dataclass(frozen=True)
class Outcome:
    """The report of a run, and what its weights were chosen by: whether late ones, and the valid prediction time of windows whose runs go on."""

    report: TrainingReport
    key: tuple[bool, float]


def train_many(stack: Stack, runs: Sequence[Run]) -> list[Outcome]:
    """Train `stack` in place and leave every run with the weights whose objective was best; see `_training.train` for what is best.

    A run that diverges keeps its best weights so far and the others go on; its `best_update` is 0 if there were none. The clock guard of a stack is
    the sum of its runs' budgets.
    """
    return _Training(stack, runs).finish()


class _Training:
    """One training of a stack in progress. What `_state` returns is all that its future depends on."""

    def __init__(self, stack: Stack, runs: Sequence[Run]) -> None:
        device, dtype = stack.weights.device, stack.weights.dtype
        self._stack, self._runs, self._recipe = stack, runs, runs[0].recipe
        recipe = self._recipe
        self._segments = [Segments(run.states, length=recipe.segment, carried=recipe.carried, device=device, dtype=dtype) for run in runs]
        purposes = ("segments", "input noise")
        self._streams = [{purpose: torch_generator(run.seed, purpose, device) for purpose in purposes} for run in runs]
        self._rate, self._decay, self._noise = (
            torch.tensor([getattr(run.recipe, name) for run in runs], dtype=torch.float64, device=device)[:, None]
            for name in ("learning_rate", "weight_decay", "noise")
        )
        self._moments = (torch.zeros_like(stack.weights), torch.zeros_like(stack.weights))
        self._marks = {-(-recipe.updates * (n + 1) // recipe.evaluations) for n in range(recipe.evaluations)}
        self._best_key = [(False, -math.inf)] * len(runs)
        self._best_update, self._best_valid = [0] * len(runs), [0.0] * len(runs)
        self._best = stack.weights.detach().clone()
        self._history: list[list[tuple[int, float, float]]] = [[] for _ in runs]
        self._diverged = [False] * len(runs)
        self._made, self._place = 0, 0
        self._rows: tuple[Tensor, Tensor] | None = None  # the noisy inputs and the targets being read, at segment _place with the states _carried
        self._carried: Tensor | None = None
        self._file: Path | None = None
        folder = runs[0].budget.folder
        if folder is not None:
            facts = {"format": _FORMAT, "recipes": [asdict(run.recipe) for run in runs], "seeds": [run.seed for run in runs]}
            kept = {"model": type(stack).__qualname__, "torch": torch.__version__, "device": device.type}
            self._file = place_of(folder, [series for run in runs for series in run.states], stack.state_dict(), {**facts, **kept})
            self._resume(load(self._file, device))

    def finish(self) -> list[Outcome]:
        """Train until something says stop, then put the best weights in place."""
        limits = [run.budget.seconds for run in self._runs]
        deadline = math.inf if None in limits else time.monotonic() + sum(limit for limit in limits if limit is not None)
        late = False
        while self._made < self._recipe.updates and not late and not all(self._diverged):
            losses = self._update()
            self._made += 1
            late = time.monotonic() > deadline
            if self._made in self._marks or late:
                self._evaluate(losses.tolist())
                if self._file is not None and not late:  # a later fit may have more time
                    save(self._file, self._state())
        with torch.no_grad():
            self._stack.weights.copy_(self._best)
        return [Outcome(self._report(r), self._best_key[r]) for r in range(len(self._runs))]

    def _report(self, run: int) -> TrainingReport:
        stopped: Literal["planned", "budget", "diverged"] = "planned" if self._made >= self._recipe.updates else "budget"
        valid = math.nan if self._runs[run].windows is None else self._best_valid[run]
        history = tuple(self._history[run])
        return TrainingReport(
            history[-1][0] if self._diverged[run] else self._made,
            self._recipe.updates,
            "diverged" if self._diverged[run] else stopped,
            self._best_update[run],
            valid,
            history,
        )

    def _update(self) -> Tensor:
        """Make one update of every run and return the losses (R,)."""
        length = self._recipe.segment
        if self._rows is None or self._place == self._segments[0].carried:
            self._rows, self._place, self._carried = self._draw(), 0, None
        noisy, clean = self._rows
        here = slice(self._place * length, (self._place + 1) * length)
        self._stack.weights.grad = None
        losses, state = self._stack.segment_losses(noisy[:, :, here], clean[:, :, here], self._carried, self._made)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._carried, self._place = state.detach(), self._place + 1
        self._step()
        return losses.detach()

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Return rows of segments, noisy inputs and their targets, (R, B, n L, D) each."""
        inputs, targets = [], []
        for segments, streams, run in zip(self._segments, self._streams, self._runs, strict=True):
            row = segments.draw(run.recipe.batch, streams["segments"])
            here = row[:, :-1]
            if run.recipe.noise > 0.0:
                noise = torch.randn(here.shape, generator=streams["input noise"], dtype=row.dtype, device=row.device)
                here = here + noise.mul_(run.recipe.noise)
            inputs.append(here)
            targets.append(row[:, 1:])
        return torch.stack(inputs), torch.stack(targets)

    @torch.no_grad()
    def _step(self) -> None:
        """Clip every run's gradient, then AdamW with every run's rate; only operations that round once, so that the place in memory cannot matter."""
        weights, gradient = self._stack.weights, self._stack.weights.grad
        assert gradient is not None
        norm = pairwise_sum(gradient * gradient).sqrt()
        gradient = gradient * (self._recipe.clip / (norm + 1e-6)).clamp_max(1.0)[:, None]
        first, second = self._moments
        first.mul_(_FIRST).add_(gradient * (1.0 - _FIRST))
        second.mul_(_SECOND).add_((gradient * gradient) * (1.0 - _SECOND))
        number = self._made + 1
        schedule = min(1.0, number / max(1, self._recipe.warm_up)) * 0.5 * (1.0 + math.cos(math.pi * self._made / self._recipe.updates))
        rate = self._rate * schedule
        weights.mul_((1.0 - rate * self._decay).to(weights))
        size = (second / (1.0 - _SECOND**number)).sqrt_().add_(_SMALLEST)
        weights.sub_((first / (1.0 - _FIRST**number)).div_(size).mul_(rate.to(weights)))

    @torch.no_grad()
    def _evaluate(self, losses: Sequence[float]) -> None:
        finite = torch.isfinite(self._stack.weights).all(1).tolist()
        settled = self._made >= _SETTLED * self._recipe.updates
        valid, lasting = self._objectives(settled)
        for r, run in enumerate(self._runs):
            if self._diverged[r]:
                continue
            self._diverged[r] = not (finite[r] and math.isfinite(losses[r]))
            self._history[r].append((self._made, losses[r], 0.0 if self._diverged[r] else valid[r]))
            if not self._diverged[r] and (settled, lasting[r]) >= self._best_key[r]:
                self._best_key[r], self._best_update[r], self._best_valid[r] = (settled, lasting[r]), self._made, valid[r]
                self._best[r] = self._stack.weights[r]
            if run.budget.progress is not None:
                sentence = f"update {self._made} of {self._recipe.updates}: loss {losses[r]:.3g}, valid for {self._history[r][-1][2]:.1f} samples"
                run.budget.progress(self._made / self._recipe.updates, sentence)

    def _objectives(self, settled: bool) -> tuple[list[float], list[float]]:
        """Return every run's valid prediction time in samples, and if `settled` the same with windows counted as 0 whose run does not go on."""
        windows = [run.windows for run in self._runs if run.windows is not None]
        if len(windows) < len(self._runs):
            return [0.0] * len(self._runs), [0.0] * len(self._runs)
        free = self._stack.closed_loop()
        steps = valid_windows(free, windows)
        counted = steps * goes_on(free, windows) if settled else steps
        count = steps.shape[1]
        return [total / count for total in steps.sum(1).tolist()], [total / count for total in counted.sum(1).tolist()]

    def _state(self) -> dict[str, Any]:
        streams = [{purpose: stream.get_state() for purpose, stream in run.items()} for run in self._streams]
        best = {"key": self._best_key, "update": self._best_update, "valid": self._best_valid, "weights": self._best}
        now = {"made": self._made, "place": self._place, "rows": self._rows, "carried": self._carried, "moments": self._moments}
        return {**now, "stack": self._stack.state_dict(), "streams": streams, "best": best, "history": self._history, "diverged": self._diverged}

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self._made, self._place, self._rows, self._carried = state["made"], state["place"], state["rows"], state["carried"]
        self._moments, self._history, self._diverged = state["moments"], state["history"], state["diverged"]
        best = state["best"]
        self._best_key, self._best_update, self._best_valid, self._best = best["key"], best["update"], best["valid"], best["weights"]
        self._stack.load_state_dict(state["stack"])
        for run, kept in zip(self._streams, state["streams"], strict=True):
            for purpose, stream in run.items():
                stream.set_state(kept[purpose].cpu())
