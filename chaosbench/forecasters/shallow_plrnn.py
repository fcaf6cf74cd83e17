"""Shallow piecewise-linear recurrent network trained with generalised teacher forcing."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._forced_plrnn import active_slope, forced_states, jacobians, spectral_norms
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Recipe, Trainable

_EVERY = 5  # updates between two estimates of the forcing strength
_DECAY = 0.99  # how slowly it falls; 0.999 in the source, which trains a hundred times longer
_SEQUENCES = 16  # sequences of a batch that an estimate looks at
_ITERATIONS = 10  # power iterations of a spectral norm
_SETTLING = 100  # samples of context that hidden latents are given


class _Network(Trainable):
    """Parameters A (M,), W1 (M, H), W2 (H, M), h1 (M,), h2 (H,) and the start map L (M - D, D) with offset."""

    def __init__(
        self, dimension: int, latent: int, hidden: int, clipped: bool, alpha: float | None, unit: np.ndarray, draws: torch.Generator
    ) -> None:
        super().__init__()

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter((2.0 * torch.rand(*shape, generator=draws) - 1.0) / math.sqrt(shape[-1]))

        gram = torch.randn(latent, latent, generator=draws)
        positive_definite = gram.T @ gram / latent + torch.eye(latent)
        diagonal = (positive_definite / torch.linalg.eigvalsh(positive_definite)[-1]).diagonal()
        self.raw_A = nn.Parameter(torch.atanh(diagonal.clamp(max=0.99)) if clipped else diagonal.clone())
        self.W1, self.W2 = uniform(latent, hidden), uniform(hidden, latent)
        self.h1 = nn.Parameter(torch.zeros(latent))
        self.h2 = uniform(hidden) if clipped else nn.Parameter(torch.zeros(hidden))
        self.lift = uniform(latent - dimension, dimension)
        self.lift_bias = nn.Parameter(torch.zeros(latent - dimension))
        self.clipped, self.adaptive, self.observed = clipped, alpha is None, dimension
        self.alpha: Tensor
        self.unit: Tensor
        self.register_buffer("alpha", torch.tensor(1.0 if alpha is None else alpha))
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))
        self._calls = 0

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [([parameter for parameter in self.parameters() if parameter.numel()], 1.0, True)]

    def diagonal(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return A (M,): inside (-1, 1) when clipped, so that no orbit escapes (in float64 the tangent only rounds to 1 beyond 19)."""
        raw = self.raw_A.to(dtype)
        return torch.tanh(raw) if self.clipped else raw

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        signal = inputs.transpose(0, 1)
        A = self.diagonal()
        hidden = A.shape[0] - self.observed
        start = self.lifted(signal[0]) if state is None else state
        if self.adaptive and self._calls % _EVERY == 0:
            self._adapt(signal)
        self._calls += 1
        keep = torch.cat(((1.0 - self.alpha).expand(self.observed), self.alpha.new_ones(hidden)))
        padded = nn.functional.pad(signal, (0, hidden))
        states = forced_states(start, padded, keep, A, self.W1, self.W2, self.h1, self.h2, self.clipped)
        error = (states[..., : self.observed] - targets.transpose(0, 1)) / self.unit
        skip = len(error) // 2 if state is None and hidden else 0
        return error[skip:].square().mean(), states[-1]

    def lifted(self, samples: Tensor) -> Tensor:
        """Return latent states (..., M) whose observed part is `samples` (..., D) and whose rest is linear in them."""
        return torch.cat((samples, nn.functional.linear(samples, self.lift, self.lift_bias)), -1)

    def jacobians(self, points: Tensor) -> Tensor:
        """Return the Jacobians (..., M, M) of the unforced step."""
        return jacobians(points, self.diagonal(), self.W1, self.W2, self.h2, self.clipped)

    def closed_loop(self) -> "_Loop":
        return _Loop(self)

    @torch.no_grad()
    def _adapt(self, signal: Tensor) -> None:
        norms = spectral_norms(self.jacobians(self.lifted(signal[1:, :_SEQUENCES])), _ITERATIONS)  # (T - 1, B)
        kappa = norms.log().mean(0).exp().max()
        wanted = (1.0 - 1.0 / kappa).clamp_min(0.0)
        self.alpha.copy_(torch.where(wanted > self.alpha, wanted, _DECAY * self.alpha + (1.0 - _DECAY) * wanted))


