"""Stacked diagonal state-space layers with gated mixing, trained on one-step increments and fed back."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._ssm import Modes, Recurrence, discretise, segment_operator
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import TorchLoop, rowwise_linear
from chaosbench.forecasters._training import Recipe, Trainable

_SLOWEST, _FASTEST = 1.0 / 32.0, 0.2  # range of the step dt at the start, in samples
_EPSILON = 1e-6  # keeps a silent stream finite
_FORGOTTEN = 1e-3  # what is left of a sample once more context no longer helps


class _Network(Trainable):
    """(B, L, D) -> increments (B, L, D); inside, activations are (H, B, L) so that channels meet weights without being moved."""

    def __init__(self, dimension: int, width: int, modes: int, layers: int, burn_in: int, unit: np.ndarray, draws: torch.Generator) -> None:
        super().__init__()

        def uniform(*shape: int, fan: int) -> nn.Parameter:
            return nn.Parameter((2.0 * torch.rand(*shape, generator=draws) - 1.0) / math.sqrt(fan))

        low, high = math.log(_SLOWEST), math.log(_FASTEST)
        self.burn_in = burn_in
        self.encoder = uniform(width, dimension, fan=dimension)
        self.encoder_bias = uniform(width, 1, fan=4)
        self.log_step = nn.Parameter(low + (high - low) * torch.rand(layers, width, generator=draws))
        self.log_decay = nn.Parameter(torch.full((layers, width, modes), math.log(0.5)))
        self.frequency = nn.Parameter((math.pi * torch.arange(modes, dtype=torch.float32)).expand(layers, width, modes).clone())
        self.output = nn.Parameter(math.sqrt(0.5) * torch.randn(layers, width, modes, 2, generator=draws))
        self.through = nn.Parameter(torch.randn(layers, width, generator=draws))
        self.mixing = uniform(layers, 2 * width, width, fan=width)
        self.mixing_bias = nn.Parameter(torch.zeros(layers, 2 * width, 1))
        self.decoder = uniform(dimension, width, fan=width)
        self.decoder_bias = nn.Parameter(torch.zeros(dimension, 1))
        self.unit: Tensor
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        own = [self.log_step, self.log_decay, self.frequency]
        rest = [parameter for parameter in self.parameters() if all(parameter is not other for other in own)]
        return [(rest, 1.0, True), (own, 1.0, False)]

    def modes(self) -> Modes:
        """Return the discrete modes of all layers, leading axis the layer."""
        return discretise(self.log_step, self.log_decay, self.frequency, self.output, self.through)

    def read(self, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return increments in units of `unit` (B, L, D) and the state (layers, H, B, 2N) after the last input."""
        batch, length, dimension = inputs.shape
        layers, width, modes = self.frequency.shape
        operator = segment_operator(self.modes(), length)
        if state is None:
            state = inputs.new_zeros(layers, width, batch, 2 * modes)
        flat = inputs.permute(2, 0, 1).reshape(dimension, batch * length)
        stream = torch.addmm(self.encoder_bias, self.encoder, flat).view(width, batch, length)
        after = []
        for n in range(layers):
            both = torch.bmm(torch.cat((_normalise(stream, 0), state[n]), -1), operator[n])
            after.append(both[..., length:])
            seen = nn.functional.gelu(both[..., :length]).reshape(width, batch * length)
            stream = stream + nn.functional.glu(torch.addmm(self.mixing_bias[n], self.mixing[n], seen), 0).view(width, batch, length)
        last = _normalise(stream, 0).view(width, batch * length)
        steps = torch.addmm(self.decoder_bias, self.decoder, last)
        return steps.view(dimension, batch, length).permute(1, 2, 0), torch.stack(after)

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        skip = self.burn_in if state is None else 0
        steps, state = self.read(inputs, state)
        error = steps - (targets - inputs) / self.unit
        return error[:, skip:].square().mean(), state

    def closed_loop(self) -> "_Loop":
        return _Loop(self)


