"""One order of all Taylor coefficients of a system with cells: level by level numbers, cells, pairs of cells."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chaosbench.expressions.recurrences import RULES, Coefficients, first_coefficient
from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.rolled_taylor_memory import Memory, Order, View, Where
from chaosbench.kernels.rolled_taylor_plan import Level, Reciprocal, TaylorPlan
from chaosbench.kernels.rolled_taylor_rules import MemoryRule, Running, RunningRule
from chaosbench.kernels.rolled_taylor_values import Scope, Values
from chaosbench.kernels.straight_taylor import VectorArithmetic
from chaosbench.kernels.sweeps import sweep
from chaosbench.kernels.values import Index, Value, constant

Deliver = Callable[[int, Index, int, Value], None]


class Pass(NamedTuple):
    """What to write: the levels, where kept nodes go, whether reciprocals are due, and what becomes of the rate of a variable (variable, index,
    width, value)."""

    levels: Sequence[Level]
    keep: Mapping[int, Where]
    inverses: bool
    deliver: Deliver


class OrderWriter:
    """Writes the coefficients of one order n, with a view of those below; `inverse` is 1 / n where only the running code knows it."""

    def __init__(self, w: Writer, plan: TaylorPlan, memory: Memory, view: View, order: Order, inverse: Value = constant(1.0)) -> None:
        self._w = w
        self._plan = plan
        self._memory = memory
        self._order = order
        self._view = view
        self._inverse = inverse
        self._values = Values(w, plan, memory, view, order)

    def write_static(self) -> None:
        """Write everything that depends on parameters alone."""
        plan = self._plan
        keep = {n: Where(self._memory.static + place) for n, place in plan.found.items()}
        self._write(Pass(plan.static, keep, True, _nothing))

    def write(self, deliver: Deliver, *, trial: bool = False) -> None:
        """Write one order; a `trial` keeps only what it needs itself."""
        plan, block = self._plan, self._view.kept(self._order)
        kept = {n: Where(block.offset + place, block.indices) for n, place in plan.kept.items() if n in plan.now or not trial}
        self._write(Pass(plan.moving, kept, self._order == 0 and not trial, deliver))

    def _write(self, given: Pass) -> None:
        for level in given.levels:
            self._write_nodes(self._values.root, level, given)
            self._write_cells(level, given)
            self._write_pairs(level, given)

    def _write_cells(self, level: Level, given: Pass) -> None:
        totals = [n for n in level.totals if self._due(n)]
        if not (self._busy(level, 1) or totals or level.cell_outputs):
            return

        def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
            scope = Scope("i", width, index)
            self._write_nodes(scope, level, given)
            return self._added(totals, partial, scope)

        for n, total in zip(totals, sweep(self._w, self._plan.size, body, len(totals)), strict=True):
            self._values.set(n, self._values.root, total)
            self._store(n, total, self._values.root, given.keep)

    def _write_pairs(self, level: Level, given: Pass) -> None:
        totals = [n for n in level.row_totals if self._due(n)]
        if not (self._busy(level, 2) or totals):
            return
        w, size = self._w, self._plan.size
        with counted(w, size, 1) as rows:
            line = w.times(rows.index, size)

            def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
                scope = Scope("ij", width, index, rows.index, line)
                self._write_nodes(scope, level, given)
                return self._added(totals, partial, scope)

            for n, total in zip(totals, sweep(w, size, body, len(totals)), strict=True):
                self._store(n, total, Scope("i", 1, rows.index), given.keep)

    def _busy(self, level: Level, axes: int) -> bool:
        return any(self._due(n) for n in level.nodes[axes]) or bool(self._order == 0 and level.reciprocals[axes])

    def _due(self, n: int) -> bool:
        return self._order == 0 or self._plan.alive[n]

    def _added(self, totals: Sequence[int], partial: Sequence[Value], scope: Scope) -> list[Value]:
        terms = [self._values(self._plan.nodes[n].args[0], self._order, scope) for n in totals]
        return [self._w.add(total, term) for total, term in zip(partial, terms, strict=True)]

    def _write_nodes(self, scope: Scope, level: Level, given: Pass) -> None:
        """Write the nodes of a level that have the axes of the scope, and the rates of the variables that do."""
        axes = len(scope.axes)
        for n in level.nodes[axes]:
            if self._due(n):
                value = self._coefficient(n, scope)
                self._values.set(n, scope, value)
                self._store(n, value, scope, given.keep)
        if given.inverses:
            for reciprocal in level.reciprocals[axes]:
                self._store_reciprocal(reciprocal, scope)
        for v in (level.scalar_outputs, level.cell_outputs, ())[axes]:
            rate = self._values(self._plan.series.outputs[v], self._order, scope)
            given.deliver(v, scope.index, scope.width, constant(0.0, scope.width) if rate is None else rate)

    def _coefficient(self, n: int, scope: Scope) -> Any:
        arithmetic, node = VectorArithmetic(self._w, scope.width), self._plan.nodes[n]

        def known(place: int, order: Any) -> Any:
            return self._values(place, order, scope)

        if self._order == 0:
            return first_coefficient(arithmetic, node, known)
        return RULES[node.op](self._rule(arithmetic, known, scope), n, node)

    def _rule(self, arithmetic: VectorArithmetic, known: Coefficients, scope: Scope) -> MemoryRule:
        plan, values, order = self._plan, self._values, self._order

        def reciprocal(g: int, half: bool) -> Value:
            return values.reciprocal(g, half, scope)

        if isinstance(order, int):
            return MemoryRule(arithmetic, plan.nodes, known, order, scope.memo, reciprocal)
        running = Running(
            self._w, scope.width, lambda place: plan.alive[plan.twin[place]], lambda place, j: values.read(place, j, scope), self._inverse
        )
        return RunningRule(arithmetic, plan.nodes, known, order, scope.memo, reciprocal, running)

    def _store(self, n: int, value: Value, scope: Scope, keep: Mapping[int, Where]) -> None:
        if n in keep:
            self._place(value, keep[n], scope)

    def _store_reciprocal(self, reciprocal: Reciprocal, scope: Scope) -> None:
        w = self._w
        first = self._values(reciprocal.node, 0, scope)
        value = w.div(constant(1.0, scope.width), w.add(first, first) if reciprocal.half else first)
        self._place(value, Where(self._memory.reciprocals + self._plan.reciprocals[reciprocal]), scope)

    def _place(self, value: Value, where: Where, scope: Scope) -> None:
        indices = {"": (), "i": (scope.index,), "ij": (scope.line, scope.index)}[scope.axes]
        self._w.store(value, "%work", where.offset, *where.indices, *indices)


def _nothing(variable: int, index: Index, width: int, value: Value) -> None:
    """Static nodes give no rates."""
