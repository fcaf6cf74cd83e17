"""A tape written out as scalar assignments: one per cell, parameters as numbers, what is constant computed, each value once.

This is what a person who knows a peer would type into it: `x*(28.0 - z) - y`. Parameters that are numbers favour the peers, since chaosbench
takes them at run time.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chaosbench.expressions.tape import Node, Tape


class Scalar(NamedTuple):
    """One assignment: a tape operation on earlier ones, or "constant" (value), or "state" (slot)."""

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    slot: int = 0


_FOLD: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    **{"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": operator.pow, "neg": operator.neg},
    **{name: getattr(operator, name) for name in ("lt", "le", "gt", "ge")},
    "abs": abs,
    "sign": lambda a: float(np.sign(a)),
    "floor": lambda a: float(math.floor(a)),
    "min": min,
    "max": max,
    "mod": lambda a, m: a - m * math.floor(a / m),
    "where": lambda condition, a, b: a if condition else b,
}


class Scalars:
    """The assignments of a tape at given parameters: `nodes` in order, `outputs` one position per flat state slot.

    With `jacobian` the tape has tangents, and jacobian[k] are the positions of the derivative along the unit vector k (column k of the Jacobian).
    """

    def __init__(self, tape: Tape, parameters: np.ndarray, *, jacobian: bool = False) -> None:
        if tape.delayed:
            raise ValueError("the tape has delays; only flows are translated")
        self.tape, self.parameters = tape, [float(value) for value in parameters]
        self.nodes: list[Scalar] = []
        self._known: dict[Scalar, int] = {}
        self._cells: dict[tuple[int, int, int], int] = {}
        self._direction = -1
        self.outputs = self._rates(tape.outputs)
        self.jacobian: list[list[int]] = []
        for self._direction in range(tape.dimension if jacobian else 0):
            self._cells.clear()
            self.jacobian.append(self._rates(tape.tangent_outputs or ()))

    def _rates(self, places: Sequence[int]) -> list[int]:
        return [self._cell(place, i, 0) for variable, place in zip(self.tape.variables, places, strict=True) for i in range(variable.slots)]

    def uses(self) -> list[int]:
        """Return how often each node is needed, outputs included."""
        counts = [0] * len(self.nodes)
        for node in self.nodes:
            for arg in node.args:
                counts[arg] += 1
        for place in [*self.outputs, *(place for column in self.jacobian for place in column)]:
            counts[place] += 1
        return counts

    def _add(self, node: Scalar) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]

    def _cell(self, place: int, i: int, j: int) -> int:
        node = self.tape.nodes[place]
        key = (place, i if "i" in node.axes else 0, j if "j" in node.axes else 0)
        if key not in self._cells:
            self._cells[key] = self._expand(node, i, j)
        return self._cells[key]

    def _expand(self, node: Node, i: int, j: int) -> int:
        if node.op == "constant":
            return self._add(Scalar("constant", value=node.value))
        if node.op == "index":
            return self._add(Scalar("constant", value=float(i if node.axes == "i" else j)))
        if node.op in ("state", "parameter", "tangent"):
            return self._leaf(node, i, j)
        if node.op == "sum":
            total = self._cell(node.args[0], i, 0)
            for k in range(1, self.tape.size):
                total = self._apply("add", (total, self._cell(node.args[0], i, k)))
            return total
        return self._apply(node.op, tuple(self._cell(arg, i, j) for arg in node.args))

    def _leaf(self, node: Node, i: int, j: int) -> int:
        slot, size = node.slot, self.tape.size
        if node.axes == "ij":
            slot += i * size + j
        elif node.axes:
            cell = (i if node.axes == "i" else j) + node.offset
            if self.tape.boundary == "zero" and not 0 <= cell < size:
                return self._add(Scalar("constant"))
            slot += cell % size
        if node.op == "tangent":
            return self._add(Scalar("constant", value=float(slot == self._direction)))
        return self._add(Scalar("state", slot=slot) if node.op == "state" else Scalar("constant", value=self.parameters[slot]))

    def _apply(self, op: str, args: tuple[int, ...]) -> int:
        given = [self.nodes[arg] for arg in args]
        if all(node.op == "constant" for node in given):
            return self._add(Scalar("constant", value=float(_FOLD[op](*(node.value for node in given)))))
        plain = self._without(op, args, [node.value if node.op == "constant" else None for node in given])
        return self._add(Scalar(op, args)) if plain is None else plain

    def _without(self, op: str, args: tuple[int, ...], known: list[float | None]) -> int | None:
        """Return what an operation with 0 or 1 comes to, None if there is something to do; Jacobians are full of them."""
        if (op in ("mul", "div") and known[0] == 0.0) or (op == "mul" and known[1] == 0.0):
            return self._add(Scalar("constant"))
        if op in ("mul", "add") and known[0] == float(op == "mul"):
            return args[1]
        if (op in ("mul", "div") and known[1] == 1.0) or (op in ("add", "sub") and known[1] == 0.0):
            return args[0]
        return self._apply("neg", args[1:]) if op == "sub" and known[0] == 0.0 else None
