"""Fourier neural operator in one dimension: pointwise layers and convolutions of unlimited reach, trained on the increments of a field."""

import copy
import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._fourier_layers import FourierConvolution, fourier_tables
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import TorchLoop
from chaosbench.forecasters._training import Recipe, Trainable
from chaosbench.forecasters.base import Budget, Choice, Problem, Range, Training
from chaosbench.geometry import Geometry

_PADDING = 4  # a chain with ends gets a quarter of its length of zeros, so that one end does not see the other


class _Operator(nn.Module):
    """Channels (B, P, N) -> fields (B, F, N), for any number of sites N."""

    def __init__(self, channels: int, fields: int, width: int, modes: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()

        def uniform(*shape: int, fan: int) -> nn.Parameter:
            return nn.Parameter((2.0 * torch.rand(*shape, generator=draws) - 1.0) / math.sqrt(fan))

        self.lift, self.lift_bias = uniform(width, channels, fan=channels), uniform(width, 1, fan=channels)
        self.far = nn.ModuleList(FourierConvolution(width, modes, draws) for _ in range(layers))
        self.near = uniform(layers, width, width, fan=width)
        self.bias = nn.Parameter(torch.zeros(layers, width, 1))
        self.hidden, self.hidden_bias = uniform(2 * width, width, fan=width), uniform(2 * width, 1, fan=width)
        self.project, self.project_bias = uniform(fields, 2 * width, fan=2 * width), nn.Parameter(torch.zeros(fields, 1))
        self.modes = modes

    def forward(self, channels: Tensor) -> Tensor:
        batch, count, sites = channels.shape
        tables = fourier_tables(sites, self.modes, dtype=channels.dtype, device=channels.device)
        flat = channels.transpose(0, 1).reshape(count, batch * sites)
        stream = torch.addmm(self.lift_bias, self.lift, flat)  # (C, B N)
        for n, convolve in enumerate(self.far):
            far = convolve(stream.view(-1, batch, sites), tables).reshape(-1, batch * sites)
            mixed = torch.addmm(self.bias[n], self.near[n], stream) + far
            stream = stream + nn.functional.gelu(mixed)
        seen = nn.functional.gelu(torch.addmm(self.hidden_bias, self.hidden, stream))
        return torch.addmm(self.project_bias, self.project, seen).view(-1, batch, sites).transpose(0, 1)


class _Network(Trainable):
    """The last K samples (B, K, D) -> increments in units of `unit` (B, D)."""

    def __init__(self, geometry: Geometry, inputs: int, width: int, modes: int, layers: int, unit: np.ndarray, draws: torch.Generator) -> None:
        super().__init__()
        self.fields, self.sites, self.inputs = geometry.fields, geometry.sites[0], inputs
        self.padding = 0 if geometry.periodic else -(-self.sites // _PADDING)
        self.places: Tensor
        self.unit: Tensor
        self.register_buffer("places", _places(geometry))
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))
        kept = min(modes, (self.sites + self.padding) // 2 + 1)
        self.operator = _Operator(self.fields * inputs + len(self.places), self.fields, width, kept, layers, draws)

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [(list(self.parameters()), 1.0, True)]

    def increments(self, windows: Tensor) -> Tensor:
        """Return increments (B, D) in units of `unit` after `windows` (B, K, D), oldest sample first."""
        batch = windows.shape[0]
        channels = windows.reshape(batch, self.inputs * self.fields, self.sites)
        channels = torch.cat((channels, self.places.expand(batch, -1, -1)), 1)
        if self.padding:
            channels = nn.functional.pad(channels, (0, self.padding))
        steps: Tensor = self.operator(channels)
        return steps[..., : self.sites].reshape(batch, -1)

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        first = self.inputs - 1
        windows = inputs.unfold(1, self.inputs, 1).transpose(2, 3).reshape(-1, self.inputs, inputs.shape[2])
        wanted = (targets[:, first:] - inputs[:, first:]) / self.unit
        return (self.increments(windows) - wanted.reshape(len(windows), -1)).square().mean(), inputs[:, -1]

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        window, losses = inputs[:, -self.inputs :], []
        for k in range(targets.shape[1]):
            following = window[:, -1] + self.unit * self.increments(window)
            losses.append(((following - targets[:, k]) / self.unit).square().mean())
            window = torch.cat((window[:, 1:], following[:, None]), 1)
        return torch.stack(losses).mean()

    def closed_loop(self) -> "_Loop":
        return _Loop(self)


class _Loop(TorchLoop):
    """State: the last K samples, oldest first (K D,). Products of several windows share their kernels, so windows are run one by one."""

    rowwise = False

    def __init__(self, network: _Network) -> None:
        self.device = network.unit.device
        self.observed, self.span = network.unit.shape[0], network.inputs
        self.settling, self.dimension = network.inputs, network.inputs * self.observed
        self._network = _double(network)

    def start(self, context: Tensor) -> Tensor:
        return context[:, -self.span :].reshape(len(context), -1)

    def step(self, state: Tensor) -> Tensor:
        window = state.view(len(state), self.span, self.observed)
        following = window[:, -1] + self._network.unit * self._network.increments(window)
        return torch.cat((state[:, self.observed :], following), 1)

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]


def _double(network: _Network) -> _Network:
    """Return a copy of `network` in float64, without gradients."""
    return copy.deepcopy(network).double().requires_grad_(False)


