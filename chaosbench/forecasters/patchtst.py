"""A transformer over patches of each component's past."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._layers import EncoderLayer, Linear, uniform
from chaosbench.forecasters.base import Choice, Range


class _Core(nn.Module):
    def __init__(
        self, window: int, block: int, dimension: int, patch: int, width: int, heads: int, layers: int, mixed: bool, draws: torch.Generator
    ) -> None:
        super().__init__()
        self.patch, self.block, self.mixed = patch, block, mixed
        tokens = window // patch
        self.embed = Linear(patch, width, draws)
        self.places = uniform(draws, tokens, width, fan=width)
        self.channels = uniform(draws, dimension, 1, width, fan=width) if mixed else None
        self.layers = nn.ModuleList(EncoderLayer(width, heads, 2 * width, draws) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = Linear(tokens * width, block, draws)

    def forward(self, window: Tensor) -> Tensor:
        last = window[:, -1:]
        patches = (window - last).transpose(1, 2).reshape(len(window), window.shape[2], -1, self.patch)  # (B, D, N, patch)
        tokens = self.embed(patches) + self.places
        if self.channels is not None:
            tokens = (tokens + self.channels).flatten(1, 2)  # one sequence of D N tokens
        for layer in self.layers:
            tokens = layer(tokens)
        if self.channels is not None:
            tokens = tokens.reshape(len(window), window.shape[2], -1, tokens.shape[2])
        steps: Tensor = self.head(self.norm(tokens).flatten(2))
        return last + steps.transpose(1, 2)


class PatchTST(BlockForecaster):
    """Patches of `patch` samples become tokens, a transformer encoder mixes them, one linear layer reads the block off all of them.

    Equations: token_n = E p_n + e_n for the patches p_n of x - x_t; each layer adds attention(norm(tokens)), then perceptron(norm(tokens)); the block
    is x_t + H norm(tokens) + h. mixed=False treats every component alone with the same weights, as in the source; mixed=True, the default
    here, lets all tokens of all components see each other, since the components of a dynamical system do not move alone.
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    After a block the window moves on over the predictions.
    Source: Y. Nie, N. H. Nguyen, P. Sinthong, J. Kalagnanam, "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", ICLR 2023,
    arXiv:2211.14730.
    Changed: components mixed; the last sample is subtracted instead of mean and deviation of the window, which would feed each block's own amplitude
    back; norms before the sublayers, layer norm instead of batch norm; patches do not overlap; no dropout.
    Cost: layers x 8 width^2 weights and D L / patch tokens; about a minute to train on one core.
    Fails: where a step needs the exact state: patches blur it, and recurrent models of the same size follow longer.
    """

    family: ClassVar = "direct"
    source = "Y. Nie et al., ICLR 2023, arXiv:2211.14730"
    space: ClassVar = {
        "window": Choice((16, 32, 64)),
        "block": Range(1, 32, log=True, whole=True),
        "patch": Choice((2, 4, 8)),
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 4, whole=True),
        "learning_rate": Range(1e-4, 5e-3, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        block: int = 8,
        patch: int = 4,
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        mixed: bool = True,
        updates: int = 3000,
        batch: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"patch": patch, "width": width, "heads": heads, "layers": layers})
        if window % patch:
            raise ForecasterError(f"window = {window!r}: must be a multiple of patch = {patch!r}; take {-(-window // patch) * patch}")
        if width % heads:
            raise ForecasterError(f"width = {width!r}: must be a multiple of heads = {heads!r}; take {-(-width // heads) * heads}")
        self.patch, self.width, self.heads, self.layers, self.mixed = patch, width, heads, layers, bool(mixed)

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, dimension, self.patch, self.width, self.heads, self.layers, self.mixed, draws)
