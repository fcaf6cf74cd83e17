"""Selective state-space layers: what they keep and forget depends on what they read. Segments at once for training, single steps for rollouts.

Each layer carries a state: the last inputs of its short convolution and its memory. Segment and step are the same arithmetic in another order.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._layers import Linear, uniform
from chaosbench.forecasters._scan import decayed_products, linear_scan
from chaosbench.forecasters._tangent_rows import normalise
from chaosbench.forecasters._torch_loop import RowwiseLinear

_SLOWEST, _FASTEST = 1.0 / 64.0, 0.2  # range of the steps dt at the start, in samples
_TAPS = 4  # of the short convolution


def silu(values: Tensor) -> Tensor:
    """Return x times the logistic function of x."""
    return values * torch.sigmoid(values)


class SelectiveLayer(nn.Module, ABC):
    """Maps a stream (B, L, H) to one of the same shape.

    sizes: widths of the two parts of its state, flattened: what it holds of the last inputs, and its memory. undecayed: names of the parameters on
    which weight decay must not act.
    """

    sizes: tuple[int, int]
    undecayed: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the output (B, L, H) and the state after the segment, from `stream` and the state before, each part (B, size)."""

    @abstractmethod
    def stepper(self) -> "SelectiveStep":
        """Return the layer for one sample at a time, in float64."""


class SelectiveStep(ABC):
    """One layer for one sample at a time, rows of a batch independent bit for bit."""

    @abstractmethod
    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output (W, H) and the two parts of the state after `stream` (W, H)."""


def first_rates(draws: torch.Generator, count: int) -> Tensor:
    """Return numbers (count,) log-uniform over the range of steps at the start."""
    return torch.exp(math.log(_SLOWEST) + math.log(_FASTEST / _SLOWEST) * torch.rand(count, generator=draws))


def before_softplus(values: Tensor) -> Tensor:
    """Return the numbers whose softplus are `values` > 0."""
    return values + torch.log(-torch.expm1(-values))


def first_steps(draws: torch.Generator, count: int) -> Tensor:
    """Return biases (count,) whose softplus is log-uniform over the range of steps at the start."""
    return before_softplus(first_rates(draws, count))


def convolved(inputs: Tensor, before: Tensor, taps: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the causal convolution (B, L, E) of each channel with its `taps` (4, E), and the last three inputs, flattened (B, 3 E).

    before: the three inputs before the segment, flattened.
    """
    width = inputs.shape[2]
    padded = torch.cat((before.reshape(len(inputs), _TAPS - 1, width), inputs), 1)
    length = inputs.shape[1]
    seen = bias + sum(padded[:, n : n + length] * taps[n] for n in range(_TAPS))
    return seen, padded[:, -(_TAPS - 1) :].reshape(len(inputs), -1)


