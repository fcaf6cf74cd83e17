"""Gated recurrent networks trained on one-step increments with their state carried over segments, and fed back."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._increments import IncrementNetwork
from chaosbench.forecasters._layers import uniform
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range

_VECTOR = 16  # float64 numbers that torch treats at once
_SETTLING = 200  # samples of context after which more is taken not to help

_GATES = {True: 4, False: 3}  # with and without a memory


class RecurrentNetwork(IncrementNetwork):
    """Increments in units of `unit` from samples (B, L, D): a linear layer over the hidden state of `layers` stacked cells.

    memory: long short-term memory cells; otherwise gated recurrent units.

    Weights of cell n: inward (gates x H, D or H), recurrent (gates x H, H), two biases; gates in torch's order.
    """

    def __init__(self, memory: bool, dimension: int, width: int, layers: int, burn_in: int, unit: np.ndarray, draws: torch.Generator) -> None:
        super().__init__()
        gates = _GATES[memory]
        self.memory, self.width, self.layers, self.burn_in, self.observed = memory, width, layers, burn_in, dimension
        self.cells = nn.ParameterList()
        for n in range(layers):
            inputs = dimension if n == 0 else width
            self.cells += [uniform(draws, gates * width, size, fan=width) for size in (inputs, width)]
            self.cells += [uniform(draws, gates * width, fan=width) for _ in range(2)]
        self.decoder = uniform(draws, dimension, width, fan=width)
        self.decoder_bias = nn.Parameter(torch.zeros(dimension))
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [(list(self.parameters()), 1.0, True)]

    def read(self, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return increments (B, L, D) and the state (1 or 2, layers, B, H) after the last input."""
        kinds = 1 + self.memory
        if state is None:
            state = inputs.new_zeros(kinds, self.layers, inputs.shape[0], self.width)
        settings = (list(self.cells), True, self.layers, 0.0, False, False, True)  # biases, layers, dropout, training, both ways, batch first
        if self.memory:
            seen, hidden, kept = torch.lstm(inputs, (state[0], state[1]), *settings)
            after = torch.stack((hidden, kept))
        else:
            seen, hidden = torch.gru(inputs, state[0], *settings)
            after = hidden[None]
        return nn.functional.linear(seen, self.decoder, self.decoder_bias), after

    def closed_loop(self) -> "_Loop":
        return _Loop(self)


class _Loop(TorchLoop):
    """State: hidden states of all layers, for the LSTM then their memories, then the newest sample, which is held and not yet read."""

    settling = _SETTLING
    listens = True

    def __init__(self, network: RecurrentNetwork) -> None:
        self._memory, self._width, self._layers = network.memory, network.width, network.layers
        self.observed = network.observed
        self.dimension = (1 + self._memory) * self._layers * self._width + self.observed
        self.device = network.unit.device
        weights = [values.detach().double() for values in network.cells]
        self._inward = [RowwiseLinear(weights[4 * n].T, weights[4 * n + 2]) for n in range(self._layers)]
        self._recurrent = [RowwiseLinear(weights[4 * n + 1].T, weights[4 * n + 3]) for n in range(self._layers)]
        unit = network.unit.double()
        self._decoder = RowwiseLinear(network.decoder.detach().double().T * unit, network.decoder_bias.detach().double() * unit)

    def start(self, context: Tensor) -> Tensor:
        state = context.new_zeros(context.shape[0], self.dimension - self.observed)
        for t in range(context.shape[1] - 1):
            state, _ = self._listen(state, context[:, t])
        return torch.cat((state, context[:, -1]), 1)

    def step(self, state: Tensor) -> Tensor:
        sample = state[:, -self.observed :]
        after, top = self._listen(state[:, : -self.observed], sample)
        return torch.cat((after, sample + self._decoder(top)), 1)

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]

    def _listen(self, state: Tensor, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state after reading `sample` (W, D) and the hidden state of the last layer (W, H)."""
        parts = state.split(self._width, 1)  # type: ignore[no-untyped-call]
        stream, hidden, memories = sample, [], []
        for n in range(self._layers):
            if self._memory:
                opened, forgotten, fresh, shown = (self._inward[n](stream) + self._recurrent[n](parts[n])).chunk(4, 1)
                memory = torch.sigmoid(forgotten) * parts[self._layers + n] + torch.sigmoid(opened) * torch.tanh(fresh)
                stream = torch.sigmoid(shown) * torch.tanh(memory)
                memories.append(memory)
            else:
                reset, kept, fresh = self._inward[n](stream).chunk(3, 1)
                reset_inside, kept_inside, fresh_inside = self._recurrent[n](parts[n]).chunk(3, 1)
                candidate = torch.tanh(fresh + torch.sigmoid(reset + reset_inside) * fresh_inside)
                share = torch.sigmoid(kept + kept_inside)
                stream = candidate + share * (parts[n] - candidate)
            hidden.append(stream)
        return torch.cat(hidden + memories, 1), stream


class RecurrentForecaster(TorchForecaster):
    """Stacked gated cells; subclasses name the cell."""

    rollout = "recurrent"
    memory: ClassVar[bool]

    space: ClassVar = {
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 3, whole=True),
        "segment": Choice((24, 32, 64)),
        "learning_rate": Range(1e-3, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
        "unrolled": Choice((0, 8, 16)),
    }

    def __init__(
        self,
        *,
        width: int = 64,
        layers: int = 1,
        updates: int = 3000,
        batch: int = 32,
        segment: int = 32,
        carried: int = 8,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
        unrolled: int = 0,
    ) -> None:
        super().__init__()
        positive({"width": width, "layers": layers, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        if width % _VECTOR:
            above = math.ceil(width / _VECTOR) * _VECTOR
            raise ForecasterError(f"width = {width!r}: must be a multiple of {_VECTOR}, which keeps windows independent bit for bit; take {above}")
        within("burn_in", burn_in, 0, segment - 1)
        within("unrolled", unrolled, 0, 10_000)
        self.width, self.layers, self.burn_in = width, layers, burn_in
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> RecurrentNetwork:
        return RecurrentNetwork(self.memory, states[0].shape[1], self.width, self.layers, self.burn_in, increment_size(states), draws)