def _places(geometry: Geometry) -> Tensor:
    """Return channels (P, N) that tell sites apart: none where all follow one rule, cosine and sine on a ring, the place on a chain with ends."""
    place = torch.arange(geometry.sites[0], dtype=torch.float64) / geometry.sites[0]
    if not geometry.periodic:
        return (2.0 * place - 1.0)[None].float()
    angle = 2.0 * math.pi * place
    return torch.stack((torch.cos(angle), torch.sin(angle)))[: 0 if geometry.homogeneous else 2].float()


class FourierNeuralOperator(TorchForecaster):
    """x_{t+1} = x_t + u * net(x_t): the net acts at every site alike and mixes sites by convolutions, held as products of the lowest Fourier modes.

    Equations: v_0 = P [x, places] + p at every site; v <- v + gelu(W v + b + F^-1 R F v), `layers` times; net = Q_2 gelu(Q_1 v + q_1) + q_2.
    Symbols: v (C, N) with C = width; F the Fourier transform in space; R_k complex (C, C) for the lowest `modes` modes k and 0 for the rest; u the
    root mean square increment of the training data; with `inputs` = K the last K samples are channels of x. places: nothing where all sites follow
    one rule, and then moving the field moves the forecast; else cosine and sine of the place on a ring, the place itself on a chain with ends, which
    gets a quarter of its length of zeros at its end.
    Method: loss = mean of |increment - prediction|^2 / u^2 over segments of `segment` pairs; input noise; AdamW with a cosine schedule; weights of
    the best valid prediction time on held-out data. unrolled = K trains the last quarter of the updates on K predictions fed back. The transform is a
    product with a table of cosines and sines, in real arithmetic. One dimension: chains, and fields on an interval.
    Source: Z. Li et al., "Fourier Neural Operator for Parametric Partial Differential Equations", ICLR 2021, arXiv:2010.08895.
    Changed: increments instead of states; every layer adds to the stream; no places where none are needed; the last layer has its gelu, too.
    Measured on 5 000 samples at 30 a period, one seed, 20 windows: Lorenz-96 (40 cells) a median valid prediction time of 2.1 Lyapunov times,
    Kuramoto-Sivashinsky (L = 22, 64 points, dt = 0.74), at a learning rate of 8e-3, 2.3.
    Cost: 1 000 updates of 32 x 2 samples; about 4 N C (C + M) multiplications a layer and sample, with M modes; windows run one by one.
    Fails: few samples; waves beyond the kept modes are seen by the pointwise part alone; small scales that are damped in truth and fed in the model
    (input noise is there against that); sharp fronts.
    """

    rollout = "windowed"
    space: ClassVar = {
        "width": Choice((16, 32, 64)),
        "modes": Range(4, 32, whole=True),
        "layers": Range(1, 4, whole=True),
        "inputs": Choice((1, 2, 4)),
        "learning_rate": Range(1e-3, 1e-2, log=True),
        "noise": Choice((0.0, 1e-3, 1e-2)),
        "unrolled": Choice((0, 4, 8)),
    }
    family: ClassVar = "fields"
    source = "Z. Li et al., ICLR 2021, arXiv:2010.08895"

    def __init__(
        self,
        *,
        width: int = 32,
        modes: int = 16,
        layers: int = 3,
        inputs: int = 1,
        updates: int = 1000,
        batch: int = 32,
        segment: int = 2,
        unrolled: int = 0,
        learning_rate: float = 4e-3,
        weight_decay: float = 1e-4,
        noise: float = 1e-3,
    ) -> None:
        super().__init__()
        positive({"width": width, "modes": modes, "layers": layers, "inputs": inputs, "updates": updates, "batch": batch, "segment": segment})
        within("unrolled", unrolled, 0, 1000)
        self.width, self.modes, self.layers, self.inputs = width, modes, layers, inputs
        self._geometry: Geometry | None = None
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=segment + inputs - 1,
            carried=1,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason unless components lie on a chain and data and context are long enough."""
        if problem.geometry is None:
            return "components without places on a chain, or only some of them seen"
        if len(problem.geometry.sites) != 1:
            return f"sites {problem.geometry.sites}; this operator has one dimension"
        if problem.context < self.inputs:
            return f"a context of {problem.context} samples; {self.inputs} inputs need as many"
        return super().unsupported(problem)

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train from fresh weights on the part that is not held out; the report is in `training_report`."""
        geometry = training.geometry
        if geometry is None or len(geometry.sites) != 1:
            raise ForecasterError(f"training.geometry = {geometry}: this operator needs a chain; pass a Geometry with one axis")
        self._geometry = geometry
        super().fit(training, seed=seed, device=device, budget=budget)

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> _Network:
        geometry = self._geometry
        if geometry is None or geometry.fields * geometry.sites[0] != states[0].shape[1]:
            raise ForecasterError(f"training.geometry = {geometry}: does not have the {states[0].shape[1]} components of the data; see Geometry")
        unit = increment_size(states).reshape(geometry.fields, -1)
        if geometry.homogeneous:
            unit = np.repeat(np.sqrt(np.mean(unit**2, axis=1, keepdims=True)), geometry.sites[0], axis=1)
        return _Network(geometry, self.inputs, self.width, self.modes, self.layers, unit.ravel(), draws)
