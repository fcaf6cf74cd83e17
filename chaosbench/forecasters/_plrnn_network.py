"""Stacked piecewise-linear networks: R runs of one shape trained as one, each with weights, forcing strength and data of its own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chaosbench.forecasters._forced_plrnn import Weights, forced_states, free_step, inputs_of_units, slopes
from chaosbench.forecasters._plrnn_forcing import stretching
from chaosbench.forecasters._plrnn_observation import Bound, Observation
from chaosbench.forecasters._plrnn_sums import pairwise_sum, split_rows
from chaosbench.forecasters._training_many import Stack

_EVERY = 10  # updates between two estimates of the forcing strength
_SEQUENCES = 16  # sequences of a batch that an estimate looks at


class Equations(ABC):
    """One kind of piecewise-linear network: the parameters of a run, and how they become the weights of the recurrence."""

    latent: int

    @abstractmethod
    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        """Return initial parameters of one run."""

    @abstractmethod
    def weights(self, named: dict[str, Tensor]) -> Weights:
        """Return the weights of the stacked runs from their parameters (R, ...), all axes but the runs padded to whole cache lines."""


@dataclass(frozen=True)
class Forcing:
    """How data enter the recurrence while it trains.

    interval: None mixes the data in at every step with strength alpha, otherwise they replace the observed latents every `interval` steps.
    alpha: the strength, one a run; None adapts it with `estimate` (see `_plrnn_forcing`) and forgets by `decay` an estimate.
    """

    interval: int | None
    alpha: tuple[float, ...] | None
    estimate: str
    decay: float


class PLRNNs(Stack):
    """Weights (R, P) of R networks and the forcing strength (R,) of each."""

    def __init__(
        self, equations: Equations, observation: Observation, forcing: Forcing, units: Sequence[np.ndarray], draws: Sequence[torch.Generator]
    ) -> None:
        first = [{**equations.initial(draw), **observation.initial(draw)} for draw in draws]
        super().__init__(torch.stack([torch.cat([values.flatten() for values in run.values()]) for run in first]))
        self.equations, self.observation, self.forcing = equations, observation, forcing
        self._shapes = {name: values.shape for name, values in first[0].items()}
        self.alpha: Tensor
        self.unit: Tensor
        self._pulled: Tensor
        self.register_buffer("alpha", torch.ones(len(first)) if forcing.alpha is None else torch.tensor(forcing.alpha, dtype=torch.float32))
        self.register_buffer("unit", torch.as_tensor(np.stack(units), dtype=torch.float32))
        self.register_buffer("_pulled", observation.pulled())

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the parameters (R, ...) by name from their rows (R, P)."""
        parts = torch.split(flat, [shape.numel() for shape in self._shapes.values()], 1)
        return {name: part.reshape(len(part), *shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    def segment_losses(self, inputs: Tensor, targets: Tensor, state: Tensor | None, update: int) -> tuple[Tensor, Tensor]:
        """Return the losses (R,) of predicting `targets` (R, B, L, D) from `inputs` one step earlier, and the states to carry on; see `Stack`."""
        batch, steps = inputs.shape[1:3]
        named = self.named(self.weights)
        weights, observed = self.equations.weights(named), self.observation.bound(named)
        signal = split_rows(observed.signal(inputs.transpose(1, 2).flatten(1, 2)), (steps, batch)).transpose(0, 1).contiguous()
        start = observed.start(signal[0]) if state is None else state
        if self.forcing.interval is None and self.forcing.alpha is None and update % _EVERY == 0:
            self.adapt(weights, observed, signal[1:, :, :_SEQUENCES])
        states = forced_states(start, signal, self._keep(steps, batch), weights)  # (L, R, B, M)
        seen = split_rows(observed.seen(states.transpose(0, 1).flatten(1, 2)), (steps, batch))
        error = (seen - targets.transpose(1, 2)) / self.unit[:, None, None]
        skip = steps // 2 if state is None and not self.observation.determined else 0
        scored = error[:, skip:].flatten(1)
        return pairwise_sum(scored.square()) / scored.shape[1], states[-1]

    def _keep(self, steps: int, batch: int) -> Tensor:
        """Return what every step keeps of the state (L, R, B, M): 1 but for pulled latents."""
        if self.forcing.interval is None:
            kept = 1.0 - self.alpha[:, None] * self._pulled  # (R, M)
            return kept[None, :, None].expand(steps, -1, batch, -1).contiguous()
        now = (torch.arange(steps, device=self._pulled.device) % self.forcing.interval == 0).to(self._pulled)
        kept = 1.0 - now[:, None] * self._pulled  # (L, M)
        return kept[:, None, None].expand(-1, len(self.alpha), batch, -1).contiguous()

    @torch.no_grad()
    def adapt(self, weights: Weights, observed: Bound, signal: Tensor) -> None:
        """Raise every run's alpha to max(0, 1 - 1/kappa) of the Jacobians on the data `signal` (T, R, S, M), or let it fall towards that."""
        if not len(signal):
            return
        points = observed.start(signal.transpose(0, 1).flatten(1, 2))  # (R, T S, M)
        slope = split_rows(slopes(inputs_of_units(points, weights), weights), (len(signal), signal.shape[2]))
        kappa = stretching(slope, weights, self.forcing.estimate)
        wanted = torch.where(torch.isfinite(kappa), (1.0 - 1.0 / kappa).clamp_min(0.0), self.alpha)
        decay = self.forcing.decay
        self.alpha.copy_(torch.where(wanted > self.alpha, wanted, decay * self.alpha + (1.0 - decay) * wanted))

    def closed_loop(self) -> "FreeRuns":
        """Return the free-running networks of the present weights, in float64."""
        return FreeRuns(self.equations, self.observation, self.named(self.weights.detach().double()))


class FreeRuns:
    """Stacked networks without forcing: states (R, N, M'), samples (R, N, D)."""

    def __init__(self, equations: Equations, observation: Observation, named: dict[str, Tensor]) -> None:
        self.determined = observation.determined
        self.weights, self.bound = equations.weights(named), observation.bound(named)

    def start(self, context: Tensor) -> Tensor:
        """Return the states (R, N, M') after reading contexts (R, N, C, D): data set what they tell, the rest runs along and settles."""
        if self.determined:
            return self.bound.start(self.bound.signal(context[:, :, -1]))
        state = self.bound.start(self.bound.signal(context[:, :, 0]))
        for t in range(context.shape[2] - 1):
            state = self.step(self.bound.corrected(state, context[:, :, t]))
        return self.bound.corrected(state, context[:, :, -1])

    def step(self, state: Tensor) -> Tensor:
        """Return the next states."""
        return free_step(state, self.weights)

    def observe(self, state: Tensor) -> Tensor:
        """Return the observations (R, N, D)."""
        return self.bound.seen(state)


def clipped_units(h2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (sign, c, low, high) with relu(u + h2) - relu(u) = sign clamp(u + c, low, high), one operation for four."""
    return torch.sign(h2).detach(), torch.relu(h2), torch.zeros_like(h2), h2.abs()


def contracting_diagonal(latent: int, draws: torch.Generator) -> Tensor:
    """Return the diagonal (M,) of R'R / M + 1, R random normal, scaled to a largest eigenvalue of 1: how A starts in all networks of this kind."""
    gram = torch.randn(latent, latent, generator=draws)
    positive_definite = gram.T @ gram / latent + torch.eye(latent)
    diagonal: Tensor = (positive_definite / torch.linalg.eigvalsh(positive_definite)[-1]).diagonal()
    return diagonal
