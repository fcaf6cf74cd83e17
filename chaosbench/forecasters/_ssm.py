"""Diagonal linear state-space channels in real arithmetic: a segment at once with state in and out, and the recurrent form.

One channel is x' = A x + 1 u, y = 2 Re(C x) + D u with A diagonal, N complex modes a channel standing for N conjugate pairs. A zero-order hold
over one step of length dt gives x_{t+1} = exp(dt A) x_t + A^-1 (exp(dt A) - 1) u_t. The input factor and the 2 are folded into the output, so a
mode is s_t = exp(dt A) s_{t-1} + u_t and y_t = Re(c s_t) + D u_t: an input acts on the output of its own step.

Leading axes of the parameters are free: (..., H) for `log_step`, (..., H, N) for the others, C with a last axis (real, imaginary). No complex tensor
appears, because compilers of torch graphs do not generate code for them.

Source: A. Gu, A. Gupta, K. Goel, C. Re, "On the Parameterization and Initialization of Diagonal State Space Models", arXiv:2206.11893, section 3.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from chaosbench.forecasters._kernels import toeplitz

Rule = Literal["zoh", "bilinear", "dss"]


@dataclass(frozen=True)
class Modes:
    """Discrete modes: log modulus and phase of one step, and the folded output weights, all (..., H, N); `through` is D (..., H)."""

    log_modulus: Tensor
    phase: Tensor
    real: Tensor
    imaginary: Tensor
    through: Tensor

    def powers(self, length: int) -> tuple[Tensor, Tensor]:
        """Return real and imaginary part of exp(rate)^l for l = 0..length, (..., H, N, length + 1)."""
        exponents = torch.arange(length + 1, dtype=self.phase.dtype, device=self.phase.device)
        modulus = torch.exp(self.log_modulus[..., None] * exponents)
        angle = self.phase[..., None] * exponents
        return modulus * torch.cos(angle), modulus * torch.sin(angle)


def hold(step: Tensor, decay: Tensor, frequency: Tensor, rule: Rule = "zoh", length: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return log modulus and phase of one step of the modes A = -decay + i frequency, and real and imaginary part of their input factor.

    zoh: exp(dt A) and (exp(dt A) - 1) / A; modes that turn by more than pi a step are aliases of slower ones: their factor is 0. dss: the same with
    the factor divided by exp(dt A length) - 1, which makes the weights of a mode sum to -1 / A over `length` samples (A. Gupta, A. Gu, J. Berant,
    arXiv:2203.14343, section 3.2). bilinear: (1 + dt A / 2) / (1 - dt A / 2) and dt / (1 - dt A / 2), which has no aliases.
    """
    if rule == "bilinear":
        a, b = 0.5 * step * decay, 0.5 * step * frequency
        below = (1.0 + a).square() + b * b
        log_modulus = 0.5 * (torch.log((1.0 - a).square() + b * b) - torch.log(below))
        return log_modulus, torch.atan2(b, 1.0 - a) + torch.atan2(b, 1.0 + a), step * (1.0 + a) / below, step * b / below
    log_modulus, phase = -decay * step, frequency * step
    modulus = torch.exp(log_modulus)
    ahead_real, ahead_imaginary = modulus * torch.cos(phase) - 1.0, modulus * torch.sin(phase)
    scale = (phase.abs() <= math.pi) / (decay * decay + frequency * frequency)
    # (exp(dt A) - 1) / A, by the conjugate of A = -decay + i frequency
    real = scale * (frequency * ahead_imaginary - decay * ahead_real)
    imaginary = -scale * (decay * ahead_imaginary + frequency * ahead_real)
    if rule == "dss":
        whole = torch.exp(length * log_modulus)
        far_real, far_imaginary = whole * torch.cos(length * phase) - 1.0, whole * torch.sin(length * phase)
        size = far_real.square() + far_imaginary.square()
        real, imaginary = (real * far_real + imaginary * far_imaginary) / size, (imaginary * far_real - real * far_imaginary) / size
    return log_modulus, phase, real, imaginary


def discretise(log_step: Tensor, log_decay: Tensor, frequency: Tensor, output: Tensor, through: Tensor, rule: Rule = "zoh", length: int = 0) -> Modes:
    """Return the modes A = -exp(log_decay) + i frequency over steps exp(log_step), by `hold`, the input factor and the 2 folded into `output`."""
    log_modulus, phase, real, imaginary = hold(torch.exp(log_step)[..., None], torch.exp(log_decay), frequency, rule, length)
    c_real, c_imaginary = 2.0 * output[..., 0], 2.0 * output[..., 1]
    return Modes(log_modulus, phase, c_real * real - c_imaginary * imaginary, c_real * imaginary + c_imaginary * real, through)


def segment_operator(modes: Modes, length: int) -> Tensor:
    """Return M (..., H, L + 2N, L + 2N) with [inputs, state] M = [outputs, next state] for one segment of `length` L.

    The state holds the N real parts, then the N imaginary parts, after the last input. One product replaces the convolution, the response to the
    state carried in, and the state carried out; for L <= 64 it costs what a Fourier convolution alone does. Row 0 starts with the impulse response.
    """
    real, imaginary = modes.powers(length)
    weighted_real = modes.real[..., None] * real - modes.imaginary[..., None] * imaginary
    weighted_imaginary = modes.real[..., None] * imaginary + modes.imaginary[..., None] * real
    rows = weighted_real[..., :length].sum(-2)
    rows = torch.cat((rows[..., :1] + modes.through[..., None], rows[..., 1:]), -1)
    state_to_output = torch.cat((weighted_real[..., 1:], -weighted_imaginary[..., 1:]), -2)
    input_to_state = torch.cat((real[..., :length], imaginary[..., :length]), -2).flip(-1).transpose(-1, -2)
    keep, turn = torch.diag_embed(real[..., length]), torch.diag_embed(imaginary[..., length])
    state_to_state = torch.cat((torch.cat((keep, turn), -1), torch.cat((-turn, keep), -1)), -2)
    return torch.cat((torch.cat((toeplitz(rows), input_to_state), -1), torch.cat((state_to_output, state_to_state), -1)), -2)


class Recurrence:
    """The recurrent form of one layer of channels: O(N) a channel and step, rows of a batch independent."""

    def __init__(self, modes: Modes) -> None:
        real, imaginary = modes.powers(1)
        self.shape = modes.real.shape
        self._keep, self._turn = real[..., 1], imaginary[..., 1]
        self._real, self._imaginary, self._through = modes.real, modes.imaginary, modes.through

    def step(self, inputs: Tensor, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (W, H) and the next state (W, H, N) twice, real and imaginary part, from `inputs` (W, H) and the state before."""
        after_real = torch.addcmul(torch.addcmul(inputs[..., None], real, self._keep), imaginary, self._turn, value=-1.0)
        after_imaginary = torch.addcmul(imaginary * self._keep, real, self._turn)
        seen = torch.addcmul(after_real * self._real, after_imaginary, self._imaginary, value=-1.0).sum(-1)
        return torch.addcmul(seen, inputs, self._through), after_real, after_imaginary

    def slowest(self) -> float:
        """Return the largest modulus per step: what decides how long the layer remembers."""
        return float(torch.hypot(self._keep, self._turn).max())
