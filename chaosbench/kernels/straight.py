"""A tape without axes as straight-line code: every node one value in a register, shared by the state and all tangent columns.

The state is scalar code; up to eight tangent columns are the lanes of one vector, so that three columns cost little more than one. Without columns
the lanes may be trajectories instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.sweeps import WIDTH
from chaosbench.kernels.values import Value, constant

Values = dict[int, Value]


@dataclass(frozen=True)
class Lines:
    """How the E slots of an extended state are held: D scalars, then for each bundle of columns D vectors with one lane per column."""

    dimension: int
    columns: int

    @property
    def bundles(self) -> list[range]:
        """Column numbers, from 1, of each bundle."""
        return [range(first, min(first + WIDTH, self.columns + 1)) for first in range(1, self.columns + 1, WIDTH)]

    def load(self, w: Writer, base: str, offset: int = 0) -> list[Value]:
        """Read an extended state from memory."""
        n = self.dimension
        lines = [w.load(base, offset + d) for d in range(n)]
        for bundle in self.bundles:
            lines += [w.lanes([w.load(base, offset + column * n + d) for column in bundle]) for d in range(n)]
        return lines

    def store(self, w: Writer, lines: Sequence[Value], base: str, offset: int = 0) -> None:
        """Write an extended state to memory."""
        n = self.dimension
        for d, line in enumerate(lines[:n]):
            w.store(line, base, offset + d)
        for number, bundle in enumerate(self.bundles, start=1):
            for d, line in enumerate(lines[number * n : (number + 1) * n]):
                for lane, column in enumerate(bundle):
                    w.store(w.lane(line, lane), base, offset + column * n + d)


class StraightEvaluator:
    """Writes evaluations of one graph into one function, all in one basic block.

    Nodes of parameters and constants alone are written once and serve every evaluation. width: lanes of a graph without columns, each with its own
    state and parameters.
    """

    def __init__(self, w: Writer, graph: Graph, width: int = 1) -> None:
        self._width = width
        self.lines = Lines(graph.dimension, graph.columns)
        self._w = w
        self._graph = graph
        self._static: Values = {}
        self._value_nodes = graph.closure(graph.outputs)
        tangent_nodes = graph.closure(graph.tangent_outputs)
        self._column_nodes = tuple(n for n in tangent_nodes if graph.column[n])
        self._shared_nodes = tuple(n for n in tangent_nodes if not graph.column[n])

    def __call__(self, lines: Sequence[Value], row: int) -> list[Value]:
        """Return the derivatives of an extended state, with delayed values from row `row` of `past`."""
        graph, n = self._graph, self._graph.dimension
        values: Values = {}
        for node in self._value_nodes + self._shared_nodes:
            target = self._static if graph.static[node] else values
            if node not in target:
                target[node] = self._node(node, values, lines[:n], row, range(self._width))
        derivatives = [self._look_up(k, values, self._width) for k in graph.outputs]
        for number, bundle in enumerate(self.lines.bundles, start=1):
            own = dict(values)
            for node in self._column_nodes:
                own[node] = self._node(node, own, lines[number * n : (number + 1) * n], row, bundle)
            derivatives += [self._look_up(k, own, len(bundle)) for k in graph.tangent_outputs]
        return derivatives

    def _look_up(self, n: int, values: Values, width: int) -> Value:
        return self._w.splat(values[n] if n in values else self._static[n], width)

    def _node(self, n: int, values: Values, slots: Sequence[Value], row: int, lanes: range) -> Value:
        node = self._graph.nodes[n]
        w, graph = self._w, self._graph
        if node.op == "constant":
            return constant(node.value)
        if node.op == "parameter":
            return w.load("%p", node.slot * self._width, width=self._width)
        if node.op in {"state", "tangent"}:
            return slots[node.slot]
        if node.op in {"delayed", "delayed_tangent"}:
            return w.lanes([w.load("%past", row * graph.past_row + column * graph.n_delayed + node.slot) for column in lanes])
        return emit_operation(w, node.op, [self._look_up(a, values, len(lanes)) for a in node.args])
