"""A transformer that compares a series with itself shifted, and treats trend and season apart."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._decomposition import moving_mean
from chaosbench.forecasters._layers import Linear, Perceptron
from chaosbench.forecasters.base import Choice, Range


def lagged_sum(query: Tensor, key: Tensor, value: Tensor, factor: float) -> Tensor:
    """Return the values (B, L, H) summed over their most telling circular shifts, weighted by the softmax of the correlation there.

    The correlation of lag l is the mean over channels of sum_t query_t key_{t-l}; the floor(factor ln L) largest are used, chosen for every series
    by itself.
    """
    length = query.shape[1]
    spectrum = torch.fft.rfft(query, dim=1) * torch.fft.rfft(key, dim=1).conj()
    correlation = torch.fft.irfft(spectrum, n=length, dim=1).mean(2)  # (B, L)
    count = max(1, min(length, int(factor * math.log(length))))
    weight, lag = torch.topk(correlation, count, dim=1)
    kernel = torch.zeros_like(correlation).scatter(1, lag, torch.softmax(weight, 1))  # the sum of shifts is a circular correlation with it
    summed: Tensor = torch.fft.irfft(torch.fft.rfft(value, dim=1) * torch.fft.rfft(kernel, dim=1).conj()[:, :, None], n=length, dim=1)
    return summed


def _neighbours(series: Tensor) -> Tensor:
    """Return each sample of `series` (B, L, D) with the one before and after it, on a circle: (B, L, 3 D)."""
    return torch.cat((torch.roll(series, 1, 1), series, torch.roll(series, -1, 1)), 2)


class _Correlation(nn.Module):
    def __init__(self, width: int, factor: float, draws: torch.Generator) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (Linear(width, width, draws) for _ in range(4))
        self.factor = factor

    def forward(self, stream: Tensor, other: Tensor) -> Tensor:
        """Return what `stream` (B, S, H) finds in `other` (B, L, H), cut or padded with zeros to the length S."""
        key, value = self.key(other), self.value(other)
        missing = stream.shape[1] - key.shape[1]
        if missing > 0:
            key, value = (torch.cat((part, part.new_zeros(len(part), missing, part.shape[2])), 1) for part in (key, value))
        key, value = key[:, : stream.shape[1]], value[:, : stream.shape[1]]
        found: Tensor = self.out(lagged_sum(self.query(stream), key, value, self.factor))
        return found


class _Core(nn.Module):
    """Encoder of `layers`, decoder of one; the decoder's season starts as the second half of the window's, then zeros; its trend as their mean."""

    def __init__(self, window: int, block: int, dimension: int, width: int, layers: int, moving: int, factor: float, draws: torch.Generator) -> None:
        super().__init__()
        self.block, self.tail, self.moving = block, window // 2, moving
        self.embed_window, self.embed_season = Linear(3 * dimension, width, draws), Linear(3 * dimension, width, draws)
        self.encoder = nn.ModuleList(_Correlation(width, factor, draws) for _ in range(layers))
        self.inner = nn.ModuleList(Perceptron([width, 2 * width, width], draws, nn.functional.gelu) for _ in range(layers + 1))
        self.own, self.cross = _Correlation(width, factor, draws), _Correlation(width, factor, draws)
        self.trends = nn.ModuleList(Linear(width, dimension, draws) for _ in range(3))
        self.season = Linear(width, dimension, draws)

    def forward(self, window: Tensor) -> Tensor:
        last = window[:, -1:]
        window = window - last
        slow = moving_mean(window, self.moving)
        mean, future = window.mean(1, keepdim=True), window.new_zeros(len(window), self.block, window.shape[2])
        season = torch.cat(((window - slow)[:, -self.tail :], future), 1)
        trend = torch.cat((slow[:, -self.tail :], mean + future), 1)
        seen = self.embed_window(_neighbours(window))
        for layer, inner in zip(self.encoder, self.inner, strict=False):
            seen, _ = self._split(seen + layer(seen, seen))
            seen, _ = self._split(seen + inner(seen))
        stream = self.embed_season(_neighbours(season))
        stream, first = self._split(stream + self.own(stream, stream))
        stream, second = self._split(stream + self.cross(stream, seen))
        stream, third = self._split(stream + self.inner[-1](stream))
        trend = trend + sum(read(part) for read, part in zip(self.trends, (first, second, third), strict=True))
        answer: Tensor = last + (trend + self.season(stream))[:, -self.block :]
        return answer

    def _split(self, stream: Tensor) -> tuple[Tensor, Tensor]:
        slow = moving_mean(stream, self.moving)
        return stream - slow, slow


class Autoformer(BlockForecaster):
    """The window is split into moving mean and season; the season is compared with its own shifts, and both are continued for a block.

    Equations: auto-correlation R(l) = mean over channels of sum_t q_t k_{t-l}, by Fourier transforms; the floor(factor ln L) lags with the largest R
    give sum_l softmax(R)_l roll(v, -l). Every sublayer is followed by a split into moving mean (width `moving`) and rest; the means of the
    decoder, read out linearly, add to the trend, which starts as the moving mean of the window's second half and then its mean.
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    After a block the window moves on over the predictions.
    Source: H. Wu, J. Xu, J. Wang, M. Long, "Autoformer: Decomposition Transformers with Auto-Correlation for Long-Term Series Forecasting",
    NeurIPS 2021, arXiv:2106.13008.
    Changed: everything relative to the last sample; no calendar inputs, one head, lags chosen for every series in training as well (the source
    shares them over a batch), no dropout.
    Measured on Lorenz-63 (noise-free, 5 000 samples, 30 a period, seed 0): valid for 0.17 Lyapunov times, persistence 0.07; all free runs leave the
    attractor.
    Cost: (layers + 3) x 8 width^2 weights, O(L log L) a layer; half a minute to train on one core.
    Fails: chaotic series have no season: the lags found in one window do not continue the next, so that it forecasts a fraction of a Lyapunov time.
    """

    family: ClassVar = "direct"
    source = "H. Wu et al., NeurIPS 2021, arXiv:2106.13008"
    space: ClassVar = {
        "window": Choice((16, 32, 64)),
        "block": Range(4, 32, log=True, whole=True),
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 2, whole=True),
        "moving": Choice((5, 9, 25)),
        "learning_rate": Range(1e-4, 5e-3, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        block: int = 8,
        width: int = 32,
        layers: int = 1,
        moving: int = 9,
        factor: float = 1.0,
        updates: int = 2000,
        batch: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"width": width, "layers": layers, "moving": moving})
        within("factor", factor, 0.0, 100.0, open_below=True)
        if window < 2:
            raise ForecasterError(f"window = {window!r}: its second half starts the decoder, so it must be at least 2")
        self.width, self.layers, self.moving, self.factor = width, layers, moving, factor

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.window, self.block, dimension, self.width, self.layers, self.moving, self.factor, draws)
