"""A tape as a batched torch function: differentiable, on any device, in the dtype of the states."""

from collections.abc import Callable
from typing import Any

import torch

from chaosbench.expressions.evaluate import Operations, walk_tape
from chaosbench.expressions.tape import Node, Tape

RightHandSide = Callable[..., torch.Tensor]


def torch_function(tape: Tape) -> RightHandSide:
    """Return f(states (B, D), parameters (P,) or (B, P), past (B, n_delayed) or None) -> (B, D).

    The function is made of torch operations without in-place changes, so it works under autograd, torch.func.jvp and torch.vmap. At a kink the
    derivative is the one of `differentiate` (abs'(0) = 0, min and max take the first argument on a tie).
    Raises ValueError for a tangent tape: torch differentiates itself.
    """
    if tape.tangent_outputs is not None:
        raise ValueError("the tape has tangents; torch differentiates by itself; pass the tape of the right-hand side")

    def right_hand_side(states: torch.Tensor, parameters: torch.Tensor, past: torch.Tensor | None = None) -> torch.Tensor:
        rows = parameters if parameters.ndim == 2 else parameters[None]  # one row for all: what depends on parameters alone is computed once
        values = walk_tape(tape, lambda node: _leaf(node, tape, {"state": states, "parameter": rows, "delayed": past}, states), _TORCH)
        parts = []
        for place, variable in zip(tape.outputs, tape.variables, strict=True):
            value = values[place] if values[place].ndim else states.new_full((1, 1, 1), values[place].item())
            parts.append(value[:, :, 0].T.expand(variable.slots, states.shape[0]))
        return torch.cat(parts, dim=0).T  # a component's values are neighbours in memory, as the next step wants to read them

    return right_hand_side


def _leaf(node: Node, tape: Tape, sources: dict[str, torch.Tensor | None], states: torch.Tensor) -> torch.Tensor:
    if node.op == "constant":
        return torch.tensor(node.value, dtype=states.dtype)  # without axes torch takes it for a number, whatever the device
    if node.op == "index":
        return _axis(torch.arange(tape.size, dtype=states.dtype, device=states.device)[None, :], node.axes)
    source = sources[node.op]
    if source is None:
        raise ValueError("the system has delays and got no delayed values; pass past of shape (B, n_delayed)")
    if node.axes == "":
        return source[:, node.slot][:, None, None]
    if node.axes == "ij":
        return source[:, node.slot : node.slot + tape.size**2].reshape(source.shape[0], tape.size, tape.size)
    cells = source[:, node.slot : node.slot + tape.size]
    if tape.boundary == "periodic":
        return _axis(torch.roll(cells, -node.offset, dims=1), node.axes)
    shifted = torch.nn.functional.pad(cells, (max(-node.offset, 0), max(node.offset, 0)))  # zeros beyond the edges
    start = max(node.offset, 0)
    return _axis(shifted[:, start : start + tape.size], node.axes)


def _axis(cells: torch.Tensor, axes: str) -> torch.Tensor:
    return cells[:, :, None] if axes == "i" else cells[:, None, :]


def _modulo(value: torch.Tensor, modulus: torch.Tensor) -> torch.Tensor:
    rest = torch.remainder(value, modulus)
    return torch.where(rest == modulus, torch.zeros_like(rest), rest)


def _sum(value: torch.Tensor) -> Any:
    """Add up the last axis by halves: the order, and so the last bit, does not depend on what else is in the batch."""
    if value.ndim == 0:
        return value
    rests = []
    while value.shape[2] > 1:
        half = value.shape[2] // 2
        if value.shape[2] % 2:
            rests.append(value[:, :, -1:])
        value = value[:, :, :half] + value[:, :, half : 2 * half]
    for rest in rests:
        value = value + rest
    return value


def _lesser(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where((a <= b) | torch.isnan(a), a, b)  # a NaN on either side is passed on


def _greater(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where((a >= b) | torch.isnan(a), a, b)


_TORCH: Operations = {
    **{name: getattr(torch, name) for name in ("neg", "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs", "sign", "floor")},
    **{name: getattr(torch, name) for name in ("asin", "acos", "atan", "atan2", "add", "sub", "mul", "div", "pow", "lt", "le", "gt", "ge", "where")},
    "min": _lesser,
    "max": _greater,
    "mod": _modulo,
    "sum": _sum,
}
