"""Code of one region of a rolled kernel: scalars in registers, cells in loops over vectors of eight, sums in a fixed order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.layout import Layout
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.plan import Region
from chaosbench.kernels.sweeps import sweep
from chaosbench.kernels.values import Index, Value, constant

SUMS = frozenset({"sum", "dot"})


@dataclass
class Scope:
    """The values known at one depth of loops; `axis` is what the innermost loop runs over, "" outside all loops."""

    axis: str
    index: Index
    width: int
    parent: "Scope | None"
    values: dict[int, Value] = field(default_factory=dict)
    spread: dict[int, Value] = field(default_factory=dict)
    row: Index = field(default_factory=Index)  # in a loop over i: where row i of an N x N matrix starts


@dataclass(frozen=True)
class Memory:
    """Pointers that a region reads and writes.

    state, tangent, past, past_tangent: of this stage and column. found: given node -> (pointer, offset).
    kept: the region's own memory. padded_parameters: where the copies of parameter vectors used with an offset stand.
    """

    found: dict[int, tuple[str, int]]
    kept: str
    padded_parameters: tuple[str, int]
    state: str = "%state"
    tangent: str = "%tangent"
    past: str = "%past"
    past_tangent: str = "%past_tangent"
    parameters: str = "%p"
    out: str = "%out"


class RegionWriter:
    """Writes one region into one function."""

    def __init__(self, w: Writer, graph: Graph, region: Region, state: Layout, parameters: Layout, memory: Memory) -> None:
        self._w = w
        self._graph = graph
        self._region = region
        self._state = state
        self._parameters = parameters
        self._memory = memory
        self._found = dict(memory.found)
        self._root = Scope("", Index(), 1, None)

    def write(self) -> None:
        """Write the region: level by level the sums over cells, then everything per cell, then what has no axes."""
        for level in range(max(self._region.level.values(), default=0) + 1):
            self._write_over_j(level)
            self._write_over_pairs(level)
        self._write_over_i()
        self._write_scalars()

    # the loops ----------------------------------------------------------------------------------------------------------------------

    def _kept(self, axes: str, level: int | None = None) -> list[int]:
        nodes, region = self._graph.nodes, self._region
        return [n for n in region.kept if nodes[n].axes == axes and nodes[n].op not in SUMS and level in (None, region.level[n])]

    def _sums(self, axes: str, level: int) -> list[int]:
        nodes, region = self._graph.nodes, self._region
        return [n for n in region.closure if n not in region.given and nodes[n].op in SUMS and nodes[n].axes == axes and region.level[n] == level + 1]

    def _write_over_j(self, level: int) -> None:
        kept, sums = self._kept("j", level), self._sums("", level)
        if not kept and not sums:
            return
        closure = self._closure([*kept, *self._arguments(sums)])
        self._fill(self._root, closure)

        def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
            scope = Scope("j", index, width, self._root)
            self._fill(scope, closure)
            for n in kept:
                self._w.store(self._value(n, scope), self._memory.kept, self._region.kept[n], index)
            return [self._accumulate(n, scope, value) for n, value in zip(sums, partial, strict=True)]

        totals = sweep(self._w, self._graph.tape.size, body, len(sums))
        self._root.values.update(zip(sums, totals, strict=True))
        self._found.update({n: (self._memory.kept, self._region.kept[n]) for n in kept})

    def _write_over_pairs(self, level: int) -> None:
        kept, sums = self._kept("ij", level), self._sums("i", level)
        if not kept and not sums:
            return
        w, size = self._w, self._graph.tape.size
        closure = self._closure([*kept, *self._arguments(sums)])
        self._fill(self._root, closure)
        with counted(w, size, 1) as rows:
            row = w.times(rows.index, size)
            outer = Scope("i", rows.index, 1, self._root, row=row)
            self._fill(outer, closure)

            def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
                scope = Scope("j", index, width, outer)
                self._fill(scope, closure)
                for n in kept:
                    w.store(self._value(n, scope), self._memory.kept, self._region.kept[n], row, index)
                return [self._accumulate(n, scope, value) for n, value in zip(sums, partial, strict=True)]

            for n, total in zip(sums, sweep(w, size, body, len(sums)), strict=True):
                w.store(total, self._memory.kept, self._region.kept[n], rows.index)
        self._found.update({n: (self._memory.kept, self._region.kept[n]) for n in sums})

    def _write_over_i(self) -> None:
        kept = self._kept("i")
        targets = [(output, v.start) for output, v in zip(self._region.outputs, self._graph.tape.variables, strict=False) if v.length]
        if not kept and not targets:
            return
        closure = self._closure([*kept, *(n for n, _ in targets)])
        self._fill(self._root, closure)

        def body(index: Index, width: int, _: Sequence[Value]) -> list[Value]:
            scope = Scope("i", index, width, self._root)
            self._fill(scope, closure)
            for n in kept:
                self._w.store(self._value(n, scope), self._memory.kept, self._region.kept[n], index)
            for n, start in targets:
                self._w.store(self._value(n, scope), self._memory.out, start, index)
            return []

        sweep(self._w, self._graph.tape.size, body)

    def _write_scalars(self) -> None:
        targets = [(output, v.start) for output, v in zip(self._region.outputs, self._graph.tape.variables, strict=False) if not v.length]
        kept = self._kept("")
        sums = [n for n in self._region.kept if self._graph.nodes[n].op in SUMS and not self._graph.nodes[n].axes]
        self._fill(self._root, self._closure([*kept, *(n for n, _ in targets)]))
        for n in [*kept, *sums]:
            self._w.store(self._value(n, self._root), self._memory.kept, self._region.kept[n])
        for n, start in targets:
            self._w.store(self._value(n, self._root), self._memory.out, start)

    # the nodes ----------------------------------------------------------------------------------------------------------------------

    def _closure(self, roots: Iterable[int]) -> tuple[int, ...]:
        known = self._root.values
        return self._graph.closure(roots, lambda n: n in self._found or n in known)

    def _arguments(self, sums: Iterable[int]) -> list[int]:
        return [a for n in sums for a in self._graph.nodes[n].args]

    def _accumulate(self, n: int, scope: Scope, partial: Value) -> Value:
        node = self._graph.nodes[n]
        values = [self._value(a, scope) for a in node.args]
        return self._w.fma(values[0], values[1], partial) if node.op == "dot" else self._w.add(partial, values[0])

    def _home(self, n: int, scope: Scope) -> Scope:
        """The scope in which a node is computed: the innermost of its axes."""
        axes = self._graph.nodes[n].axes
        home: Scope | None = self._root if not axes else scope
        while home is not None and home.axis != axes[-1:]:
            home = home.parent
        return self._root if home is None else home

    def _fill(self, scope: Scope, closure: Iterable[int]) -> None:
        """Compute, in the block being written, the nodes of a closure that belong to this scope."""
        for n in closure:
            axes = self._graph.nodes[n].axes
            if n not in scope.values and axes[-1:] == scope.axis and self._home(n, scope) is scope:
                scope.values[n] = self._compute(n, scope)

    def _value(self, n: int, scope: Scope) -> Value:
        """The value of a node, spread over the lanes of the scope."""
        home = self._home(n, scope)
        value = home.values[n]
        if value.boolean or value.width == scope.width:
            return value
        if n not in scope.spread:
            scope.spread[n] = self._w.splat(value, scope.width)
        return scope.spread[n]

    def _compute(self, n: int, scope: Scope) -> Value:
        node, w, memory = self._graph.nodes[n], self._w, self._memory
        if n in self._found:
            base, offset = self._found[n]
            return w.load(base, offset, *self._indices(node.axes, scope), width=scope.width)
        if node.op == "constant":
            return constant(node.value, scope.width)
        if node.op == "index":
            return w.as_double(scope.index, scope.width)
        if node.op in {"state", "tangent"}:
            base = memory.state if node.op == "state" else memory.tangent
            return w.load(base, self._state.position(node.slot) + node.offset, *self._indices(node.axes, scope), width=scope.width)
        if node.op == "parameter" and node.offset and node.axes != "ij":
            base, start = memory.padded_parameters
            offset = start + self._parameters.position(node.slot) + node.offset
            return w.load(base, offset, *self._indices(node.axes, scope), width=scope.width)
        if node.op == "parameter":
            return w.load(memory.parameters, node.slot, *self._indices(node.axes, scope), width=scope.width)
        if node.op in {"delayed", "delayed_tangent"}:
            return w.load(memory.past if node.op == "delayed" else memory.past_tangent, node.slot)
        return emit_operation(w, node.op, [self._value(a, scope) for a in node.args])

    def _indices(self, axes: str, scope: Scope) -> list[Index]:
        if axes == "ij" and scope.parent is not None:
            return [scope.parent.row, scope.index]
        return [scope.index] if axes else []
