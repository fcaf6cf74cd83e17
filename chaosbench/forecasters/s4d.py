"""Stacked diagonal state-space layers with gated mixing, trained on one-step increments and fed back."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._ssm import Modes, Recurrence, discretise, segment_operator
from chaosbench.forecasters._tangent_rows import gelu_tangents, glu_tangents, normalise, normalise_tangents
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Recipe, Trainable

_SLOWEST, _FASTEST = 1.0 / 32.0, 0.2  # range of the step dt at the start, in samples
_VECTOR = 16  # float64 numbers that torch treats at once
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
            both = torch.bmm(torch.cat((normalise(stream, 0), state[n]), -1), operator[n])
            after.append(both[..., length:])
            seen = nn.functional.gelu(both[..., :length]).reshape(width, batch * length)
            stream = stream + nn.functional.glu(torch.addmm(self.mixing_bias[n], self.mixing[n], seen), 0).view(width, batch, length)
        last = normalise(stream, 0).view(width, batch * length)
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
        self._encoder = RowwiseLinear(weights["encoder"].T, weights["encoder_bias"][:, 0])
        self._mixing = [RowwiseLinear(weights["mixing"][n].T, weights["mixing_bias"][n, :, 0]) for n in range(layers)]
        self._decoder = RowwiseLinear(weights["decoder"].T * weights["unit"], weights["decoder_bias"][:, 0] * weights["unit"])
        slowest = min(max(layer.slowest() for layer in self._layers), 1.0 - 1e-9)
        self.settling = math.ceil(math.log(_FORGOTTEN) / math.log(slowest))

    def start(self, context: Tensor) -> Tensor:
        parts: Sequence[Tensor] = context.new_zeros(self._shape[0], context.shape[0], *self._shape[1:]).unbind(0)
        for t in range(context.shape[1] - 1):
            parts, _ = self._listen(parts, context[:, t])
        return torch.cat([part.flatten(1) for part in parts] + [context[:, -1]], 1)

    def step(self, state: Tensor) -> Tensor:
        sample = state[:, -self.observed :]
        parts, stream = self._listen(state[:, : -self.observed].view(-1, *self._shape).unbind(1), sample)
        increment = self._decoder(normalise(stream, 1))
        return torch.cat([part.flatten(1) for part in parts] + [sample + increment], 1)

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat((state, tangents))  # (1 + K, S): the linear parts move the state and its tangents alike, biases only the state
        only_state = rows.new_zeros(len(rows), 1)
        only_state[0] = 1.0
        sample = rows[:, -self.observed :]
        parts = rows[:, : -self.observed].view(-1, *self._shape).unbind(1)
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

    def _listen(self, parts: Sequence[Tensor], sample: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the next parts of the state (W, H, N) and the residual stream (W, H) after reading `sample` (W, D)."""
        stream = self._encoder(sample)
        after: list[Tensor] = []
        for n, layer in enumerate(self._layers):
            seen, *following = layer.step(normalise(stream, 1), parts[2 * n], parts[2 * n + 1])
            after += following
            stream = stream + nn.functional.glu(self._mixing[n](nn.functional.gelu(seen)), 1)
        return after, stream


class S4D(TorchForecaster):
    """Stacked diagonal state-space layers: normalise, filter every channel linearly, mix channels with a gate, add; trained on increments.

    Equations, for the stream h (H,) and each layer: r = h / rms(h); every channel filters its own r by s_t = exp(dt A) s_{t-1} + r_t,
    v_t = 2 Re(C A^-1 (exp(dt A) - 1) s_t) + D r_t with `modes` complex s and A = -exp(a) + i w; h <- h + glu(W gelu(v) + b). The stream starts as
    E x_t + e and ends as x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
    Method: loss = mean of |increment - prediction|^2 / u^2 over all positions of segments of `segment` samples, `carried` of them in a row with the
    filter state handed on (detached), the first `burn_in` positions of each row left out; input noise; AdamW with a cosine schedule; weights of the
    best valid prediction time on held-out data. Training reads a segment by one product a channel, forecasts run step by step: O(1) a step.
    Filters start at A = -1/2 + i pi n, dt log-uniform in [1/32, 1/5] samples; modes that turn by more than pi a step are silenced.
    Source: A. Gu, A. Gupta, K. Goel, C. Re, "On the Parameterization and Initialization of Diagonal State Space Models", arXiv:2206.11893.
    Changed: small dt for short segments; the state carried in training, because weights trained from a zero state decay to a fixed point in a long
    rollout (their one-step error grows beyond the segment); root-mean-square instead of layer normalisation and no gains (the filters have them);
    one learning rate for all weights, no weight decay on the filters.
    Measured on Lorenz-63 (noise-free, 100 windows of test data): median valid prediction time 1.5 to 2.3 Lyapunov times over seeds 0 to 4 (5 000
    samples, dt = 0.025); at dt = 0.02 (5 904 samples, seeds 0 to 5) 1.8 to 2.5, closed-loop largest exponent 0.86 to 0.98 (truth 0.906), and 3 of
    120 free runs of 10 000 steps ended on a fixed point. At noise 1e-3, two layers of 32 channels gave 1.5 to 1.7 where one of 64 gave 1.5 to 2.1.
    Cost: 1 200 updates of 16 x 32 samples, 6 to 7 s on one core; a step of five windows takes 0.12 ms, with one tangent 0.22 ms.
    Fails: wide states with few samples (it knows nothing of space: 40 variables from 5 000 samples are forecast for three steps); the filters are
    linear, so memory of the hidden part of the state is linear too; far outside the training data nothing pulls an orbit back.
    """

    rollout = "recurrent"
    source = "A. Gu, A. Gupta, K. Goel, C. Re, arXiv:2206.11893 (2022)"

    def __init__(
        self,
        *,
        width: int = 64,
        modes: int = 8,
        layers: int = 1,
        updates: int = 1200,
        batch: int = 16,
        segment: int = 32,
        carried: int = 12,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.01,
        noise: float = 1e-2,
    ) -> None:
        super().__init__()
        positive({"width": width, "modes": modes, "layers": layers, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        if width % _VECTOR:
            above = -(-width // _VECTOR) * _VECTOR
            raise ForecasterError(f"width = {width!r}: must be a multiple of {_VECTOR}, which keeps windows independent bit for bit; take {above}")
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

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> _Network:
        return _Network(states[0].shape[1], self.width, self.modes, self.layers, self.burn_in, increment_size(states), draws)
