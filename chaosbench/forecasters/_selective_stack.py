"""Stacked selective layers as a one-step forecaster: trained on increments with their states carried over segments, and fed back."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._increments import IncrementNetwork
from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._selective import SelectiveLayer
from chaosbench.forecasters._tangent_rows import normalise
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Recipe

VECTOR = 16  # float64 numbers that torch treats at once
_SETTLING = 256  # samples of context after which more is taken not to help


class SelectiveStack(IncrementNetwork):
    """Stream = E x; each layer adds layer(stream / rms); increment = F stream / rms + f, in units of `unit`."""

    def __init__(self, dimension: int, width: int, layers: list[SelectiveLayer], burn_in: int, unit: np.ndarray, draws: torch.Generator) -> None:
        super().__init__()
        self.burn_in, self.observed, self.width = burn_in, dimension, width
        self.encoder, self.decoder = Linear(dimension, width, draws), Linear(width, dimension, draws)
        self.layers = nn.ModuleList(layers)
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))

    @property
    def stack(self) -> list[SelectiveLayer]:
        """The layers, in order."""
        return cast(list[SelectiveLayer], list(self.layers))

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        own = [values for layer in self.stack for name, values in layer.named_parameters() if name in layer.undecayed]
        kept = {id(values) for values in own}
        return [([values for values in self.parameters() if id(values) not in kept], 1.0, True), (own, 1.0, False)]

    def read(self, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return increments in units of `unit` (B, L, D) and the state (B, S) after the last input."""
        sizes = [size for layer in self.stack for size in layer.sizes]
        parts = (inputs.new_zeros(len(inputs), sum(sizes)) if state is None else state).split(sizes, 1)  # type: ignore[no-untyped-call]
        after: list[Tensor] = []
        stream = self.encoder(inputs)
        for n, layer in enumerate(self.stack):
            seen, following = layer.read(normalise(stream, 2), (parts[2 * n], parts[2 * n + 1]))
            stream = stream + seen
            after += following
        return self.decoder(normalise(stream, 2)), torch.cat(after, 1)

    def closed_loop(self) -> "_Loop":
        return _Loop(self)


class _Loop(TorchLoop):
    """State: of each layer what it holds of the last inputs and its memory, then the newest sample, which is held and not yet read."""

    settling = _SETTLING
    listens = True

    def __init__(self, network: SelectiveStack) -> None:
        weights = {name: values.detach().double() for name, values in network.state_dict().items()}
        unit = weights["unit"]
        self._layers = [layer.stepper() for layer in network.stack]
        self._sizes = [size for layer in network.stack for size in layer.sizes]
        self.observed = network.observed
        self.dimension = sum(self._sizes) + self.observed
        self.device = unit.device
        self._encoder = RowwiseLinear(weights["encoder.weight"].T, weights["encoder.bias"])
        self._decoder = RowwiseLinear(weights["decoder.weight"].T * unit, weights["decoder.bias"] * unit)

    def start(self, context: Tensor) -> Tensor:
        state = context.new_zeros(context.shape[0], self.dimension - self.observed)
        for t in range(context.shape[1] - 1):
            state, _ = self._listen(state, context[:, t])
        return torch.cat((state, context[:, -1]), 1)

    def step(self, state: Tensor) -> Tensor:
        sample = state[:, -self.observed :]
        after, stream = self._listen(state[:, : -self.observed], sample)
        return torch.cat((after, sample + self._decoder(normalise(stream, 1))), 1)

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]

    def _listen(self, state: Tensor, sample: Tensor) -> tuple[Tensor, Tensor]:
        parts = state.split(self._sizes, 1)  # type: ignore[no-untyped-call]
        stream, after = self._encoder(sample), []
        for n, layer in enumerate(self._layers):
            seen, *following = layer(normalise(stream, 1), parts[2 * n], parts[2 * n + 1])
            stream = stream + seen
            after += following
        return torch.cat(after, 1), stream


class SelectiveForecaster(TorchForecaster):
    """Stacked selective layers; subclasses make a block of them.

    channels: sizes other than the width, by the names of their options, that must fill vector registers.
    """

    rollout = "recurrent"

    def __init__(
        self,
        *,
        width: int,
        channels: Mapping[str, int],
        layers: int,
        updates: int,
        batch: int,
        segment: int,
        carried: int,
        burn_in: int,
        learning_rate: float,
        weight_decay: float,
        noise: float,
        unrolled: int,
    ) -> None:
        super().__init__()
        aligned = {"width": width, **channels}
        positive({**aligned, "layers": layers, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        for name, value in aligned.items():
            if value % VECTOR:
                above = math.ceil(value / VECTOR) * VECTOR
                rule = f"must be a multiple of {VECTOR}, which keeps windows independent bit for bit"
                raise ForecasterError(f"{name} = {value!r}: {rule}; take {above}")
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

    @abstractmethod
    def _block(self, draws: torch.Generator) -> list[SelectiveLayer]:
        """Return the layers of one block, their weights drawn from `draws`."""

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> SelectiveStack:
        made = [layer for _ in range(self.layers) for layer in self._block(draws)]
        return SelectiveStack(states[0].shape[1], self.width, made, self.burn_in, increment_size(states), draws)
