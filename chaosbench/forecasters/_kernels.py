"""Impulse responses of dense, companion and rank-one-corrected state-space systems.

Conventions: x_t = A x_{t-1} + B u_t, y_t = C x_t, so the response is K_l = C A^l B. Leading axes are free: A (..., N, N), B and C (..., N).
"""

import torch
from torch import Tensor


def krylov(A: Tensor, B: Tensor, length: int) -> Tensor:
    """Return A^l B for l = 0..length - 1, (..., length, N), by doubling: log2(length) products of matrices."""
    rows, power = B[..., None, :], A.transpose(-1, -2)
    while rows.shape[-2] < length:
        rows = torch.cat((rows, rows @ power), -2)
        if rows.shape[-2] < length:
            power = power @ power
    return rows[..., :length, :]


def bilinear(A: Tensor, B: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return (I - dt/2 A)^-1 (I + dt/2 A) and (I - dt/2 A)^-1 dt B of x' = A x + B u for steps dt (...,)."""
    half = 0.5 * step[..., None, None] * A
    one = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    both = torch.linalg.solve(one - half, torch.cat((one + half, (step[..., None] * B)[..., None]), -1))
    return both[..., :-1], both[..., -1]


def companion(column: Tensor) -> Tensor:
    """Return the matrix (..., p, p) that shifts a state down by one and adds its last entry times `column` (..., p)."""
    size = column.shape[-1]
    shift = torch.diag(torch.ones(size - 1, dtype=column.dtype, device=column.device), -1)
    last = torch.zeros(size, dtype=column.dtype, device=column.device)
    last[-1] = 1.0
    return shift + column[..., :, None] * last


def toeplitz(response: Tensor) -> Tensor:
    """Return M (..., L, L) with u M = the causal convolution of rows u with `response` (..., L)."""
    length = response.shape[-1]
    return torch.nn.functional.pad(response, (length - 1, 0)).unfold(-1, length, 1).flip(-2)


def segment_matrix(A: Tensor, B: Tensor, C: Tensor, through: Tensor, length: int) -> Tensor:
    """Return M (..., L + N, L + N) with [inputs, state] M = [outputs, next state] for one segment of `length` L; `through` (...) acts at lag 0."""
    onward = krylov(A.transpose(-1, -2), C, length + 1)  # (..., L + 1, N): C A^l
    inward = krylov(A, B, length)  # (..., L, N): A^l B
    response = (onward[..., :length, :] * B[..., None, :]).sum(-1)
    response = torch.cat((response[..., :1] + through[..., None], response[..., 1:]), -1)
    whole = torch.linalg.matrix_power(A, length).transpose(-1, -2)
    upper = torch.cat((toeplitz(response), inward.flip(-2)), -1)
    return torch.cat((upper, torch.cat((onward[..., 1:, :].transpose(-1, -2), whole), -1)), -2)


def rank_one_response(modes: Tensor, p: Tensor, b: Tensor, c: Tensor, step: float, length: int) -> Tensor:
    """Return the response (length,) of z' = Lambda z - 2 p Re(p^H z) + b u, y = 2 Re(c z), after the bilinear rule, from its generating function.

    Complex arguments (N,), one mode of each conjugate pair. `c` is the output weight of the truncated response: c~ = c (I - A^length) of the
    discrete A.
    Method: at the roots of unity w the generating function is 2 / (1 + w) [k_cb - k_cp k_pb / (1 + k_pp)], k_xy = sum x y / (g - Lambda) over all
    modes and their conjugates, g = 2 (1 - w) / (dt (1 + w)); all fractions are multiplied through by 1 + w, which vanishes at one of them. Costs N *
    length and no power of a matrix. A reference: complex, hence never part of a graph that is to be compiled.
    Source: A. Gu, K. Goel, C. Re, arXiv:2111.00396, section 3.
    """
    turns = -2.0 * torch.pi * torch.arange(length // 2 + 1, dtype=modes.real.dtype) / length
    w = torch.polar(torch.ones_like(turns), turns)
    half, other = 2.0 * (1.0 - w) / step, 1.0 + w
    one, conjugate = 1.0 / (half - modes[:, None] * other), 1.0 / (half - modes.conj()[:, None] * other)  # 1 / ((g - Lambda)(1 + w))

    def total(left: Tensor, right: Tensor) -> Tensor:
        both = (left * right)[:, None]
        return (both * one + both.conj() * conjugate).sum(0)

    corrected = other * total(c, p) * total(p.conj(), b) / (1.0 + other * total(p.conj(), p))
    response: Tensor = torch.fft.irfft(2.0 * (total(c, b) - corrected), n=length)
    return response
