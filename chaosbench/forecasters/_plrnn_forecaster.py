"""What the piecewise-linear forecasters share: options of forcing and observation, and fits of many seeds and configurations stacked into one."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import fitted, one_of, positive, trajectories, within
from chaosbench.forecasters._plrnn_forcing import ESTIMATES
from chaosbench.forecasters._plrnn_loop import PLRNNLoop
from chaosbench.forecasters._plrnn_network import Equations, Forcing, FreeRuns, PLRNNs
from chaosbench.forecasters._plrnn_observation import AffineObservation, FirstLatents, Observation
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchRollout, device_named
from chaosbench.forecasters._torch_loop import one_thread
from chaosbench.forecasters._torch_map import TorchMap
from chaosbench.forecasters._training import Recipe, torch_generator
from chaosbench.forecasters._training_many import Run, train_many
from chaosbench.forecasters._valid_time import Windows, cut_windows
from chaosbench.forecasters._validation import held_out
from chaosbench.forecasters.base import Budget, Forecaster, Job, Training
from chaosbench.randomness import generator

_STACKED = 16  # runs in one stack on a CPU: more no longer fit in its caches


@dataclass(frozen=True)
class _Prepared:
    """One fit before it starts: its data cut, its settings known."""

    model: "PLRNNForecaster"
    parts: list[np.ndarray]
    windows: Windows | None
    dt: float
    seed: int
    device: torch.device
    budget: Budget

    def key(self) -> Hashable:
        """Return what must be equal for fits to be stacked."""
        model, windows = self.model, self.windows
        shapes = None if windows is None else (windows.context.shape, windows.truth.shape)
        recipe = replace(model.recipe, learning_rate=0.0, weight_decay=0.0, noise=0.0)
        carried = tuple(sorted(len(series) for series in self.parts))
        forcing = replace(model.forcing, alpha=None if model.forcing.alpha is None else ())
        bounded = (self.budget.seconds is None, self.budget.folder)
        dimension = self.parts[0].shape[1]
        sizes = (model.structure(), model.observation, dimension, model.latents(dimension))
        return (sizes, recipe, forcing, shapes, carried, str(self.device), bounded, model.restarts)


class PLRNNForecaster(TorchRollout):
    """A piecewise-linear recurrent network; subclasses give its equations."""

    rollout = "recurrent"

    def __init__(self, *, recipe: Recipe, forcing: Forcing, observation: str, extra_latents: int, latents: int | None, restarts: int) -> None:
        super().__init__()
        positive({"updates": recipe.updates, "batch": recipe.batch, "segment": recipe.segment, "carried": recipe.carried, "restarts": restarts})
        within("noise", recipe.noise, 0.0, 10.0)
        one_of("observation", observation, ("identity", "affine"))
        within("extra_latents", extra_latents, 0, 10_000)
        if latents is not None:
            positive({"latents": latents})
        self.recipe, self.forcing, self.observation = recipe, forcing, observation
        self._latents, self._extra, self.restarts = latents, extra_latents, restarts
        self._size: int | None = None

    @abstractmethod
    def equations(self, latent: int) -> Equations:
        """Return the equations for M = `latent` latents."""

    @abstractmethod
    def structure(self) -> Hashable:
        """Return the options of the equations, which with D and M decide the shapes of the parameters."""

    def latents(self, dimension: int) -> int:
        """Return M for D = `dimension`."""
        return dimension + self._extra if self._latents is None else self._latents

    @property
    def n_parameters(self) -> int:
        """Weights trained by the last fit."""
        return fitted(self._size, type(self).__name__)

    def _recipe(self) -> Recipe:
        return self.recipe

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train from fresh weights on the part that is not held out; the report is in `training_report`."""
        _fit_stack([self._prepared(training, seed, device, budget or Budget())])

    @classmethod
    def fit_many(cls, jobs: Sequence[Job]) -> list[Forecaster]:
        """Fit jobs of equal shapes stacked, learning rate, weight decay, noise, alpha, seed and data their own; each gets what `fit` gives it alone.

        On a CPU stacks of 16 run beside one another on as many threads as torch has; elsewhere all of a shape make one stack.
        """
        models = [cls(**job.options) for job in jobs]
        groups: dict[Hashable, list[_Prepared]] = {}
        for model, job in zip(models, jobs, strict=True):
            prepared = model._prepared(job.training, job.seed, job.device, job.budget)
            groups.setdefault(prepared.key(), []).append(prepared)
        threads = torch.get_num_threads()
        stacks = []
        for group in groups.values():
            size = max(1, min(_STACKED // group[0].model.restarts, -(-len(group) // threads))) if group[0].device.type == "cpu" else len(group)
            stacks += [group[first : first + size] for first in range(0, len(group), size)]
        with one_thread(), ThreadPoolExecutor(threads) as executor:
            list(executor.map(_fit_stack, stacks))
        return list(models)

    def _prepared(self, training: Training, seed: int, device: str, budget: Budget) -> _Prepared:
        self._map, self._size, self.training_report = None, None, None
        where = device_named(device)
        states = trajectories(training, minimum=self._minimum(), need=self._need())
        parts, checks = held_out(training, states, minimum=self._minimum())
        return _Prepared(self, parts, cut_windows(checks, where), training.dt, seed, where, budget)

    def observed(self, dimension: int) -> Observation:
        """Return the observation model for D = `dimension`."""
        latent = self.latents(dimension)
        if self.observation == "affine":
            return AffineObservation(dimension, latent)
        if latent < dimension:
            raise ForecasterError(f"{latent} latents for {dimension} components; the first latents are the data; pass more, or observation='affine'")
        return FirstLatents(dimension, latent)


def _fit_stack(jobs: Sequence[_Prepared]) -> None:
    """Train the restarts of all fits of one stack together, and put the best of each into its model."""
    model, dimension = jobs[0].model, jobs[0].parts[0].shape[1]
    runs = [(job, _seed_of(job.seed, restart)) for job in jobs for restart in range(model.restarts)]
    alphas = [job.model.forcing.alpha for job, _ in runs]
    forcing = model.forcing if alphas[0] is None else replace(model.forcing, alpha=tuple(alpha for one in alphas for alpha in one or ()))
    equations, observation = model.equations(model.latents(dimension)), model.observed(dimension)
    units = {id(job): increment_size(job.parts) for job in jobs}
    with one_thread():
        draws = [torch_generator(seed, "initial weights") for _, seed in runs]
        stack = PLRNNs(equations, observation, forcing, [units[id(job)] for job, _ in runs], draws).to(jobs[0].device)
        outcomes = train_many(stack, [Run(job.parts, job.windows, job.model.recipe, seed, job.budget) for job, seed in runs])
        for first, job in zip(range(0, len(runs), model.restarts), jobs, strict=True):
            row = max(range(first, first + model.restarts), key=lambda row: outcomes[row].key)
            report = outcomes[row].report
            if report.best_update == 0:
                rate = job.model.recipe.learning_rate
                raise ForecasterError(f"the training diverged before its first evaluation at update {report.updates}; lower learning_rate = {rate:g}")
            weights = stack.weights.detach()[row : row + 1].double()
            loop = PLRNNLoop(FreeRuns(equations, observation, stack.named(weights)), equations.latent, dimension)
            job.model._map, job.model._size, job.model.training_report = TorchMap(loop, job.dt), weights.shape[1], report


def _seed_of(seed: int, restart: int) -> int:
    return seed if restart == 0 else int(generator(seed, f"restart {restart}").integers(2**63))


def forcing_options(forcing: str, alpha: float | None, estimate: str, decay: float, interval: int) -> Forcing:
    """Return the forcing that the options name, after checking them."""
    one_of("forcing", forcing, ("generalised", "sparse"))
    one_of("estimate", estimate, ESTIMATES)
    within("decay", decay, 0.0, 1.0)
    positive({"interval": interval})
    if alpha is not None:
        within("alpha", alpha, 0.0, 1.0)
    return Forcing(interval if forcing == "sparse" else None, None if alpha is None else (alpha,), estimate, decay)
