"""Stacked state-space filters whose matrix is diagonal minus rank one (S4), trained on one-step increments and fed back."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._border import one_of, positive
from chaosbench.forecasters._hippo import Start, fout_start, legs_start
from chaosbench.forecasters._kernels import segment_matrix
from chaosbench.forecasters._ssm_forecaster import SPACE, StackForecaster
from chaosbench.forecasters._ssm_stack import Filter, log_uniform
from chaosbench.forecasters.base import Choice, Range

_STARTS: Mapping[str, Callable[[int], Start]] = {"legs": legs_start, "fout": fout_start}


class _Resolvent:
    """(I - dt/2 A)^-1 of A = Lambda - 2 p Re(p^H .) on real and imaginary parts, by the Sherman-Morrison formula.

    e = 1 / (1 - dt/2 Lambda); ep = e p; the correction is `factor` * ep Re(p^H e .), all (H, N).
    """

    def __init__(self, step: Tensor, decay: Tensor, frequency: Tensor, p: Tensor) -> None:
        a, b = 1.0 + 0.5 * step * decay, 0.5 * step * frequency
        below = a * a + b * b
        self.e = (a / below, b / below)
        self.p = (p[..., 0], p[..., 1])
        self.ep = self.diagonal(*self.p)
        inside = (self.p[0] * self.ep[0] + self.p[1] * self.ep[1]).sum(-1, keepdim=True)
        self.factor = step / (1.0 + step * inside)

    def diagonal(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        """Return e times a complex number."""
        return self.e[0] * real - self.e[1] * imaginary, self.e[0] * imaginary + self.e[1] * real

    def __call__(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.diagonal(real, imaginary)
        along = self.factor * (self.p[0] * first + self.p[1] * second).sum(-1, keepdim=True)
        return torch.addcmul(first, along, self.ep[0], value=-1.0), torch.addcmul(second, along, self.ep[1], value=-1.0)

    def dense(self) -> Tensor:
        """Return the resolvent as real matrices (H, 2N, 2N) on [real, imaginary]."""
        real, imaginary = torch.diag_embed(self.e[0]), torch.diag_embed(self.e[1])
        diagonal = torch.cat((torch.cat((real, -imaginary), -1), torch.cat((imaginary, real), -1)), -2)
        left = torch.cat(self.ep, -1)
        right = torch.cat((self.e[0] * self.p[0] + self.e[1] * self.p[1], self.e[0] * self.p[1] - self.e[1] * self.p[0]), -1)  # conj(e) p
        return diagonal - (self.factor * left)[..., :, None] * right[..., None, :]


class _RankOne(Filter):
    """H channels, each z' = Lambda z - 2 p Re(p^H z) + b u, y = 2 Re(c z) + D u with N complex modes."""

    def __init__(self, width: int, start: Start, draws: torch.Generator) -> None:
        super().__init__()
        modes = len(start.decay)

        def each(values: np.ndarray) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32).expand(width, *values.shape).clone()

        self.log_step = nn.Parameter(log_uniform(draws, width))
        self.log_decay = nn.Parameter(each(np.log(start.decay)))
        self.frequency = nn.Parameter(each(start.frequency))
        self.p = nn.Parameter(each(np.stack((start.p.real, start.p.imag), -1)))
        self.input = nn.Parameter(each(np.stack((start.b.real, start.b.imag), -1)))
        self.output = nn.Parameter(math.sqrt(0.5) * torch.randn(width, modes, 2, generator=draws))
        self.through = nn.Parameter(torch.randn(width, generator=draws))

    def dynamics(self) -> list[nn.Parameter]:
        return [self.log_step, self.log_decay, self.frequency, self.p, self.input]

    def resolvent(self) -> _Resolvent:
        """Return (I - dt/2 A)^-1 of the present weights."""
        return _Resolvent(torch.exp(self.log_step)[:, None], torch.exp(self.log_decay), self.frequency, self.p)

    def dense(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discrete A (H, 2N, 2N), B (H, 2N) and C (H, 2N) on [real, imaginary]."""
        resolvent = self.resolvent().dense()
        A = 2.0 * resolvent - torch.eye(resolvent.shape[-1], dtype=resolvent.dtype, device=resolvent.device)
        B = torch.exp(self.log_step)[:, None] * (resolvent * torch.cat(self.input.unbind(-1), -1)[:, None, :]).sum(-1)
        return A, B, torch.cat((2.0 * self.output[..., 0], -2.0 * self.output[..., 1]), -1)

    def blank(self, batch: int) -> Tensor:
        width, modes = self.frequency.shape
        return self.frequency.new_zeros(width, batch, 2 * modes)

    def operator(self, length: int) -> tuple[Tensor, ...]:
        return (segment_matrix(*self.dense(), self.through, length),)

    def apply_to(self, inputs: Tensor, state: Tensor, operator: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        both = torch.bmm(torch.cat((inputs, state), -1), operator[0])
        length = inputs.shape[-1]
        return both[..., :length], both[..., length:]

    def recurrence(self) -> "_Recurrence":
        return _Recurrence(self)


class _Recurrence:
    """z_t = 2 R (z_{t-1} + dt/2 b u_t) - z_{t-1}, R the resolvent: O(N) a channel, without eigenvectors, which for LegS are nearly parallel."""

    def __init__(self, part: _RankOne) -> None:
        self.shape = part.frequency.shape
        self._resolvent = part.resolvent()
        half = 0.5 * torch.exp(part.log_step)[:, None, None] * part.input
        self._input = (half[..., 0].contiguous(), half[..., 1].contiguous())
        self._output = ((2.0 * part.output[..., 0]).contiguous(), (2.0 * part.output[..., 1]).contiguous())
        self._through = part.through
        self._slowest = float(torch.linalg.eigvals(part.dense()[0]).abs().max())

    def step(self, inputs: Tensor, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (W, H) and the next state (W, H, N) twice, from `inputs` (W, H) and the state before."""
        given = inputs[..., None]
        first, second = self._resolvent(torch.addcmul(real, given, self._input[0]), torch.addcmul(imaginary, given, self._input[1]))
        after_real, after_imaginary = 2.0 * first - real, 2.0 * second - imaginary
        seen = torch.addcmul(after_real * self._output[0], after_imaginary, self._output[1], value=-1.0).sum(-1)
        return torch.addcmul(seen, inputs, self._through), after_real, after_imaginary

    def slowest(self) -> float:
        """Return the largest modulus of an eigenvalue of one step."""
        return self._slowest


class S4(StackForecaster):
    """Stacked structured state-space filters: normalise, filter every channel linearly, mix channels with a gate, add; trained on increments.

    Equations: for the stream h (H,) and each layer: r = h / rms(h); every channel filters its own r by z' = (Lambda - P P^H) z + b r,
    v = 2 Re(c z) + D r, made discrete by the bilinear rule of step dt; h <- h + glu(W gelu(v) + b). The stream starts as E x_t + e and ends as
    x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
    Symbols: Lambda = -exp(a) + i w and its conjugates, P the vector p over its conjugate, `modes` complex pairs a channel, H = width.
    Method: starts at LegS (`initialisation` "legs") or at Fourier memory of a window of length 2 ("fout"), dt log-uniform in [1/32, 1/5] samples;
    all of Lambda, P, b, c, dt are trained. Minus P P^H on both sides keeps A + A^H negative definite, so that no weights make the filter grow.
    Training reads a segment by one product a channel, forecasts run step by step by the Sherman-Morrison formula. Loss, carried state, burn-in,
    noise, optimiser, unrolling and selection as in the other state-space forecasters: mean of |increment - prediction|^2 / u^2 over segments of
    `segment` samples, `carried` of them in a row with the state handed on.
    Source: A. Gu, K. Goel, C. Re, ICLR 2022, arXiv:2111.00396; the tied rank-one term of K. Goel, A. Gu, C. Donahue, C. Re, ICML 2022,
    arXiv:2202.09729.
    Changed: predicts increments; the state is carried over segments in training, which is why a segment is read by powers of the matrix and not
    through the generating function of its response; one layer by default; root-mean-square instead of layer normalisation and no gains; one learning
    rate.
    Measured on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 20 test windows): median valid prediction time 2.7 and 2.4 Lyapunov times (seeds 0
    and 1), 2.3 with noise 3e-3. From 2 000 samples at 30 a period 1.7, on the Henon map 2.9 (20 windows, seed 0). Same
    sizes on Rossler's system (dt = 0.2) 0.8, on Halvorsen's (dt = 0.05) 2.6 Lyapunov times (seed 0), where the last state is valid for two samples.
    Cost: 11 to 14 s of one core at the defaults; powers of 2 `modes` x 2 `modes` matrices, one a channel, at every update; O(H modes) a step of a
    forecast.
    Fails: wide states with few samples (it knows nothing of space); the filters are linear, so memory of the hidden part of the state is linear too;
    far outside the training data nothing pulls an orbit back.
    """

    family: ClassVar = "state space"
    source = "A. Gu, K. Goel, C. Re, ICLR 2022, arXiv:2111.00396"
    space: ClassVar[Mapping[str, Range | Choice]] = {**SPACE, "modes": Choice((4, 8, 16)), "initialisation": Choice(tuple(_STARTS))}

    def __init__(
        self,
        *,
        width: int = 64,
        modes: int = 8,
        layers: int = 1,
        initialisation: str = "legs",
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
        one_of("initialisation", initialisation, tuple(_STARTS))
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
        self.modes, self.initialisation = modes, initialisation

    def _filters(self, draws: torch.Generator) -> Callable[[torch.Generator], Filter]:
        start = _STARTS[self.initialisation](self.modes)
        return lambda own: _RankOne(self.width, start, own)
