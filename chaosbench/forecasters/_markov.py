"""Perceptrons as maps and vector fields of a delay window: training on segments or on shooting intervals, and the closed loop."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._layers import Perceptron
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Trainable

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "silu": nn.functional.silu, "gelu": nn.functional.gelu}
VECTOR = 16  # float64 numbers that torch treats at once: widths are multiples of it


class MarkovNetwork(Trainable):
    """x_{t+1} = x_t + u p(x_t, ..., x_{t-k+1}), or with `substeps` > 0 the Runge-Kutta flow over one sample of dx/ds = u p(x).

    u (D,): root mean square increment, so that outputs are of order one. Delays k of the flow are 1.
    """

    def __init__(
        self, dimension: int, sizes: list[int], activation: str, delays: int, substeps: int, unit: np.ndarray, draws: torch.Generator
    ) -> None:
        super().__init__()
        self.body = Perceptron([delays * dimension, *sizes, dimension], draws, ACTIVATIONS[activation])
        self.observed, self.delays, self.substeps, self.activation = dimension, delays, substeps, activation
        self.unit: Tensor
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [(list(self.parameters()), 1.0, True)]

    def after(self, window: Tensor) -> Tensor:
        """Return the next sample (B, D) after `window` (B, k, D), oldest first."""
        return advanced(window[:, -1], window.flatten(1), self.body, self.unit, self.substeps)

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.substeps:
            return self._error(inputs[:, : self.delays], targets[:, self.delays - 1 :]), inputs.new_zeros(1)
        windows = inputs.unfold(1, self.delays, 1).transpose(2, 3)  # (B, L - k + 1, k, D)
        seen = self.after(windows.flatten(0, 1)).view(len(inputs), -1, self.observed)
        return ((seen - targets[:, self.delays - 1 :]) / self.unit).square().mean(), inputs.new_zeros(1)

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self._error(inputs[:, -self.delays :], targets)

    def _error(self, window: Tensor, targets: Tensor) -> Tensor:
        seen = []
        for _ in range(targets.shape[1]):
            sample = self.after(window)
            window = torch.cat((window[:, 1:], sample[:, None]), 1)
            seen.append(sample)
        return ((torch.stack(seen, 1) - targets) / self.unit).square().mean()

    def closed_loop(self) -> "MarkovLoop":
        return MarkovLoop(self)


def advanced(sample: Tensor, reads: Tensor, body: Callable[[Tensor], Tensor], unit: Tensor, substeps: int) -> Tensor:
    """Return the sample (B, D) that follows: one increment, or `substeps` classical Runge-Kutta steps through one unit of s."""
    if not substeps:
        return sample + unit * body(reads)
    size = 1.0 / substeps
    for _ in range(substeps):
        first = unit * body(sample)
        second = unit * body(sample + 0.5 * size * first)
        third = unit * body(sample + 0.5 * size * second)
        fourth = unit * body(sample + size * third)
        sample = sample + size / 6.0 * (first + 2.0 * (second + third) + fourth)
    return sample


class MarkovLoop(TorchLoop):
    """State: the last `delays` samples, oldest first."""

    def __init__(self, network: MarkovNetwork) -> None:
        self.observed, self._delays, self._substeps = network.observed, network.delays, network.substeps
        self.dimension = self._delays * self.observed
        self.span = self.settling = self._delays
        self.device = network.unit.device
        self._unit = network.unit.double()
        self._activation = ACTIVATIONS[network.activation]
        weights = {name: values.detach().double() for name, values in network.body.state_dict().items()}
        count = len(network.body.layers)
        self._layers = [RowwiseLinear(weights[f"layers.{n}.weight"].T, weights[f"layers.{n}.bias"]) for n in range(count)]

    def start(self, context: Tensor) -> Tensor:
        return context[:, -self._delays :].flatten(1)

    def step(self, state: Tensor) -> Tensor:
        sample = advanced(state[:, -self.observed :], state, self._body, self._unit, self._substeps)
        return torch.cat((state[:, self.observed :], sample), 1)

    def observe(self, state: Tensor) -> Tensor:
        return state[:, -self.observed :]

    def _body(self, rows: Tensor) -> Tensor:
        for layer in self._layers[:-1]:
            rows = self._activation(layer(rows))
        return self._layers[-1](rows)
