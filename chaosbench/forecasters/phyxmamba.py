"""Delay coordinates in patches, selective layers that each explain a part, several patches ahead, and free runs held to the attractor."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._blocks import BlockNetwork
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._discrepancy import discrepancy
from chaosbench.forecasters._layers import Linear
from chaosbench.forecasters._selective import SSD
from chaosbench.forecasters._tangent_rows import normalise
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range

_WIDTHS = (0.2, 0.5, 0.9, 1.3)  # of the kernels, in standard deviations of the data
_AHEAD = 3  # further patches that training predicts
_HEAD = 16  # channels of one head of a selective layer


class _Core(nn.Module):
    def __init__(self, dimension: int, patch: int, delays: int, lag: int, width: int, modes: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()
        self.dimension, self.patch, self.delays, self.lag = dimension, patch, delays, lag
        self.embed = Linear(patch * delays * dimension, width, draws)
        self.layers = nn.ModuleList(SSD(width, modes, _HEAD, 64, draws) for _ in range(layers))
        self.explains = nn.ModuleList(Linear(width, width, draws) for _ in range(layers - 1))
        self.head = Linear(width, patch * dimension, draws)
        self.joins = nn.ModuleList(Linear(2 * width, width, draws) for _ in range(_AHEAD))
        self.ahead = nn.ModuleList(SSD(width, modes, _HEAD, 64, draws) for _ in range(_AHEAD))

    def forward(self, window: Tensor) -> Tensor:
        """Return the patch (B, patch, D) that follows `window` (B, L, D)."""
        hidden = self.hidden(self.tokens(window))
        steps: Tensor = self.head(hidden[:, -1])
        return window[:, -1:] + steps.reshape(len(window), self.patch, self.dimension)

    def tokens(self, series: Tensor) -> Tensor:
        """Return one token a patch (B, L / patch, width) of the delay coordinates, zero where they reach before the series, with its place."""
        length = series.shape[1]
        shifts = [min(k * self.lag, length) for k in range(self.delays)]
        delayed = [torch.cat((torch.zeros_like(series[:, :shift]), series[:, : length - shift]), 1) for shift in shifts]
        patches = torch.cat(delayed, 2).reshape(len(series), -1, self.patch * self.delays * self.dimension)
        embedded: Tensor = self.embed(patches)
        return embedded + _places(embedded.shape[1], embedded.shape[2], embedded)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the sum of what the layers find: each reads what the ones before left unexplained."""
        rest, total = tokens, torch.zeros_like(tokens)
        for n, layer in enumerate(self.layers):
            found = _from_rest(layer, rest)
            total = total + found
            if n < len(self.explains):
                rest = rest - self.explains[n](found)
        return total

    def patches_after(self, series: Tensor) -> list[Tensor]:
        """Return, for 1 to 4 patches ahead, the predictions (B, tokens, patch D) at every token of `series` that has that many after it."""
        tokens = self.tokens(series)
        hidden = self.hidden(tokens)
        answers = [self.head(hidden)]
        for n, (join, layer) in enumerate(zip(self.joins, self.ahead, strict=True)):
            both = torch.cat((normalise(hidden[:, :-1], 2), normalise(tokens[:, n + 1 :], 2)), 2)
            hidden = _from_rest(layer, join(both))
            answers.append(self.head(hidden))
        return answers


def _from_rest(layer: nn.Module, stream: Tensor) -> Tensor:
    """Return the output of a selective layer that has read nothing before."""
    state = [stream.new_zeros(len(stream), size) for size in layer.sizes]  # type: ignore[union-attr]
    found: Tensor = layer.read(normalise(stream, 2), (state[0], state[1]))[0]  # type: ignore[operator]
    return found


def _places(count: int, width: int, like: Tensor) -> Tensor:
    """Return sines and cosines (count, width) of the token number, wavelengths from 2 pi to 10 000 times that."""
    place = torch.arange(count, dtype=like.dtype, device=like.device)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=like.dtype, device=like.device) * (-math.log(1e4) / width))
    return torch.stack((torch.sin(place * rate), torch.cos(place * rate)), 2).flatten(1)


