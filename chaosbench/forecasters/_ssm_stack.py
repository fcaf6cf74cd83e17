"""Stacked linear filters with gated mixing between them: the network of every state-space forecaster, and its closed loop.

For the stream h (H,) and each layer: r = h / rms(h); v = filter(r); h <- h + glu(W gelu(v) + b). The stream starts as E x_t + e and ends as
x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._layers import uniform
from chaosbench.forecasters._tangent_rows import gelu_tangents, glu_tangents, normalise, normalise_tangents
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Trainable

SLOWEST, FASTEST = 1.0 / 32.0, 0.2  # range of the step dt at the start, in samples
_FORGOTTEN = 1e-3  # what is left of a sample once more context no longer helps


class Recurrent(Protocol):
    """A filter sample by sample, linear in input and state together; rows of a batch are independent bit for bit.

    shape: of the real part of the state of one row, and of its imaginary part.
    """

    shape: torch.Size

    def step(self, inputs: Tensor, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (W, H) and the next state twice, real and imaginary part, from `inputs` (W, H) and the state before."""
        ...

    def slowest(self) -> float:
        """Return the largest modulus per step: what decides how long the filter remembers."""
        ...


class Filter(nn.Module, ABC):
    """A linear filter from H channels to H channels, a segment at once or sample by sample."""

    @abstractmethod
    def dynamics(self) -> list[nn.Parameter]:
        """Return the parameters on which weight decay must not act: they say how fast the filter turns and forgets."""

    @abstractmethod
    def blank(self, batch: int) -> Tensor:
        """Return the state of a filter that has read nothing, (K, batch, S)."""

    @abstractmethod
    def operator(self, length: int) -> tuple[Tensor, ...]:
        """Return what `apply` needs for segments of `length`."""

    @abstractmethod
    def apply_to(self, inputs: Tensor, state: Tensor, operator: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return outputs (H, B, L) and the state after the last of `inputs` (H, B, L)."""

    @abstractmethod
    def recurrence(self) -> Recurrent:
        """Return the filter sample by sample."""


def log_uniform(draws: torch.Generator, *shape: int) -> Tensor:
    """Return logarithms of steps dt, uniform between those of 1/32 and 1/5 of a sample."""
    low, high = math.log(SLOWEST), math.log(FASTEST)
    return low + (high - low) * torch.rand(*shape, generator=draws)


class _Affine(nn.Module):
    """W x + b of columns x (inputs, M)."""

    def __init__(self, inputs: int, outputs: int, draws: torch.Generator) -> None:
        super().__init__()
        self.weight = uniform(draws, outputs, inputs, fan=inputs)
        self.bias = nn.Parameter(torch.zeros(outputs, 1))

    def forward(self, columns: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.weight, columns)

    def rowwise(self, scale: Tensor | None = None) -> RowwiseLinear:
        """Return the same for rows, outputs times `scale`."""
        factor = torch.ones_like(self.bias[:, 0]) if scale is None else scale
        return RowwiseLinear(self.weight.T * factor, self.bias[:, 0] * factor)


class _Layer(nn.Module):
    def __init__(self, part: Filter, width: int, draws: torch.Generator) -> None:
        super().__init__()
        self.filter = part
        self.mixing = _Affine(width, 2 * width, draws)


class StackNetwork(Trainable):
    """(B, L, D) -> increments (B, L, D); inside, activations are (H, B, L) so that channels meet weights without being moved.

    filters: makes the filter of each layer, its weights drawn from the generator it is given.
    """

    def __init__(
        self,
        filters: Callable[[torch.Generator], Filter],
        *,
        width: int,
        layers: int,
        burn_in: int,
        unit: np.ndarray,
        draws: torch.Generator,
    ) -> None:
        super().__init__()
        self.burn_in, self.width = burn_in, width
        self.encoder = _Affine(len(unit), width, draws)
        self.encoder.bias = uniform(draws, width, 1, fan=4)
        self.layers = nn.ModuleList(_Layer(filters(draws), width, draws) for _ in range(layers))
        self.decoder = _Affine(width, len(unit), draws)
        self.unit: Tensor
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))

    @property
    def filters(self) -> list[Filter]:
        """The filters from the first layer to the last."""
        return [layer.filter for layer in self.stack]

    @property
    def stack(self) -> "list[_Layer]":
        """The layers from first to last."""
        return cast("list[_Layer]", list(self.layers))

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        own = [parameter for part in self.filters for parameter in part.dynamics()]
        rest = [parameter for parameter in self.parameters() if all(parameter is not other for other in own)]
        return [(rest, 1.0, True), (own, 1.0, False)]

    def read(self, inputs: Tensor, state: Tensor | None, operators: Sequence[tuple[Tensor, ...]] | None = None) -> tuple[Tensor, Tensor]:
        """Return increments in units of `unit` (B, L, D) and the state (layers, K, B, S) after the last input.

        operators: of all filters for this length, where they are used more than once.
        """
        batch, length, dimension = inputs.shape
        flat = inputs.permute(2, 0, 1).reshape(dimension, batch * length)
        stream = self.encoder(flat).view(self.width, batch, length)
        after = []
        for n, layer in enumerate(self.stack):
            part = layer.filter
            operator = part.operator(length) if operators is None else operators[n]
            seen, following = part.apply_to(normalise(stream, 0), part.blank(batch) if state is None else state[n], operator)
            after.append(following)
            mixed = layer.mixing(nn.functional.gelu(seen).reshape(self.width, batch * length))
            stream = stream + nn.functional.glu(mixed, 0).view(self.width, batch, length)
        steps = self.decoder(normalise(stream, 0).view(self.width, batch * length))
        return steps.view(dimension, batch, length).permute(1, 2, 0), torch.stack(after)

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        skip = self.burn_in if state is None else 0
        steps, state = self.read(inputs, state)
        error = steps - (targets - inputs) / self.unit
        return error[:, skip:].square().mean(), state

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        steps, state = self.read(inputs, None)
        operators = [part.operator(1) for part in self.filters]
        sample = inputs[:, -1:] + self.unit * steps[:, -1:]
        error = [sample - targets[:, :1]]
        for n in range(1, targets.shape[1]):
            steps, state = self.read(sample, state, operators)
            sample = sample + self.unit * steps
            error.append(sample - targets[:, n : n + 1])
        return (torch.cat(error, 1) / self.unit).square().mean()

    def closed_loop(self) -> "StackLoop":
        return StackLoop(self)


class StackLoop(TorchLoop):
    """State: real and imaginary parts of the layers' modes, then the newest sample (D,), which is held and not yet read."""

    listens = True

    def __init__(self, network: StackNetwork) -> None:
        weights = copy.deepcopy(network).double().requires_grad_(False)
        self.observed = len(weights.unit)
        self.device = weights.unit.device
        self._layers = [part.recurrence() for part in weights.filters]
        self._shape = self._layers[0].shape
        self.dimension = 2 * len(self._layers) * self._shape.numel() + self.observed
        self._encoder = weights.encoder.rowwise()
        self._mixing = [layer.mixing.rowwise() for layer in weights.stack]
        self._decoder = weights.decoder.rowwise(weights.unit)
        slowest = min(max(layer.slowest() for layer in self._layers), 1.0 - 1e-9)
        self.settling = math.ceil(math.log(_FORGOTTEN) / math.log(slowest))

    def start(self, context: Tensor) -> Tensor:
        parts: Sequence[Tensor] = context.new_zeros(2 * len(self._layers), context.shape[0], *self._shape).unbind(0)
        for t in range(context.shape[1] - 1):
            parts, _ = self._listen(parts, context[:, t])
        return torch.cat([part.flatten(1) for part in parts] + [context[:, -1]], 1)

    def step(self, state: Tensor) -> Tensor:
        sample = state[:, -self.observed :]
        parts, stream = self._listen(self._parts(state), sample)
        increment = self._decoder(normalise(stream, 1))
        return torch.cat([part.flatten(1) for part in parts] + [sample + increment], 1)

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat((state, tangents))  # (1 + K, S): the linear parts move the state and its tangents alike, biases only the state
        only_state = rows.new_zeros(len(rows), 1)
        only_state[0] = 1.0
        sample = rows[:, -self.observed :]
        parts = self._parts(rows)
        stream = self._encoder(sample, only_state)
        after: list[Tensor] = []
        for n, layer in enumerate(self._layers):
            seen, *following = layer.step(normalise_tangents(stream), parts[2 * n], parts[2 * n + 1])
            after += following
            mixed = self._mixing[n](gelu_tangents(seen), only_state)
            stream = stream + glu_tangents(mixed)
        increment = self._decoder(normalise_tangents(stream), only_state)
        carried = torch.cat([part.flatten(1) for part in after] + [sample + increment], 1)
        return carried[:1], carried[1:]

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]

    def _parts(self, rows: Tensor) -> Sequence[Tensor]:
        return rows[:, : -self.observed].view(-1, 2 * len(self._layers), *self._shape).unbind(1)

    def _listen(self, parts: Sequence[Tensor], sample: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the next parts of the state and the residual stream (W, H) after reading `sample` (W, D)."""
        stream = self._encoder(sample)
        after: list[Tensor] = []
        for n, layer in enumerate(self._layers):
            seen, *following = layer.step(normalise(stream, 1), parts[2 * n], parts[2 * n + 1])
            after += following
            stream = stream + nn.functional.glu(self._mixing[n](nn.functional.gelu(seen)), 1)
        return after, stream