class _Loop(TorchLoop):
    """State: real and imaginary parts of the layers' modes (2 layers, H, N), then the newest sample (D,), which is held and not yet read."""

    def __init__(self, network: _Network) -> None:
        weights = {name: values.detach().double() for name, values in network.state_dict().items()}
        layers, width, modes = network.frequency.shape
        self.observed = network.unit.shape[0]
        self.dimension = 2 * layers * width * modes + self.observed
        self.device = network.unit.device
        names = ("log_step", "log_decay", "frequency", "output", "through")
        self._layers = [Recurrence(discretise(*(weights[name][n] for name in names))) for n in range(layers)]
        self._shape = (2 * layers, width, modes)
        self._encoder, self._encoder_bias = weights["encoder"].T.contiguous(), weights["encoder_bias"][:, 0]
        self._mixing, self._mixing_bias = weights["mixing"].transpose(1, 2).contiguous(), weights["mixing_bias"][..., 0]
        self._decoder, self._decoder_bias = (weights["decoder"].T * weights["unit"]).contiguous(), weights["decoder_bias"][:, 0] * weights["unit"]
        slowest = min(max(layer.slowest() for layer in self._layers), 1.0 - 1e-9)
        self.settling = math.ceil(math.log(_FORGOTTEN) / math.log(slowest))

    def start(self, context: Tensor) -> Tensor:
        parts: Sequence[Tensor] = context.new_zeros(self._shape[0], context.shape[0], *self._shape[1:]).unbind(0)
        for t in range(context.shape[1] - 1):
            parts, _ = self._listen(parts, context[:, t])
        return torch.cat([part.flatten(1) for part in parts] + [context[:, -1]], 1)

    def step(self, state: Tensor) -> Tensor:
        sample = state[:, -self.observed :]
        parts, stream = self._listen(state[:, : -self.observed].unflatten(1, self._shape).unbind(1), sample)
        increment = rowwise_linear(_normalise(stream, 1), self._decoder, self._decoder_bias)
        return torch.cat([part.flatten(1) for part in parts] + [sample + increment], 1)

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat((state, tangents))  # (1 + K, S): the linear parts move the state and its tangents alike, biases only the state
        only_state = rows.new_zeros(len(rows), 1)
        only_state[0] = 1.0
        sample = rows[:, -self.observed :]
        parts = rows[:, : -self.observed].unflatten(1, self._shape).unbind(1)
        stream = rowwise_linear(sample, self._encoder, only_state * self._encoder_bias)
        after: list[Tensor] = []
        for n, layer in enumerate(self._layers):
            seen, *following = layer.step(_normalise_tangents(stream), parts[2 * n], parts[2 * n + 1])
            after += following
            mixed = rowwise_linear(_gelu_tangents(seen), self._mixing[n], only_state * self._mixing_bias[n])
            stream = stream + _glu_tangents(mixed)
        increment = rowwise_linear(_normalise_tangents(stream), self._decoder, only_state * self._decoder_bias)
        carried = torch.cat([part.flatten(1) for part in after] + [sample + increment], 1)
        return carried[:1], carried[1:]

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]

    def _listen(self, parts: Sequence[Tensor], sample: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the next parts of the state (W, H, N) and the residual stream (W, H) after reading `sample` (W, D)."""
        stream = rowwise_linear(sample, self._encoder, self._encoder_bias)
        after: list[Tensor] = []
        for n, layer in enumerate(self._layers):
            seen, *following = layer.step(_normalise(stream, 1), parts[2 * n], parts[2 * n + 1])
            after += following
            stream = stream + nn.functional.glu(rowwise_linear(nn.functional.gelu(seen), self._mixing[n], self._mixing_bias[n]), 1)
        return after, stream


def _normalise(stream: Tensor, axis: int) -> Tensor:
    """Divide by the root mean square over the channels, which lie on `axis`; gains are left to the weights that follow."""
    length = torch.linalg.vector_norm(stream, dim=axis, keepdim=True)
    return stream * (math.sqrt(stream.shape[axis]) / (length + _EPSILON))


def _normalise_tangents(rows: Tensor) -> Tensor:
    """`_normalise` of row 0, and its derivative there applied to the rows (1 + K, H) after it."""
    point, root = rows[:1], math.sqrt(rows.shape[1])
    length = torch.linalg.vector_norm(point, dim=1, keepdim=True)
    scale = root / (length + _EPSILON)
    after = rows * scale
    after[1:] -= point * ((rows[1:] * point).sum(1, keepdim=True) * (scale / ((length + _EPSILON) * length)))
    return after


def _gelu_tangents(rows: Tensor) -> Tensor:
    """GELU of row 0 (x times the normal distribution function), and its derivative there applied to the rows (1 + K, H) after it."""
    point = rows[:1]
    below = 0.5 * torch.erfc(point * -math.sqrt(0.5))
    slope = torch.addcmul(below, point, torch.exp(-0.5 * point * point), value=1.0 / math.sqrt(2.0 * math.pi))
    after = rows * slope
    after[:1] = nn.functional.gelu(point)
    return after


def _glu_tangents(rows: Tensor) -> Tensor:
    """Gated linear unit of row 0, and its derivative there applied to the rows (1 + K, 2H) after it."""
    value, gate = rows.chunk(2, 1)
    opened = torch.sigmoid(gate[:1])
    after = value * opened
    after[1:] += gate[1:] * (after[:1] * (1.0 - opened))
    return after


class S4D(TorchForecaster):
    """TODO"""

    rollout = "recurrent"
    source = "A. Gu, A. Gupta, K. Goel, C. Re, arXiv:2206.11893 (2022)"

    def __init__(
        self,
        *,
        width: int = 32,
        modes: int = 8,
        layers: int = 2,
        updates: int = 1200,
        batch: int = 16,
        segment: int = 32,
        carried: int = 12,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.01,
        noise: float = 1e-3,
    ) -> None:
        super().__init__()
        positive({"width": width, "modes": modes, "layers": layers, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        within("burn_in", burn_in, 0, segment - 1)
        self.width, self.modes, self.layers, self.burn_in = width, modes, layers, burn_in
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
        )

    def _recipe(self) -> Recipe:
        return self.recipe

    def _network(self, states: list[np.ndarray], draws: torch.Generator) -> _Network:
        return _Network(states[0].shape[1], self.width, self.modes, self.layers, self.burn_in, increment_size(states), draws)
