"""The forced recurrence of stacked piecewise-linear networks with a backward pass written out, so that time costs a few small operations a step."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chaosbench.forecasters._plrnn_sums import column_sums


@dataclass(frozen=True)
class Weights:
    """z_{t+1} = A z_t + W clamp(V z_t + c, low, high) + h for R runs; every piecewise-linear network here is of this form.

    A (R, M), W (R, M, H), h (R, M), low (R, H), high (R, H); V (R, H, M) and c (R, H), or None for both: V = 1, c = 0 and H = M.
    """

    A: Tensor
    W: Tensor
    h: Tensor
    low: Tensor
    high: Tensor
    V: Tensor | None = None
    c: Tensor | None = None

    def all(self) -> tuple[Tensor | None, ...]:
        """Return the seven tensors in the order above."""
        return (self.A, self.W, self.h, self.low, self.high, self.V, self.c)

    def of_runs(self, count: int) -> "Weights":
        """Return the weights of one run as those of `count` equal ones, without copying."""
        return Weights(*(None if values is None else values.expand(count, *values.shape[1:]) for values in self.all()))  # type: ignore[arg-type]


class ForcedRecurrence(torch.autograd.Function):
    """z~_t = keep_t z_t + (1 - keep_t) s_t, z_{t+1} = A z~_t + W clamp(V z~_t + c, low, high) + h for t = 0..T-1 and R runs at once.

    Inputs: start z_0 (R, B, M); signal s (T, R, B, M); keep (T, R, B, M); the tensors of `Weights`.
    Output: z_1..z_T (T, R, B, M). The signal, keep and `low` get no gradient. What belongs to a step is done while it is in the caches: products and
    sums over all steps at the end were slower for stacks, which do not fit there.
    """

    @staticmethod
    def forward(
        ctx: Any,
        start: Tensor,
        signal: Tensor,
        keep: Tensor,
        A: Tensor,
        W: Tensor,
        h: Tensor,
        low: Tensor,
        high: Tensor,
        V: Tensor | None,
        c: Tensor | None,
    ) -> Tensor:
        steps, runs, batch, _ = signal.shape
        pull = (1.0 - keep) * signal
        points, states = torch.empty_like(signal), torch.empty_like(signal)
        actives = signal.new_empty(steps, runs, batch, W.shape[2])
        before = points if V is None else torch.empty_like(actives)
        diagonal, offset = A[:, None].expand_as(start).contiguous(), h[:, None].expand_as(start).contiguous()
        least, most, bias = low[:, None], high[:, None], None if c is None else c[:, None]
        W_t, V_t = W.mT.contiguous(), None if V is None else V.mT.contiguous()
        state = start
        for t in range(steps):
            point = torch.addcmul(pull[t], state, keep[t], out=points[t])
            inner = point if V_t is None or bias is None else torch.baddbmm(bias, point, V_t, out=before[t])
            active = torch.clamp(inner, least, most, out=actives[t])
            state = torch.baddbmm(torch.addcmul(offset, point, diagonal), active, W_t, out=states[t])
        ctx.save_for_backward(points, before, actives, keep, A, W, high, V)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        points, before, actives, keep, A, W, high, V = ctx.saved_tensors
        (outside,) = gradients
        most = high[:, None]
        later, outer, mask = torch.zeros_like(outside[0]), torch.empty_like(actives[0]), torch.empty_like(actives[0])
        diagonal = A[:, None].expand_as(later).contiguous()
        of_A, of_h = torch.zeros_like(later), torch.zeros_like(later)
        of_W, of_V = torch.zeros_like(W), torch.zeros_like(V) if ctx.needs_input_grad[8] else None
        of_c, of_high = (torch.zeros_like(outer) if wanted else None for wanted in (V is not None, ctx.needs_input_grad[7]))
        for t in reversed(range(len(outside))):
            here = outside[t] + later
            of_A.addcmul_(here, points[t])
            of_h += here
            of_W.baddbmm_(here.mT, actives[t])
            torch.bmm(here, W, out=outer)
            if of_high is not None:
                of_high.addcmul_(outer, torch.gt(before[t], most, out=mask))  # masks as numbers: logical ones take four times as long
            through = outer.mul_(torch.eq(actives[t], before[t], out=mask))
            if of_c is not None:
                of_c += through
            if of_V is not None:
                of_V.baddbmm_(through.mT, points[t])
            later = torch.addcmul(through, here, diagonal) if V is None else torch.baddbmm(here * diagonal, through, V)
            later.mul_(keep[t])
        summed = (None if sums is None else column_sums(sums) for sums in (of_A, of_h, of_high, of_c))
        grad_A, grad_h, grad_high, grad_c = summed
        return later, None, None, grad_A, of_W, grad_h, None, grad_high, of_V, grad_c


def forced_states(start: Tensor, signal: Tensor, keep: Tensor, weights: Weights) -> Tensor:
    """Return z_1..z_T (T, R, B, M) of the forced recurrence; see `ForcedRecurrence`."""
    states: Tensor = ForcedRecurrence.apply(start, signal, keep, *weights.all())  # type: ignore[no-untyped-call]
    return states


def inputs_of_units(state: Tensor, weights: Weights) -> Tensor:
    """Return V z + c (R, N, H) at states (R, N, M)."""
    if weights.V is None or weights.c is None:
        return state
    return torch.baddbmm(weights.c[:, None], state, weights.V.mT)


def free_step(state: Tensor, weights: Weights) -> Tensor:
    """Return the next states (R, N, M) without forcing."""
    active = torch.clamp(inputs_of_units(state, weights), weights.low[:, None], weights.high[:, None])
    return torch.baddbmm(state * weights.A[:, None] + weights.h[:, None], active, weights.W.mT)


def slopes(inner: Tensor, weights: Weights) -> Tensor:
    """Return the slopes (R, N, H), 0 or 1, of units whose inputs are `inner`."""
    clamped = torch.clamp(inner, weights.low[:, None], weights.high[:, None])
    return torch.eq(clamped, inner, out=torch.empty_like(inner))


def forward_tangents(vectors: Tensor, slope: Tensor, weights: Weights) -> Tensor:
    """Return J v for vectors (R, N, M), J = A + W diag(slope) V at units whose slopes are (R, N, H)."""
    inner = vectors if weights.V is None else torch.bmm(vectors, weights.V.mT)
    return torch.baddbmm(vectors * weights.A[:, None], slope * inner, weights.W.mT)


def backward_tangents(vectors: Tensor, slope: Tensor, weights: Weights) -> Tensor:
    """Return the transposed J times v; see `forward_tangents`."""
    inner = slope * torch.bmm(vectors, weights.W)
    linear = vectors * weights.A[:, None]
    return linear + inner if weights.V is None else torch.baddbmm(linear, inner, weights.V)
