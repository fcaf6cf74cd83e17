"""Convolutions of unlimited reach along a chain, as products of a few Fourier modes, in real arithmetic.

A compiler that fuses torch code does not take complex numbers, and for the few modes that are kept a product with a table of cosines and sines is as
fast as a transform.
"""

import math

import torch
from torch import Tensor, nn


def fourier_tables(sites: int, modes: int, *, dtype: torch.dtype, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return the transform (N, 2 M) to the real and imaginary parts of the lowest M modes (divided by N), and the way back (2 M, N).

    They are right for every number of sites: coefficients of a function of few modes do not depend on the grid it is seen on.
    """
    place = torch.arange(sites, dtype=torch.float64)
    mode = torch.arange(modes, dtype=torch.float64)
    angle = (2.0 * math.pi / sites) * torch.remainder(place[:, None] * mode, sites)
    forward = torch.cat((torch.cos(angle), -torch.sin(angle)), 1) / sites
    twice = torch.where((mode == 0) | (2 * mode == sites), 1.0, 2.0)
    back = torch.cat((twice * torch.cos(angle), -twice * torch.sin(angle)), 1).T
    return forward.to(device=device, dtype=dtype), back.to(device=device, dtype=dtype).contiguous()


class FourierConvolution(nn.Module):
    """v_k -> R_k v_k for the lowest M modes k and 0 for the rest; R_k complex (C, C), held as `weight` (M, 2, C, C): real and imaginary parts."""

    def __init__(self, width: int, modes: int, draws: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(modes, 2, width, width, generator=draws) / math.sqrt(2.0 * width))

    def forward(self, stream: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
        """Return the convolution (C, B, N) of `stream` (C, B, N)."""
        width, batch, _ = stream.shape
        modes = self.weight.shape[0]
        spectrum = (stream @ tables[0]).view(width, batch, 2, modes).permute(3, 1, 2, 0).reshape(modes, batch, 2 * width)
        real, imaginary = self.weight[:, 0], self.weight[:, 1]
        both = torch.cat((torch.cat((real, imaginary), 2), torch.cat((-imaginary, real), 2)), 1)  # (M, 2 C, 2 C)
        mixed = torch.bmm(spectrum, both).view(modes, batch, 2, width).permute(3, 1, 2, 0).reshape(width, batch, 2 * modes)
        return mixed @ tables[1]
