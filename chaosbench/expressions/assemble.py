"""Building a tape node by node: equal nodes are written once, constants are folded with constants, nothing else is rearranged."""

import math
from collections.abc import Sequence

from chaosbench.expressions.constants import SCALAR
from chaosbench.expressions.tape import LEAVES, Axes, Node

MAX_POWER = 16  # whole powers up to this size become multiplications


def joined(parts: Sequence[Axes]) -> Axes:
    """Return the axes of a broadcast over `parts`."""
    has_i, has_j = any("i" in axes for axes in parts), any("j" in axes for axes in parts)
    return "ij" if has_i and has_j else "i" if has_i else "j" if has_j else ""


class TapeBuilder:
    """A growing list of nodes. `size` is N, needed where a sum runs over terms that do not depend on j."""

    def __init__(self, size: int = 0, nodes: Sequence[Node] = ()) -> None:
        self.size = size
        self.nodes: list[Node] = list(nodes)
        self._position = {self._key(node): place for place, node in enumerate(self.nodes)}

    @staticmethod
    def _key(node: Node) -> Node:
        # a + b and b + a have the same bits, so they share one node, written in the order met first
        if node.op in ("add", "mul") and node.args[0] > node.args[1]:
            return node._replace(args=(node.args[1], node.args[0]))
        return node

    def _place(self, node: Node) -> int:
        key = self._key(node)
        place = self._position.get(key)
        if place is None:
            place = self._position[key] = len(self.nodes)
            self.nodes.append(node)
        return place

    def leaf(self, op: str, *, slot: int = 0, offset: int = 0, axes: Axes = "") -> int:
        """Return the position of a leaf that is not a constant."""
        if op not in LEAVES:
            raise ValueError(f"{op!r} is not a leaf; leaves are {', '.join(sorted(LEAVES))}; use apply")
        return self._place(Node(op, slot=slot, offset=offset, axes=axes))

    def constant(self, value: float) -> int:
        """Return the position of a number. Minus zero and zero are one constant."""
        return self._place(Node("constant", value=value + 0.0))

    def value(self, place: int) -> float | None:
        """Return the number at `place`, or None if it is not a constant."""
        node = self.nodes[place]
        return node.value if node.op == "constant" else None

    def apply(self, op: str, *args: int) -> int:
        """Return the position of `op` applied to earlier nodes."""
        numbers = [self.value(arg) for arg in args]
        if op != "sum" and all(number is not None for number in numbers):
            folded = _fold(op, [number for number in numbers if number is not None])
            if folded is not None:
                return self.constant(folded)
        axes = joined([self.nodes[arg].axes for arg in args])
        if op == "sum":
            if "j" not in axes:  # every term is the same
                return self.apply("mul", self.constant(float(self.size)), args[0])
            axes = "i" if "i" in axes else ""
        return self._place(Node(op, args, axes=axes))

    def power(self, base: int, exponent: int) -> int:
        """Return base**exponent: whole powers up to 16 by repeated squaring, 0.5 as a square root, anything else as "pow"."""
        number = self.value(exponent)
        if number == 0.5:
            return self.apply("sqrt", base)
        if number is None or number != int(number) or abs(number) > MAX_POWER or self.value(base) is not None:
            return self.apply("pow", base, exponent)
        whole = self._whole_power(base, abs(int(number)))
        return whole if number >= 0 else self.apply("div", self.constant(1.0), whole)

    def _whole_power(self, base: int, exponent: int) -> int:
        if exponent == 0:
            return self.constant(1.0)
        if exponent == 1:
            return base
        if exponent % 2:
            return self.apply("mul", self._whole_power(base, exponent - 1), base)
        half = self._whole_power(base, exponent // 2)
        return self.apply("mul", half, half)


def _fold(op: str, numbers: Sequence[float]) -> float | None:
    try:
        value = SCALAR[op](*numbers)
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None


def pruned(nodes: Sequence[Node], wanted: Sequence[int]) -> tuple[tuple[Node, ...], tuple[int, ...]]:
    """Return the nodes that `wanted` depends on, in order, and the new positions of `wanted`."""
    needed = [False] * len(nodes)
    for place in wanted:
        needed[place] = True
    for place in range(len(nodes) - 1, -1, -1):
        if needed[place]:
            for arg in nodes[place].args:
                needed[arg] = True
    position: dict[int, int] = {}
    kept: list[Node] = []
    for place, node in enumerate(nodes):
        if needed[place]:
            position[place] = len(kept)
            kept.append(node._replace(args=tuple(position[arg] for arg in node.args)))
    return tuple(kept), tuple(position[place] for place in wanted)
