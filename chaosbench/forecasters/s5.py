"""Stacked state-space filters with many inputs and outputs (S5), trained on one-step increments and fed back."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._hippo import legs_normal
from chaosbench.forecasters._ssm import hold
from chaosbench.forecasters._ssm_forecaster import SPACE, StackForecaster, multiple_of_vector
from chaosbench.forecasters._ssm_mimo import Bank, BankFilter
from chaosbench.forecasters._ssm_stack import Filter, log_uniform
from chaosbench.forecasters.base import Choice, Range


class _Blocks(BankFilter):
    """`blocks` copies of the normal part of LegS in its eigenbasis, every mode with its own step."""

    def __init__(self, width: int, modes: int, blocks: int, draws: torch.Generator) -> None:
        super().__init__(width, modes)
        size = 2 * modes // blocks
        frequency, vectors, _ = legs_normal(size)
        basis = torch.as_tensor(np.stack((vectors.real, vectors.imag)), dtype=torch.float32)  # (2, size, size / 2)
        self.log_step = nn.Parameter(log_uniform(draws, modes))
        self.log_decay = nn.Parameter(torch.full((modes,), math.log(0.5)))
        self.frequency = nn.Parameter(torch.as_tensor(frequency, dtype=torch.float32).repeat(blocks))
        sign = torch.tensor([1.0, -1.0])[:, None, None]
        given = torch.randn(blocks, 1, size, width, generator=draws) / math.sqrt(width)
        seen = torch.randn(blocks, 1, width, size, generator=draws) / math.sqrt(2 * modes)
        self.input = nn.Parameter(((sign * basis).transpose(-1, -2) @ given).transpose(0, 1).reshape(2, modes, width))  # V^H B
        self.output = nn.Parameter((seen @ basis).permute(1, 2, 0, 3).reshape(2, width, modes))  # C V
        self.through = nn.Parameter(torch.randn(width, generator=draws))

    def dynamics(self) -> list[nn.Parameter]:
        return [self.log_step, self.log_decay, self.frequency]

    def bank(self) -> Bank:
        log_modulus, phase, real, imaginary = hold(torch.exp(self.log_step), torch.exp(self.log_decay), self.frequency)
        b_real, b_imaginary = self.input
        inward = (real[:, None] * b_real - imaginary[:, None] * b_imaginary, real[:, None] * b_imaginary + imaginary[:, None] * b_real)
        outward = torch.cat((2.0 * self.output[0], -2.0 * self.output[1]), 1)
        return Bank(log_modulus, phase, torch.cat(inward), outward, self.through)


class S5(StackForecaster):
    """Stacked state-space filters that hear all channels at once: normalise, filter by one bank of modes, mix channels with a gate, add; fed back.

    Equations: for the stream h (H,) and each layer: r = h / rms(h); s_t = exp(dt A) s_{t-1} + A^-1 (exp(dt A) - 1) B r_t with `modes` complex s,
    A = -exp(a) + i w and a step dt for every mode; v_t = 2 Re(C s_t) + D r_t; h <- h + glu(W gelu(v) + b). The stream starts as E x_t + e and ends as
    x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
    Symbols: B (P, H) and C (H, P) complex, P = modes (each stands for a conjugate pair), H = width; a, w, dt (P,); D (H,).
    Method: A starts as `blocks` copies of the normal part of LegS of size 2 P / blocks, B and C as random real matrices in its eigenbasis, dt
    log-uniform in [1/32, 1/5] samples; modes that turn by more than pi a step are silenced. Loss, carried state, burn-in, noise, optimiser,
    unrolling and selection as in the other state-space forecasters: mean of |increment - prediction|^2 / u^2 over segments of `segment` samples,
    `carried` of them in a row with the state handed on. A segment is read by one product a mode instead of a scan.
    Source: J. T. H. Smith, A. Warrington, S. W. Linderman, ICLR 2023, arXiv:2208.04933.
    Changed: predicts increments; the state is carried over segments in training; decay held positive by an exponential, so that no eigenvalue has to
    be clipped; one layer by default; root-mean-square instead of layer or batch normalisation and no gains; one learning rate. Equal steps only.
    Measured on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 20 test windows): median valid prediction time 2.5 and 1.7 Lyapunov times (seeds 0
    and 1), 2.5 and 2.0 with 64 modes. From 2 000 samples at 30 a period 2.0, on the Henon map 4.0 (20 windows, seed 0); in the first of these free
    runs were not chaotic (largest exponent wrong by 0.8 of the true one). Same
    sizes on Rossler's system (dt = 0.2) 2.0, on Halvorsen's (dt = 0.05) 2.9 Lyapunov times (seed 0), where the last state is valid for two samples.
    Cost: 8 to 12 s of one core at the defaults; H (2 D + 4 P + 2 H) weights a layer; one product of a segment with a matrix a mode in training, O(P
    H) a step of a forecast.
    Fails: wide states with few samples (it knows nothing of space); the filters are linear, so memory of the hidden part of the state is linear too;
    far outside the training data nothing pulls an orbit back.
    """

    family: ClassVar = "state space"
    source = "J. T. H. Smith, A. Warrington, S. W. Linderman, ICLR 2023, arXiv:2208.04933"
    space: ClassVar[Mapping[str, Range | Choice]] = {**SPACE, "modes": Choice((16, 32, 64)), "blocks": Choice((2, 4, 8))}

    def __init__(
        self,
        *,
        width: int = 64,
        modes: int = 32,
        blocks: int = 8,
        layers: int = 1,
        updates: int = 1200,
        batch: int = 16,
        segment: int = 32,
        carried: int = 12,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.01,
        noise: float = 1e-2,
        unrolled: int = 0,
    ) -> None:
        positive({"modes": modes, "blocks": blocks})
        multiple_of_vector("modes", modes)
        if modes % blocks:
            raise ForecasterError(f"blocks = {blocks!r}: must divide modes = {modes}; take a power of two up to {modes}")
        super().__init__(
            width=width,
            layers=layers,
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            burn_in=burn_in,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )
        self.modes, self.blocks = modes, blocks

    def _filters(self, draws: torch.Generator) -> Callable[[torch.Generator], Filter]:
        return lambda own: _Blocks(self.width, self.modes, self.blocks, own)