class _Network(BlockNetwork):
    def __init__(self, core: _Core, window: int, patch: int, dimension: int, ahead: float, anchored: float, followed: float) -> None:
        super().__init__(core, window, patch, dimension)
        self.ahead, self.anchored, self.followed = ahead, anchored, followed

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        series = torch.cat((inputs[:, :1], targets), 1)
        core: _Core = self.core  # type: ignore[assignment]
        size = core.patch
        whole = series[:, : series.shape[1] // size * size]
        ends = whole[:, size - 1 :: size].repeat(1, 1, size)  # (B, patches, patch D), the last sample of each
        patches = whole.reshape(len(whole), -1, size * self.dimension)
        losses = []
        for n, answer in enumerate(core.patches_after(whole[:, :-size])):
            truth = patches[:, n + 1 :]
            losses.append((answer + ends[:, n : n + truth.shape[1]] - truth).square().mean())
        return losses[0] + self.ahead * torch.stack(losses[1:]).mean(), inputs.new_zeros(1)

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        window, seen = inputs[:, -self.window :], []
        for _ in range(-(-targets.shape[1] // self.block)):
            answer = self.core(window)
            window = torch.cat((window, answer), 1)[:, -self.window :]
            seen.append(answer)
        run = torch.cat(seen, 1)[:, : targets.shape[1]]
        clouds, truth = run.transpose(0, 1), targets.transpose(0, 1)
        anchored = discrepancy(inputs[:, -1].expand_as(clouds), clouds, _WIDTHS).mean()
        followed = discrepancy(truth, clouds, _WIDTHS).mean()
        return (run - targets).square().mean() + self.anchored * anchored + self.followed * followed


class PhyxMamba(BlockForecaster):
    """x_{t+1..t+P} = x_t + F h_K, h_K the last token after selective layers over patches of delay coordinates (x_t, x_{t-lag}, ...).

    Equations: token_k = E (delay coordinates of patch k) + place_k; r_0 = tokens, f_n = layer_n(r_n / rms), r_{n+1} = r_n - G_n f_n, h = sum f_n; the
    layers are those of Mamba-2. In training, three modules in a row predict up to three patches further: h <- layer(J [h_k / rms, token_{k+n} /
    rms]).
    Method: the mean square error of the next patch at every token + `ahead` x the mean of those further on; then, over the last part of the updates,
    free runs of `unrolled` samples: mean square error + `anchored` x the discrepancy between the states the runs start from and the runs at each
    lead + `followed` x the discrepancy between truth and runs at each lead, over the batch, with rational quadratic kernels. AdamW with a cosine
    schedule, input noise; weights of the best valid prediction time on held-out data. A window is read anew for each patch.
    Source: C. Liu, B. Zhao, J. Ding, H. Wang, Y. Li, "Mamba Integrated with Physics Principles Masters Long-term Chaotic System Forecasting",
    arXiv:2505.23863; kernels: A. Gretton et al., J. Mach. Learn. Res. 13, 723 (2012).
    Changed: a tenth of the source's width and states; patches are predicted relative to the last sample; one schedule over both stages.
    Cost: layers x (6 H^2 + 4 H N) weights; one to two minutes to train on one core.
    Fails: series shorter than window and four patches; delays of the embedding reach beyond the window's start, where they are zero.
    """

    family: ClassVar = "state space"
    source = "C. Liu et al., arXiv:2505.23863"
    space: ClassVar = {
        "patch": Choice((2, 4, 8)),
        "delays": Range(1, 4, whole=True),
        "lag": Range(1, 8, whole=True),
        "width": Choice((32, 64)),
        "layers": Range(1, 4, whole=True),
        "learning_rate": Range(5e-4, 1e-2, log=True),
        "followed": Choice((0.0, 1.0, 10.0, 100.0, 1000.0)),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        patch: int = 4,
        delays: int = 3,
        lag: int = 3,
        width: int = 32,
        modes: int = 32,
        layers: int = 2,
        ahead: float = 0.1,
        anchored: float = 1.0,
        followed: float = 10.0,
        unrolled: int = 32,
        updates: int = 2000,
        batch: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=patch, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"delays": delays, "lag": lag, "width": width, "modes": modes, "layers": layers})
        for name, value in (("ahead", ahead), ("anchored", anchored), ("followed", followed)):
            within(name, value, 0.0, 1e6)
        within("unrolled", unrolled, 0, 10_000)
        for name, value, unit in (("window", window, patch), ("width", 2 * width, _HEAD)):
            if value % unit:
                raise ForecasterError(f"{name} = {value!r}: must be a multiple of {unit}; take {-(-value // unit) * unit}")
        self.delays, self.lag, self.width, self.modes, self.layers = delays, lag, width, modes, layers
        self.ahead, self.anchored, self.followed = ahead, anchored, followed
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=window + (1 + _AHEAD) * patch - 1,
            carried=1 if unrolled == 0 else 2,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(dimension, self.block, self.delays, self.lag, self.width, self.modes, self.layers, draws)

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> BlockNetwork:
        dimension = states[0].shape[1]
        core = _Core(dimension, self.block, self.delays, self.lag, self.width, self.modes, self.layers, draws)
        return _Network(core, self.window, self.block, dimension, self.ahead, self.anchored, self.followed)
