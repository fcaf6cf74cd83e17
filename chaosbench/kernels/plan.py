"""What a rolled kernel computes where: three regions of code, and the nodes that each leaves in memory for the others.

- The *static* region runs once per kernel call: nodes of parameters and constants alone.
- The *value* region runs once per stage: the derivatives of the state, and every node that the tangent columns will need, so that a cosine
  is taken once and not once per column.
- The *column* region runs once per stage and column.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaosbench.expressions.tape import LEAVES
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.operations import HEAVY


@dataclass(frozen=True)
class Region:
    """One piece of code.

    closure: the nodes it deals with, arguments first. given: nodes that it finds in memory.
    outputs: nodes that it writes to its result. kept: node -> offset in its own memory, `memory` doubles in all.
    level: per node of the closure, how many sums over cells must be finished before it can be computed.
    """

    closure: tuple[int, ...]
    given: frozenset[int]
    outputs: tuple[int, ...]
    kept: Mapping[int, int]
    memory: int
    level: Mapping[int, int]


@dataclass(frozen=True)
class Plan:
    """The three regions of a graph; `column` is None without columns."""

    static: Region
    value: Region
    column: Region | None


def plan_of(graph: Graph) -> Plan:
    """Decide what is kept in memory."""
    roots = [*graph.outputs, *graph.tangent_outputs]
    static = graph.frontier(roots, graph.static)
    shared = graph.frontier(graph.tangent_outputs, [not c for c in graph.column]) - static
    value_given, column_given = static, static | shared
    return Plan(
        _region(graph, static, frozenset(), ()),
        _region(graph, shared, value_given, graph.outputs),
        _region(graph, frozenset(), column_given, graph.tangent_outputs) if graph.columns else None,
    )


def _region(graph: Graph, keep: frozenset[int], given: frozenset[int], outputs: tuple[int, ...]) -> Region:
    nodes = graph.nodes
    closure = graph.closure([*keep, *outputs], given.__contains__)
    level: dict[int, int] = {}
    heavy: dict[int, bool] = {}
    for n in closure:
        node = nodes[n]
        inside = () if n in given else node.args
        level[n] = max((level[a] for a in inside), default=0) + (node.op in {"sum", "dot"} and n not in given)
        heavy[n] = (node.op in HEAVY and n not in given) or any(heavy[a] and nodes[a].axes == node.axes for a in inside)
    computed = [n for n in closure if n not in given and nodes[n].op not in LEAVES]
    sums = {n for n in computed if nodes[n].op in {"sum", "dot"} and nodes[n].axes}
    # A cell's sine, needed for every pair of cells, is taken once per cell.
    per_cell = {a for n in computed if nodes[n].axes == "ij" or n in sums for a in nodes[n].args if nodes[a].axes == "j" and heavy[a]}
    offsets, memory = _allocate(graph, sorted(keep | sums | (per_cell & set(computed))))
    return Region(closure, given, outputs, offsets, memory, level)


def _allocate(graph: Graph, nodes: Iterable[int]) -> tuple[dict[int, int], int]:
    offsets: dict[int, int] = {}
    position = 0
    for n in nodes:
        offsets[n] = position
        position += graph.tape.size ** len(graph.nodes[n].axes)
    return offsets, position
