"""Companion-matrix state-space filters that read a window, and a decoder that runs on by itself for a block (SpaceTime)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from chaosbench.forecasters._block_forecaster import BlockForecaster
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._kernels import companion, krylov, toeplitz
from chaosbench.forecasters._layers import Linear, uniform
from chaosbench.forecasters._tangent_rows import normalise
from chaosbench.forecasters.base import Choice, Range


class _Companions(nn.Module):
    """H channels z_t = A z_{t-1} + b u_t, A (p, p) the companion matrix of `column` scaled to a sum of moduli of at most 1, hence without growth."""

    def __init__(self, width: int, order: int, draws: torch.Generator) -> None:
        super().__init__()
        self.column = uniform(draws, width, order, fan=order)
        self.input = uniform(draws, width, order, fan=1)

    def matrix(self) -> Tensor:
        """Return A (H, p, p)."""
        return companion(self.column / self.column.abs().sum(-1, keepdim=True).clamp(min=1.0))

    def memory(self, length: int) -> Tensor:
        """Return A^l b for l = 0..length - 1, (H, length, p)."""
        return krylov(self.matrix(), self.input, length)


class _Reader(nn.Module):
    """v_t = c z_t + D u_t, then a gated mix of channels, added to what came in (H, B, L)."""

    def __init__(self, width: int, order: int, draws: torch.Generator) -> None:
        super().__init__()
        self.filter = _Companions(width, order, draws)
        self.output = uniform(draws, width, order, fan=order)
        self.through = nn.Parameter(torch.ones(width))
        self.mixing = Linear(width, 2 * width, draws)

    def forward(self, stream: Tensor) -> Tensor:
        inputs = normalise(stream, 0)
        response = (self.filter.memory(stream.shape[-1]) * self.output[:, None]).sum(-1)
        seen = torch.bmm(inputs, toeplitz(response)) + self.through[:, None, None] * inputs
        value, gate = self.mixing(nn.functional.gelu(seen).permute(1, 2, 0)).chunk(2, -1)
        mixed: Tensor = (value * torch.sigmoid(gate)).permute(2, 0, 1)
        return stream + mixed


class _ClosedLoop(nn.Module):
    """Reads (H, B, L) into states z and answers y_{n+h} = c (A + b k)^(h-1) z_n for h = 1..block, (H, B, block); c and k are not normalised."""

    def __init__(self, width: int, order: int, block: int, draws: torch.Generator) -> None:
        super().__init__()
        self.block = block
        self.filter = _Companions(width, order, draws)
        self.output = uniform(draws, width, order, fan=order)
        self.feedback = uniform(draws, width, order, fan=order)

    def forward(self, stream: Tensor) -> Tensor:
        read = torch.bmm(stream, self.filter.memory(stream.shape[-1]).flip(1))  # (H, B, p)
        loop = self.filter.matrix() + self.filter.input[..., :, None] * self.feedback[..., None, :]
        row, ahead = self.output[:, None], []
        # one by one: powers by doubling lose three digits, their entries are far larger than what they do to a state
        for _ in range(self.block):
            ahead.append(row)
            row = torch.bmm(row, loop)
        return torch.bmm(read, torch.cat(ahead, 1).transpose(-1, -2))


class _Core(nn.Module):
    def __init__(self, block: int, dimension: int, width: int, order: int, layers: int, draws: torch.Generator) -> None:
        super().__init__()
        self.encoder = Linear(dimension, width, draws)
        self.readers = nn.ModuleList(_Reader(width, order, draws) for _ in range(layers))
        self.loop = _ClosedLoop(width, order, block, draws)
        self.decoder = Linear(width, dimension, draws)

    def forward(self, window: Tensor) -> Tensor:
        stream = self.encoder(window).permute(2, 0, 1)
        for reader in self.readers:
            stream = reader(stream)
        answer: Tensor = window[:, -1:] + self.decoder(self.loop(normalise(stream, 0)).permute(1, 2, 0))
        return answer


class SpaceTime(BlockForecaster):
    """Companion-matrix filters over the last L samples, and a decoder y_{n+h} = c (A + b k)^(h-1) z_n that runs on for a block without inputs.

    Equations: for the stream h (H,) and each of `layers` readers: r = h / rms(h); z_t = A z_{t-1} + b r_t, v_t = c z_t + D r_t, each channel with
    its own A = shift + a e_p^T, b, c; h <- h + glu(W gelu(v) + w). The stream starts as E x_t + e. The decoder reads h / rms(h) the same way into
    z_n and answers x_{n+j} = x_n + F y_{n+j} + f for j = 1..block. Then the window moves on over the predictions and is read anew.
    Symbols: L = window, p = order, H = width; a (p,) scaled so that the sum of its moduli is at most 1, k (p,) free.
    Method: mean square error over the block, AdamW with a cosine schedule, input noise; weights of the best valid prediction time on held-out data.
    Source: M. Zhang, K. K. Saab, M. Poli, T. Dao, K. Goel, C. Re, ICLR 2023, arXiv:2303.09489.
    Changed: only the horizon term of the loss; a block of a fraction of a Lyapunov time, read anew, because within a block the decoder is a linear
    autonomous map that can only turn and decay, or explode; c and k not normalised; increments to the last sample in place of preprocessing heads;
    responses by powers of the matrices, which at these orders costs less than a transform.
    Measured on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 20 test windows): median valid prediction time 2.6 Lyapunov times with blocks of 8,
    2.7 with blocks of 4 (seed 0).
    Cost: 27 s of one core at the defaults; H (2 D + 2 H + 5 p) weights with one reader; a window is read anew every `block` samples.
    Fails: with long blocks forecasts decay to the mean; few channels give few frequencies a block.
    """

    family: ClassVar = "state space"
    source = "M. Zhang et al., ICLR 2023, arXiv:2303.09489"
    space: ClassVar = {
        "window": Range(16, 64, whole=True),
        "block": Range(1, 32, log=True, whole=True),
        "order": Choice((8, 16, 32)),
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 3, whole=True),
        "learning_rate": Range(1e-4, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        window: int = 32,
        block: int = 8,
        order: int = 16,
        width: int = 64,
        layers: int = 1,
        updates: int = 2000,
        batch: int = 32,
        learning_rate: float = 5e-3,
        weight_decay: float = 0.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            window=window, block=block, updates=updates, batch=batch, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )
        positive({"order": order, "width": width, "layers": layers})
        self.order, self.width, self.layers = order, width, layers

    def _core(self, dimension: int, draws: torch.Generator) -> nn.Module:
        return _Core(self.block, dimension, self.width, self.order, self.layers, draws)
