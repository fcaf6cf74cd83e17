"""The forced recurrence of a shallow piecewise-linear network with a backward pass written out, so that time costs six small operations a step."""

from typing import Any

import torch
from torch import Tensor


class ForcedRecurrence(torch.autograd.Function):
    """z~_t = keep z_t + (1 - keep) s_t, z_{t+1} = A z~_t + W1 [relu(W2 z~_t + h2) - clipped relu(W2 z~_t)] + h1 for t = 0..T-1.

    Inputs: start z_0 (B, M); signal s (T, B, M); keep (M,) = 1 - alpha; A (M,); W1 (M, H); W2 (H, M); h1 (M,); h2 (H,); clipped.
    Output: z_1..z_T (T, B, M). The signal and keep get no gradient. Products of weights with gradients are done once for all steps together.
    """

    @staticmethod
    def forward(
        ctx: Any, start: Tensor, signal: Tensor, keep: Tensor, A: Tensor, W1: Tensor, W2: Tensor, h1: Tensor, h2: Tensor, clipped: bool
    ) -> Tensor:
        steps, batch, _ = signal.shape
        pull = (1.0 - keep) * signal
        forced, states = torch.empty_like(signal), torch.empty_like(signal)
        before = signal.new_empty(steps, batch, W2.shape[0])
        W1_t, W2_t = W1.T.contiguous(), W2.T.contiguous()
        state = start
        for t in range(steps):
            point = torch.addcmul(pull[t], state, keep, out=forced[t])
            inner = torch.mm(point, W2_t, out=before[t])
            active = torch.relu(inner + h2)
            if clipped:
                active -= torch.relu(inner)
            state = torch.addmm(torch.addcmul(h1, point, A), active, W1_t, out=states[t])
        ctx.save_for_backward(forced, before, keep, A, W1, W2, h2)
        ctx.clipped = clipped
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        forced, before, keep, A, W1, W2, h2 = ctx.saved_tensors
        (outside,) = gradients
        shifted = (before + h2 > 0).to(before.dtype)  # the slope in h2
        slope = active_slope(before, h2, ctx.clipped)
        total, inner, outer = torch.empty_like(outside), torch.empty_like(before), torch.empty_like(before)
        later = torch.zeros_like(outside[0])
        for t in reversed(range(len(outside))):
            here = torch.add(outside[t], later, out=total[t])
            torch.mul(torch.mm(here, W1, out=outer[t]), slope[t], out=inner[t])
            later = torch.addmm(here * A, inner[t], W2) * keep
        active = torch.relu(before + h2)
        if ctx.clipped:
            active -= torch.relu(before)
        rows = total.flatten(0, 1)
        return (
            later,
            None,
            None,
            (rows * forced.flatten(0, 1)).sum(0),
            rows.T @ active.flatten(0, 1),
            inner.flatten(0, 1).T @ forced.flatten(0, 1),
            rows.sum(0),
            (outer * shifted).sum((0, 1)),
            None,
        )


def forced_states(start: Tensor, signal: Tensor, keep: Tensor, A: Tensor, W1: Tensor, W2: Tensor, h1: Tensor, h2: Tensor, clipped: bool) -> Tensor:
    """Return z_1..z_T (T, B, M) of the forced recurrence; see `ForcedRecurrence`."""
    states: Tensor = ForcedRecurrence.apply(start, signal, keep, A, W1, W2, h1, h2, clipped)  # type: ignore[no-untyped-call]
    return states


def active_slope(inner: Tensor, h2: Tensor, clipped: bool) -> Tensor:
    """Return the derivative (..., H), 0, 1 or -1, of the hidden units at `inner` = W2 z."""
    slope = (inner + h2 > 0).to(inner.dtype)
    return slope - (inner > 0).to(inner.dtype) if clipped else slope


def jacobians(points: Tensor, A: Tensor, W1: Tensor, W2: Tensor, h2: Tensor, clipped: bool) -> Tensor:
    """Return the Jacobians (..., M, M) of the unforced step at `points` (..., M): A + W1 diag(slope) W2."""
    slope = active_slope(points @ W2.T, h2, clipped)
    return torch.diag_embed(A.expand(points.shape)) + (W1 * slope[..., None, :]) @ W2


def spectral_norms(matrices: Tensor, iterations: int) -> Tensor:
    """Return the largest singular values (...) of `matrices` (..., M, M) by power iteration from a constant vector: a lower bound.

    Batched products instead of a decomposition, because those run on every device without leaving it.
    """
    vector = matrices.new_full((*matrices.shape[:-1], 1), matrices.shape[-1] ** -0.5)
    for _ in range(iterations):
        vector = matrices.mT @ (matrices @ vector)
        vector = vector / torch.linalg.vector_norm(vector, dim=-2, keepdim=True).clamp_min(1e-30)
    norms: Tensor = torch.linalg.vector_norm(matrices @ vector, dim=(-2, -1))
    return norms
