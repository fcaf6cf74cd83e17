"""Where the numbers of a rolled kernel stand in memory.

A stage state is kept *padded*: every indexed variable is preceded and followed by copies of the cells that its offsets can reach beyond
the ends (periodic), or by zeros. With that every loop over the cells loads consecutive numbers, no index needs a modulo, and no cell needs
code of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaosbench.expressions.tape import Node
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.sweeps import WIDTH, sweep
from chaosbench.kernels.values import Index, Value, constant


@dataclass(frozen=True)
class Group:
    """Consecutive flat slots: an indexed variable, or a run of scalar ones.

    flat: first flat slot. padded: padded position of the first slot. length: number of slots. low, high: cells of padding on each side.
    """

    flat: int
    padded: int
    length: int
    low: int = 0
    high: int = 0


@dataclass(frozen=True)
class Layout:
    """The padded form of some flat vector; `size` counts the padding."""

    groups: tuple[Group, ...]
    size: int
    periodic: bool

    def position(self, slot: int) -> int:
        """Padded position of a flat slot."""
        for group in self.groups:
            if group.flat <= slot < group.flat + group.length:
                return group.padded + slot - group.flat
        raise IndexError(f"flat slot {slot} lies in no variable")

    def write(self, w: Writer, target: str, produce: Callable[[int, Index, int], Value]) -> None:
        """Store `produce(flat slot, index, width)` for all slots, then fill the padding from the cells inside."""
        for group in self.groups:

            def body(index: Index, width: int, _: Sequence[Value], group: Group = group) -> list[Value]:
                w.store(produce(group.flat, index, width), target, group.padded, index)
                return []

            sweep(w, group.length, body)
            for outside, inside, width in self._padding(group):
                value = w.load(target, group.padded + inside, width=width) if self.periodic else constant(0.0, width)
                w.store(value, target, group.padded + outside)

    def write_copy(self, w: Writer, source: str, target: str) -> None:
        """Copy a flat vector to its padded form."""
        self.write(w, target, lambda flat, index, width: w.load(source, flat, index, width=width))

    def _padding(self, group: Group) -> list[tuple[int, int, int]]:
        """Runs of cells outside a group as (first cell outside, the cell inside that it repeats, number of cells up to a vector)."""
        runs: list[tuple[int, int, int]] = []
        for outside in [*range(-group.low, 0), *range(group.length, group.length + group.high)]:
            inside = outside % group.length
            first = runs[-1] if runs else (0, 0, WIDTH)
            if first[2] < WIDTH and (outside, inside) == (first[0] + first[2], first[1] + first[2]):
                runs[-1] = (first[0], first[1], first[2] + 1)
            else:
                runs.append((outside, inside, 1))
        return runs


def _reach(nodes: Sequence[Node], ops: frozenset[str], slot: int) -> tuple[int, int]:
    offsets = [node.offset for node in nodes if node.op in ops and node.slot == slot and node.axes in {"i", "j"}]
    return max([0, *(-o for o in offsets)]), max([0, *offsets])


def state_layout(graph: Graph) -> Layout:
    """The padded form of one state or one tangent column."""
    nodes = [graph.nodes[n] for n in graph.closure([*graph.outputs, *graph.tangent_outputs])]
    groups: list[Group] = []
    position = 0
    for variable in graph.tape.variables:
        low, high = _reach(nodes, frozenset({"state", "tangent"}), variable.start) if variable.length else (0, 0)
        previous = groups[-1] if groups else None
        if previous and not (low or high or previous.low or previous.high):
            groups[-1] = Group(previous.flat, previous.padded, previous.length + variable.slots)
        else:
            groups.append(Group(variable.start, position + low, variable.slots, low, high))
        position += low + variable.slots + high
    return Layout(tuple(groups), position, graph.tape.boundary == "periodic")


def parameter_layout(graph: Graph) -> Layout:
    """The padded form of the parameter vectors that are used with an offset; other parameters are read where they are."""
    nodes = [graph.nodes[n] for n in graph.closure([*graph.outputs, *graph.tangent_outputs])]
    groups: list[Group] = []
    position = 0
    for slot in sorted({node.slot for node in nodes if node.op == "parameter" and node.offset and node.axes != "ij"}):
        low, high = _reach(nodes, frozenset({"parameter"}), slot)
        groups.append(Group(slot, position + low, graph.tape.size, low, high))
        position += low + graph.tape.size + high
    return Layout(tuple(groups), position, graph.tape.boundary == "periodic")
