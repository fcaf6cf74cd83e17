"""Maximum mean discrepancy between two clouds of points, with a sum of rational quadratic kernels."""

from collections.abc import Sequence

from torch import Tensor


def discrepancy(first: Tensor, second: Tensor, widths: Sequence[float]) -> Tensor:
    """Return the squared discrepancy (...) of the clouds `first` (..., N, D) and `second` (..., M, D).

    Method: mean k(a, a') + mean k(b, b') - 2 mean k(a, b) over all pairs, those of a point with itself included, so that it is never negative;
    k(a, b) = sum over the widths s of s^2 / (s^2 + |a - b|^2).
    Source: A. Gretton et al., J. Mach. Learn. Res. 13, 723-773 (2012), equation 5.
    """
    return _mean_kernel(first, first, widths) + _mean_kernel(second, second, widths) - 2.0 * _mean_kernel(first, second, widths)


def _mean_kernel(first: Tensor, second: Tensor, widths: Sequence[float]) -> Tensor:
    apart = (first[..., :, None, :] - second[..., None, :, :]).square().sum(-1)
    summed = sum((width**2 / (width**2 + apart) for width in widths), start=apart.new_zeros(1))
    return summed.mean((-2, -1))
