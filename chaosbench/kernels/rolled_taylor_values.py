"""The coefficients that code inside a loop over cells sees: computed there, found in memory, or made from what is found."""

from dataclasses import dataclass, field
from typing import Any

from chaosbench.expressions.recurrences import first_coefficient
from chaosbench.expressions.series import SeriesNode
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.rolled_taylor_memory import Memory, Order, View, Where
from chaosbench.kernels.rolled_taylor_plan import Reciprocal, TaylorPlan
from chaosbench.kernels.straight_taylor import VectorArithmetic
from chaosbench.kernels.values import Index, Value, constant


@dataclass
class Scope:
    """One block of code: of numbers (axes ""), of cells (one axis), or of pairs (both), where `row` is the cell i and `line` is N i."""

    axes: str = ""
    width: int = 1
    index: Index = field(default_factory=Index)
    row: Index = field(default_factory=Index)
    line: Index = field(default_factory=Index)
    values: dict[tuple[int, str, Order], Any] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)


class Values:
    """Coefficients up to `order`, in a view of memory; `root` holds the numbers without axes of this order."""

    def __init__(self, w: Writer, plan: TaylorPlan, memory: Memory, view: View, order: Order) -> None:
        self._w = w
        self._plan = plan
        self._memory = memory
        self._view = view
        self.order = order
        self.root = Scope()

    def __call__(self, place: int, order: Order, scope: Scope) -> Any:
        """Return a coefficient in every lane of the scope, None if it vanishes identically."""
        plan = self._plan
        node, n = plan.nodes[place], plan.twin[place]
        if order != 0 and not plan.alive[n]:
            return None
        key = (n, node.axes if scope.axes == "ij" else "", order)
        if key not in scope.values:
            if not node.axes and key in self.root.values:
                scope.values[key] = self._w.splat(self.root.values[key], scope.width)
            else:
                scope.values[key] = self._made(node, n, order, scope)
        return scope.values[key]

    def read(self, place: int, order: Order, scope: Scope) -> Value:
        """Return a coefficient from memory, in the block that is being written."""
        value: Value = self._made(self._plan.nodes[place], self._plan.twin[place], order, scope)
        return value

    def set(self, place: int, scope: Scope, value: Any) -> None:
        """Enter a coefficient of this order that was computed here."""
        node = self._plan.nodes[place]
        scope.values[place, node.axes if scope.axes == "ij" else "", self.order] = value

    def reciprocal(self, place: int, half: bool, scope: Scope) -> Value:
        """Return the reciprocal of a coefficient of order 0, from memory."""
        n = self._plan.twin[place]
        key = (place, "half reciprocal" if half else "reciprocal", 0)
        if key not in scope.values:
            offset = self._memory.reciprocals + self._plan.reciprocals[Reciprocal(n, half)]
            scope.values[key] = self._load(Where(offset), self._plan.nodes[place].axes, scope)
        value: Value = scope.values[key]
        return value

    def _made(self, node: SeriesNode, n: int, order: Order, scope: Scope) -> Any:
        """Return a coefficient from memory; what is not worth a place there is computed again."""
        w, plan = self._w, self._plan
        if n in plan.kept:
            block = self._view.kept(order)
            return self._load(Where(block.offset + plan.kept[n], block.indices), node.axes, scope)
        if not node.args:
            return self._leaf(node, order, scope)
        if n in plan.found:
            return self._load(Where(self._memory.static + plan.found[n]), node.axes, scope)
        if order != 0:
            raise TypeError(f"series node {n} ({node.op}) is needed before it is computed")
        return first_coefficient(VectorArithmetic(w, scope.width), node, lambda a, _: self(a, 0, scope))

    def _leaf(self, node: SeriesNode, order: Order, scope: Scope) -> Value:
        w, plan = self._w, self._plan
        if node.op == "constant":
            return constant(node.value, scope.width)
        if node.op == "index":
            on_row = scope.axes == "ij" and node.axes == "i"
            return w.splat(w.as_double(scope.row if on_row else scope.index, 1 if on_row else scope.width), scope.width)
        if node.op == "parameter" and (not node.offset or node.axes == "ij"):
            return self._load(Where(node.slot), node.axes, scope, "%p")
        if node.op == "parameter":
            return self._load(Where(self._memory.static + plan.parameters.position(node.slot) + node.offset), node.axes, scope)
        if node.op != "state":
            raise TypeError(f"a series has no leaf {node.op!r}")
        state = self._view.state(order)
        return self._load(Where(state.offset + node.slot, state.indices), node.axes, scope)

    def _load(self, where: Where, axes: str, scope: Scope, base: str = "%work") -> Value:
        """Load what a node of the given axes has in a scope."""
        w, (offset, indices) = self._w, where
        if not axes:
            return w.splat(w.load(base, offset, *indices), scope.width)
        if scope.axes == "ij" and axes == "i":
            return w.splat(w.load(base, offset, *indices, scope.row), scope.width)
        if axes == "ij":
            return w.load(base, offset, *indices, scope.line, scope.index, width=scope.width)
        return w.load(base, offset, *indices, scope.index, width=scope.width)