class _Loop(TorchLoop):
    """State: the latent vector (M,); its first D entries are the observation."""

    def __init__(self, network: _Network) -> None:
        weights = {name: values.detach().double() for name, values in network.state_dict().items()}
        self.observed, self.dimension = network.observed, network.raw_A.shape[0]
        self.device = network.raw_A.device
        self.settling = 1 if self.dimension == self.observed else _SETTLING
        self._A, self._h1, self._h2, self._clipped = network.diagonal(torch.float64).detach(), weights["h1"], weights["h2"], network.clipped
        self._W1, self._W2 = weights["W1"].T.contiguous(), weights["W2"].T.contiguous()
        self._outer, self._inner = RowwiseLinear(self._W1, self._h1), RowwiseLinear(self._W2)
        self._lift = RowwiseLinear(weights["lift"].T, weights["lift_bias"])

    def start(self, context: Tensor) -> Tensor:
        if self.dimension == self.observed:
            return context[:, -1].clone()
        hidden = self._lift(context[:, 0])
        for t in range(context.shape[1] - 1):
            hidden = self.step(torch.cat((context[:, t], hidden), 1))[:, self.observed :]
        return torch.cat((context[:, -1], hidden), 1)

    def step(self, state: Tensor) -> Tensor:
        return self._advance(state, self._inner(state))

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        inner = self._inner(state)
        slope = active_slope(inner, self._h2, self._clipped)
        return self._advance(state, inner), tangents * self._A + (slope * (tangents @ self._W2)) @ self._W1

    def _advance(self, state: Tensor, inner: Tensor) -> Tensor:
        active = torch.relu(inner + self._h2)
        if self._clipped:
            active = active - torch.relu(inner)
        return state * self._A + self._outer(active)

    def observe(self, state: Tensor) -> Tensor:
        return state[:, : self.observed]


class ShallowPLRNN(TorchForecaster):
    """z_{t+1} = A z_t + W1 [relu(W2 z_t + h2) - relu(W2 z_t)] + h1, trained with part of the data mixed into every state.

    Symbols: z (M,) latent, M = D + extra_latents, the first D entries are the observation; A (M,) a diagonal; `hidden` units. clipped=False
    drops the second relu. Clipped, A = tanh(a): then |z| <= max(|z_0|, (|h1| + |W1| |h2|) / (1 - |A|)) entry by entry, and no free run escapes.
    Method: generalised teacher forcing: each step starts from (1 - alpha) z_t + alpha x_t in the observed entries, so products of training Jacobians
    are bounded when alpha >= 1 - 1 / (their largest singular value). alpha=None adapts it: every 5 updates kappa = the largest over 16 sequences of
    the geometric mean over time of the Jacobians' spectral norms at the data, a = max(0, 1 - 1 / kappa); alpha jumps up to a and decays down to it.
    Loss = mean square error of z against the next sample over segments of `segment` steps, in units of the root mean square increment; `carried`
    segments in a row hand their last state on (detached); hidden entries start linear in the first sample, and the first half of a row's first
    segment is then left out. AdamW, cosine schedule; weights of the best valid prediction time on held-out data. The context sets the observed
    entries to the data and lets the hidden ones settle.
    Source: F. Hess, Z. Monfared, M. Brenner, D. Durstewitz, "Generalized Teacher Forcing for Learning Chaotic Dynamics", ICML 2023,
    arXiv:2306.04406.
    Changed: A = tanh(a) when clipped; extra latents carried over segments; alpha decays by 0.99 instead of 0.999 an estimate, for a training a
    hundred times shorter; AdamW instead of RAdam (no difference seen); no penalty on latents or observation matrix; the backward pass is written out.
    Measured on Lorenz-63 (noise-free, 100 windows of test data): median valid prediction time 2.4 to 2.8 Lyapunov times over seeds 0 to 4 (5 000
    samples, dt = 0.025); at dt = 0.02 (5 904 samples, seeds 0 to 5) 2.2 to 2.6, closed-loop largest exponent 0.87 to 1.16 (truth 0.906), and 1 of
    120 free runs of 10 000 steps ended on a fixed point. The input noise of 0.003 was picked for that: with none, or with 0.006, a good half of
    the runs of one seed in four or five did. No extra latents, 50 units, alpha = 0.3 and rate 0.02 gave 1.6 to 2.0; the same unclipped 2.5 to 2.9.
    Cost: 2 500 updates of 32 x 20 samples, 6 to 8 s on one core; a step of five windows takes 0.04 ms, with one tangent 0.08 ms.
    Fails: wide states with few samples (it knows nothing of space: 40 variables from 5 000 samples are forecast for one step). A fixed alpha = 0.3
    fails on maps, whose Jacobians are larger. |A| < 1 bounds an orbit but keeps it neither chaotic nor inside the data.
    """

    rollout = "recurrent"
    source = "F. Hess, Z. Monfared, M. Brenner, D. Durstewitz, ICML 2023, arXiv:2306.04406"

    def __init__(
        self,
        *,
        hidden: int = 100,
        extra_latents: int = 3,
        clipped: bool = True,
        alpha: float | None = None,
        updates: int = 2500,
        batch: int = 32,
        segment: int = 20,
        carried: int = 8,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
    ) -> None:
        super().__init__()
        positive({"hidden": hidden, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        within("extra_latents", extra_latents, 0, 10_000)
        if alpha is not None:
            within("alpha", alpha, 0.0, 1.0)
        self.hidden, self.extra_latents, self.clipped, self.alpha = hidden, extra_latents, clipped, alpha
        self.recipe = Recipe(
            updates=updates, batch=batch, segment=segment, carried=carried, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> _Network:
        dimension = states[0].shape[1]
        return _Network(dimension, dimension + self.extra_latents, self.hidden, self.clipped, self.alpha, increment_size(states), draws)