class S6(SelectiveLayer):
    """x, z = two halves of W u; x = silu(conv x); h_t = exp(dt A) h_{t-1} + dt B x; y = C h + D x; out (y silu z), with dt, B, C linear in x.

    E = 2 H channels with N modes each; A = -exp(a), at first -(1..N); dt = softplus(V d + v), d of H / 16 numbers.
    """

    undecayed = ("log_rate", "step_bias", "through")

    def __init__(self, width: int, modes: int, draws: torch.Generator) -> None:
        super().__init__()
        inner, rank = 2 * width, math.ceil(width / 16)
        self.inner, self.modes, self.rank = inner, modes, rank
        self.sizes = ((_TAPS - 1) * inner, inner * modes)
        self.inward = Linear(width, 2 * inner, draws, bias=False)
        self.taps, self.taps_bias = uniform(draws, _TAPS, inner, fan=_TAPS), nn.Parameter(torch.zeros(inner))
        self.select = Linear(inner, rank + 2 * modes, draws, bias=False)
        self.step = uniform(draws, inner, rank, fan=rank)
        self.step_bias = nn.Parameter(first_steps(draws, inner))
        self.log_rate = nn.Parameter(torch.log(torch.arange(1, modes + 1, dtype=torch.float32)).repeat(inner, 1))
        self.through = nn.Parameter(torch.ones(inner))
        self.outward = Linear(inner, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x, gate = self.inward(stream).chunk(2, -1)
        x, before = convolved(x, state[0], self.taps, self.taps_bias)
        x = silu(x)
        low, key, query = torch.tensor_split(self.select(x), (self.rank, self.rank + self.modes), -1)
        step = nn.functional.softplus(nn.functional.linear(low, self.step, self.step_bias))  # (B, L, E)
        decay = torch.exp(step[..., None] * -torch.exp(self.log_rate))  # (B, L, E, N)
        memory = linear_scan(decay, (step * x)[..., None] * key[:, :, None], state[1].reshape(-1, self.inner, self.modes))
        y = (memory * query[:, :, None]).sum(-1) + self.through * x
        return self.outward(y * silu(gate)), (before, memory[:, -1].flatten(1))

    def stepper(self) -> SelectiveStep:
        return _S6Step(self)


class _S6Step(SelectiveStep):
    def __init__(self, layer: S6) -> None:
        weights = doubles(layer)
        self._inner, self._modes, self._rank = layer.inner, layer.modes, layer.rank
        self._inward, self._outward = RowwiseLinear(weights["inward.weight"].T), RowwiseLinear(weights["outward.weight"].T)
        self._select, self._step = RowwiseLinear(weights["select.weight"].T), RowwiseLinear(weights["step"].T, weights["step_bias"])
        self._taps, self._taps_bias, self._through = weights["taps"], weights["taps_bias"], weights["through"]
        self._rate = -torch.exp(weights["log_rate"])

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, gate = self._inward(stream).chunk(2, 1)
        seen, before = convolved(x[:, None], before, self._taps, self._taps_bias)
        x = silu(seen[:, 0])
        low, key, query = torch.tensor_split(self._select(x), (self._rank, self._rank + self._modes), 1)
        step = nn.functional.softplus(self._step(low))
        held = memory.reshape(-1, self._inner, self._modes)
        held = torch.exp(step[..., None] * self._rate) * held + (step * x)[..., None] * key[:, None]
        y = (held * query[:, None]).sum(-1) + self._through * x
        return self._outward(y * silu(gate)), before, held.flatten(1)


class SSD(SelectiveLayer):
    """As S6 with one decay a head: h_t = exp(dt a) h_{t-1} + dt B x', y = C h + D x, the output normalised before it leaves.

    E = 2 H channels in heads of `head` channels, N modes shared by the channels of a head; B and C pass the short convolution, too; a in -[1, 16].
    """

    undecayed = ("log_rate", "step_bias", "through")

    def __init__(self, width: int, modes: int, head: int, chunk: int, draws: torch.Generator) -> None:
        super().__init__()
        inner = 2 * width
        self.inner, self.modes, self.head, self.heads, self.chunk = inner, modes, head, inner // head, chunk
        mixed = inner + 2 * modes
        self.sizes = ((_TAPS - 1) * mixed, self.heads * modes * head)
        self.inward = Linear(width, inner + mixed + self.heads, draws, bias=False)
        self.taps, self.taps_bias = uniform(draws, _TAPS, mixed, fan=_TAPS), nn.Parameter(torch.zeros(mixed))
        self.step_bias = nn.Parameter(first_steps(draws, self.heads))
        self.log_rate = nn.Parameter(torch.log(1.0 + 15.0 * torch.rand(self.heads, generator=draws)))
        self.through = nn.Parameter(torch.ones(self.heads))
        self.gain = nn.Parameter(torch.ones(inner))
        self.outward = Linear(inner, width, draws, bias=False)

    def read(self, stream: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        gate, mixed, step = torch.tensor_split(self.inward(stream), (self.inner, 2 * self.inner + 2 * self.modes), -1)
        mixed, before = convolved(mixed, state[0], self.taps, self.taps_bias)
        x, key, query = torch.tensor_split(silu(mixed), (self.inner, self.inner + self.modes), -1)
        x = x.reshape(*x.shape[:2], self.heads, self.head)
        step = nn.functional.softplus(step + self.step_bias)
        start = state[1].reshape(-1, self.heads, self.modes, self.head)
        seen, after = decayed_products(x, step, -torch.exp(self.log_rate), key, query, start, self.chunk)
        y = (seen + self.through[:, None] * x).flatten(2) * silu(gate)
        return self.outward(normalise(y, 2) * self.gain), (before, after.flatten(1))

    def stepper(self) -> SelectiveStep:
        return _SSDStep(self)


class _SSDStep(SelectiveStep):
    def __init__(self, layer: SSD) -> None:
        weights = doubles(layer)
        self._inner, self._modes, self._head, self._heads = layer.inner, layer.modes, layer.head, layer.heads
        self._inward, self._outward = RowwiseLinear(weights["inward.weight"].T), RowwiseLinear(weights["outward.weight"].T)
        self._taps, self._taps_bias = weights["taps"], weights["taps_bias"]
        self._step_bias, self._rate, self._through, self._gain = (
            weights["step_bias"],
            -torch.exp(weights["log_rate"]),
            weights["through"],
            weights["gain"],
        )

    def __call__(self, stream: Tensor, before: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gate, mixed, step = torch.tensor_split(self._inward(stream), (self._inner, 2 * self._inner + 2 * self._modes), 1)
        seen, before = convolved(mixed[:, None], before, self._taps, self._taps_bias)
        x, key, query = torch.tensor_split(silu(seen[:, 0]), (self._inner, self._inner + self._modes), 1)
        x = x.reshape(-1, self._heads, self._head)
        # once a channel instead of once a head: functions of a few numbers would leave vector registers unfilled, see `_torch_loop`
        step = nn.functional.softplus((step + self._step_bias).repeat_interleave(self._head, 1))
        decay = torch.exp(step * self._rate.repeat_interleave(self._head)).reshape(-1, self._heads, 1, self._head)
        held = memory.reshape(-1, self._heads, self._modes, self._head)
        held = decay * held + key[:, None, :, None] * (step.reshape(-1, self._heads, self._head) * x)[:, :, None]
        y = (held * query[:, None, :, None]).transpose(2, 3).contiguous().sum(3) + self._through[:, None] * x
        return self._outward(normalise(y.flatten(1) * silu(gate), 1) * self._gain), before, held.flatten(1)


def doubles(module: nn.Module) -> Mapping[str, Tensor]:
    """Return the weights of `module` by name, in float64."""
    return {name: values.detach().double() for name, values in module.state_dict().items()}


def rowwise(module: nn.Module) -> dict[str, RowwiseLinear]:
    """Return the linear layers of `module` by name, in float64, each row of a batch alone."""
    weights = doubles(module)
    layers = [name for name, part in module.named_children() if isinstance(part, Linear)]
    return {name: RowwiseLinear(weights[f"{name}.weight"].T, weights.get(f"{name}.bias")) for name in layers}
