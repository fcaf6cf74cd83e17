"""Stacked linear recurrent units, trained on one-step increments and fed back."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._hippo import ring
from chaosbench.forecasters._ssm_forecaster import SPACE, StackForecaster, multiple_of_vector
from chaosbench.forecasters._ssm_mimo import Bank, BankFilter, complex_normal
from chaosbench.forecasters._ssm_stack import Filter
from chaosbench.forecasters.base import Choice, Range


class _Unit(BankFilter):
    """lambda = exp(-exp(nu) + i exp(theta)), input scaled by exp(gain)."""

    def __init__(self, width: int, modulus: np.ndarray, phase: np.ndarray, draws: torch.Generator) -> None:
        modes = len(modulus)
        super().__init__(width, modes)
        self.nu = nn.Parameter(torch.as_tensor(np.log(-np.log(modulus)), dtype=torch.float32))
        self.theta = nn.Parameter(torch.as_tensor(np.log(phase), dtype=torch.float32))
        self.gain = nn.Parameter(torch.as_tensor(0.5 * np.log(1.0 - modulus**2), dtype=torch.float32))
        self.input = nn.Parameter(complex_normal(draws, modes, width, fan=width))
        self.output = nn.Parameter(complex_normal(draws, width, modes, fan=modes))
        self.through = nn.Parameter(torch.randn(width, generator=draws))

    def dynamics(self) -> list[nn.Parameter]:
        return [self.nu, self.theta, self.gain]

    def bank(self) -> Bank:
        inward = torch.exp(self.gain)[None, :, None] * self.input.permute(2, 0, 1)
        outward = torch.cat((self.output[..., 0], -self.output[..., 1]), 1)
        return Bank(-torch.exp(self.nu), torch.exp(self.theta), inward.flatten(0, 1), outward, self.through)


class LRU(StackForecaster):
    """Stacked linear recurrent units: normalise, filter all channels by one bank of complex modes, mix channels with a gate, add; fed back.

    Equations: for the stream h (H,) and each layer: r = h / rms(h); s_t = lambda s_{t-1} + exp(g) B r_t with `modes` complex s and
    lambda = exp(-exp(nu) + i exp(theta)); v_t = Re(C s_t) + D r_t; h <- h + glu(W gelu(v) + b). The stream starts as E x_t + e and ends as
    x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
    Symbols: B (P, H) and C (H, P) complex, P = modes, H = width; nu, theta, g (P,) real; D (H,); glu the first half times the logistic function of
    the second.
    Method: moduli start uniform by area in the ring [`inner`, `outer`], phases uniform in [0, `turn`], exp(g) = sqrt(1 - |lambda|^2), which gives
    states of white input the mean square of the input. Loss, carried state, burn-in, noise, optimiser, unrolling and selection as in the other
    state-space forecasters: mean of |increment - prediction|^2 / u^2 over segments of `segment` samples, `carried` of them in a row with the state
    handed on.
    Source: A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De, ICML 2023, arXiv:2303.06349.
    Changed: predicts increments; the state is carried over segments in training; one layer by default; root-mean-square instead of layer or batch
    normalisation and no gains; nu, theta and g have the learning rate of the other weights and no weight decay.
    Measured on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 20 test windows): median valid prediction time 2.2, 3.0 and 2.4 Lyapunov times
    (seeds 0 to 2); with noise 3e-3, 2 000 updates and seed 1, 3.2. From 2 000 samples at 30 a period 3.0, on the Henon map 4.2 (20 windows, seed 0).
    Same sizes on Rossler's system (dt = 0.2) 1.9, on Halvorsen's (dt = 0.05) 2.8 Lyapunov times (seed 0), where the last state is valid for two
    samples.
    Cost: 9 to 12 s of one core at the defaults; H (2 D + 4 P + 2 H) weights a layer; one product of a segment with a matrix a mode in training, O(P
    H) a step of a forecast.
    Fails: wide states with few samples (it knows nothing of space); the filters are linear, so memory of the hidden part of the state is linear too;
    far outside the training data nothing pulls an orbit back.
    """

    family: ClassVar = "state space"
    source = "A. Orvieto et al., ICML 2023, arXiv:2303.06349"
    space: ClassVar[Mapping[str, Range | Choice]] = {**SPACE, "modes": Choice((16, 32, 64)), "inner": Range(0.0, 0.95)}

    def __init__(
        self,
        *,
        width: int = 64,
        modes: int = 64,
        layers: int = 1,
        inner: float = 0.5,
        outer: float = 0.99,
        turn: float = math.pi / 2,
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
        positive({"modes": modes})
        multiple_of_vector("modes", modes)
        within("inner", inner, 0.0, 1.0)
        within("outer", outer, 0.0, 1.0)
        within("turn", turn, 0.0, 2.0 * math.pi, open_below=True)
        if not inner < outer < 1.0:
            raise ForecasterError(f"inner = {inner!r}, outer = {outer!r}: moduli must lie in a ring inside the unit circle; pass inner < outer < 1")
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
        self.modes, self.inner, self.outer, self.turn = modes, inner, outer, turn

    def _filters(self, draws: torch.Generator) -> Callable[[torch.Generator], Filter]:
        random = np.random.default_rng(draws.initial_seed())
        return lambda own: _Unit(self.width, *ring(self.modes, self.inner, self.outer, self.turn, random), own)
