"""One bank of diagonal modes for all channels: every mode hears all of them, every channel is read from all modes.

s_t = lambda s_{t-1} + b r_t, v_t = Re(c s_t) + D r_t, with P complex modes lambda, b (P, H), c (H, P). Complex matrices are stacked real ones.

Source: J. T. H. Smith, A. Warrington, S. W. Linderman, arXiv:2208.04933.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from chaosbench.forecasters._kernels import toeplitz
from chaosbench.forecasters._ssm_stack import Filter
from chaosbench.forecasters._torch_loop import RowwiseLinear


@dataclass(frozen=True)
class Bank:
    """Log modulus and phase of one step (P,); inward (2P, H): real parts of b over imaginary ones; outward (H, 2P): real parts of c beside minus the
    imaginary ones, so that a product with the stacked state is the real part; through (H,) is D."""

    log_modulus: Tensor
    phase: Tensor
    inward: Tensor
    outward: Tensor
    through: Tensor


class BankFilter(Filter):
    """A filter whose layers share one bank of `modes` modes among `width` channels."""

    def __init__(self, width: int, modes: int) -> None:
        super().__init__()
        self.width, self.modes = width, modes

    @abstractmethod
    def bank(self) -> Bank:
        """Return the discrete bank of the present weights."""

    def blank(self, batch: int) -> Tensor:
        weights = next(self.parameters())
        return weights.new_zeros(self.modes, batch, 2)

    def operator(self, length: int) -> tuple[Tensor, ...]:
        bank = self.bank()
        exponents = torch.arange(length + 1, dtype=bank.phase.dtype, device=bank.phase.device)
        modulus = torch.exp(bank.log_modulus[:, None] * exponents)
        real, imaginary = modulus * torch.cos(bank.phase[:, None] * exponents), modulus * torch.sin(bank.phase[:, None] * exponents)
        inside, across = toeplitz(real[:, :length]), toeplitz(imaginary[:, :length])
        carried = torch.stack((torch.cat((real[:, 1:], imaginary[:, 1:]), -1), torch.cat((-imaginary[:, 1:], real[:, 1:]), -1)), 1)
        upper = torch.cat((torch.cat((inside, across), -1), torch.cat((-across, inside), -1)), 1)
        return torch.cat((upper, carried), 1), bank.inward, bank.outward, bank.through  # first (P, 2L + 2, 2L)

    def apply_to(self, inputs: Tensor, state: Tensor, operator: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        matrix, inward, outward, through = operator
        width, batch, length = inputs.shape
        heard = (inward @ inputs.reshape(width, batch * length)).view(2, self.modes, batch, length)
        states = torch.bmm(torch.cat((heard[0], heard[1], state), -1), matrix)  # (P, B, 2L)
        real, imaginary = states[..., :length], states[..., length:]
        flat = torch.cat((real, imaginary)).reshape(2 * self.modes, batch * length)
        seen = (outward @ flat).view(width, batch, length)
        return torch.addcmul(seen, through[:, None, None], inputs), torch.stack((real[..., -1], imaginary[..., -1]), -1)

    def recurrence(self) -> "BankRecurrence":
        return BankRecurrence(self.bank())


class BankRecurrence:
    """The same sample by sample: state (W, P) twice."""

    def __init__(self, bank: Bank) -> None:
        modulus = torch.exp(bank.log_modulus)
        self.shape = bank.phase.shape
        self._keep, self._turn = modulus * torch.cos(bank.phase), modulus * torch.sin(bank.phase)
        self._inward, self._outward, self._through = RowwiseLinear(bank.inward.T), RowwiseLinear(bank.outward.T), bank.through
        self._slowest = float(modulus.max())

    def step(self, inputs: Tensor, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (W, H) and the next state (W, P) twice, from `inputs` (W, H) and the state before."""
        heard, across = self._inward(inputs).chunk(2, 1)
        after_real = torch.addcmul(torch.addcmul(heard, real, self._keep), imaginary, self._turn, value=-1.0)
        after_imaginary = torch.addcmul(torch.addcmul(across, imaginary, self._keep), real, self._turn)
        seen = self._outward(torch.cat((after_real, after_imaginary), 1))
        return torch.addcmul(seen, inputs, self._through), after_real, after_imaginary

    def slowest(self) -> float:
        """Return the largest modulus per step."""
        return self._slowest


def complex_normal(draws: torch.Generator, *shape: int, fan: int) -> Tensor:
    """Return real and imaginary parts (..., 2) of complex normal numbers of mean square 1 / fan."""
    return math.sqrt(0.5 / fan) * torch.randn(*shape, 2, generator=draws)
