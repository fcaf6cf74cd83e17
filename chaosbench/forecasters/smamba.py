"""Components as tokens: each component's past is one token, and selective layers run over the components in both directions."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._layers import Linear, Perceptron
from chaosbench.forecasters._selective import S6
from chaosbench.forecasters.base import Choice, Range


class _Layer(nn.Module):
    """One selective layer forwards and one backwards over the tokens, added to the stream; then a perceptron; norms after both."""

    def __init__(self, width: int, modes: int, draws: torch.Generator) -> None:
        super().__init__()
        self.forwards, self.backwards = S6(width, modes, draws), S6(width, modes, draws)
        self.inner = Perceptron([width, 2 * width, width], draws, nn.functional.gelu)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        state = [tokens.new_zeros(len(tokens), size) for size in self.forwards.sizes]
        there, _ = self.forwards.read(tokens, (state[0], state[1]))
        back, _ = self.backwards.read(tokens.flip(1), (state[0], state[1]))
        tokens = self.first(tokens + there + back.flip(1))
        after: Tensor = self.second(tokens + self.inner(tokens))
        return after


class _Core(nn.Module):
    def __init__(self, window: int, block: int, width: int, modes: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()
        self.embed, self.head = Linear(window, width, draws), Linear(width, block, draws)
        self.layers = nn.ModuleList(_Layer(width, modes, draws) for _ in range(layers))

    def forward(self, window: Tensor) -> Tensor:
        last = window[:, -1:]
        tokens = self.embed((window - last).transpose(1, 2)) + self._level(last)
        for layer in self.layers:
            tokens = layer(tokens)
        answer: Tensor = self.head(tokens).transpose(1, 2) + last
        return answer

    def _level(self, last: Tensor) -> Tensor:
        """The last value itself, spread over the token: what was subtracted must not be lost to a nonlinear system."""
        width = self.head.weight.shape[1]
        scale = torch.linspace(-1.0, 1.0, width, dtype=last.dtype, device=last.device)
        return last.transpose(1, 2) * scale


class SMamba(BlockForecaster):
    """The past L samples of each component become one token; selective state-space layers mix the tokens; each token gives its component's block.

    Equations: token_d = E (x_d - x_d(t)) + x_d(t) w, w fixed; each layer adds S(tokens) forwards and backwards over d, normalises, adds a perceptron,
    normalises; block_d = x_d(t) + F token_d. S is the selective layer of Mamba (short convolution of 4 tokens, h_d = exp(dt A) h_{d-1} + dt B x_d).
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    After a block the window moves on over the predictions.
    Source: Z. Wang et al., "Is Mamba Effective for Time Series Forecasting?", arXiv:2403.11144.
    Changed: the last sample is subtracted and handed over, in place of mean and deviation of the window; the order of components is as given.
    Cost: layers x (2 selective layers + perceptron); half a minute to train on one core.
    Fails: time is seen by one linear map alone, so with few components this is a perceptron on windows; the order of components, which the scan
    follows, means something only on chains.
    """

    family: ClassVar = "direct"
    source = "Z. Wang et al., arXiv:2403.11144"
    space: ClassVar = {
        "window": Range(8, 64, log=True, whole=True),
        "block": Range(1, 32, log=True, whole=True),
        "width": Choice((32, 64, 128)),
        "modes": Choice((4, 8, 16)),
        "layers": Range(1, 3, whole=True),
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 16,
        block: int = 4,
        width: int = 64,
        modes: int = 8,
        layers: int = 2,
        updates: int = 2500,
        batch: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"width": width, "modes": modes, "layers": layers})
        self.width, self.modes, self.layers = width, modes, layers

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, self.width, self.modes, self.layers, draws)
