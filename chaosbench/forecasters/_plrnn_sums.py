"""Memory and orders of addition that make the bits of one of many stacked runs independent of the others."""

import torch
from torch import Tensor, nn

LINE = 16  # float32 numbers in a cache line


def padded(values: Tensor, axes: int) -> Tensor:
    """Return `values` with zeros added to its last `axes` axes up to whole cache lines.

    Matrix products choose their order of additions by size and alignment; with every run's matrices on lines of their own, a product of stacked runs
    gives each of them the bits that it gives one alone.
    """
    sizes = [size for axis in range(1, axes + 1) for size in (0, -values.shape[-axis] % LINE)]
    return nn.functional.pad(values, sizes)


def column_sums(rows: Tensor) -> Tensor:
    """Return the sums (R, H) over the rows (R, N, H), by a matrix product."""
    return torch.bmm(rows.mT, rows.new_ones(1, 1, 1).expand(len(rows), rows.shape[1], LINE))[..., 0]


def pairwise_sum(values: Tensor) -> Tensor:
    """Return the sums (...) over the last axis of `values` (..., N), halves added to halves: an order that depends on N alone."""
    size = 1 << max(values.shape[-1] - 1, 0).bit_length()
    values = nn.functional.pad(values, (0, size - values.shape[-1]))
    while size > 1:
        size //= 2
        values = values[..., :size] + values[..., size:]
    return values[..., 0]


def split_rows(values: Tensor, sizes: tuple[int, int]) -> Tensor:
    """Return values (R, N, ...) as (R, n1, n2, ...), n1 n2 = N."""
    return values.reshape(len(values), *sizes, *values.shape[2:])
