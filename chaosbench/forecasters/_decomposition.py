"""A series as its moving mean and the rest, the window padded by its end values."""

import torch
from torch import Tensor


def moving_mean(series: Tensor, width: int) -> Tensor:
    """Return the mean of `series` (B, L, D) over `width` samples around each, L kept: end values are repeated beyond the ends."""
    before, after = (width - 1) // 2, width // 2
    padded = torch.cat((series[:, :1].expand(-1, before, -1), series, series[:, -1:].expand(-1, after, -1)), 1)
    summed = torch.cat((torch.zeros_like(padded[:, :1]), padded.cumsum(1)), 1)
    return (summed[:, width:] - summed[:, :-width]) / width
