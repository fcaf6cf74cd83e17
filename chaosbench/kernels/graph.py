"""A tape made ready for code: products fused into the sums they feed, and what depends on what."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chaosbench.errors import KernelError
from chaosbench.expressions.tape import COMPARISONS, LEAVES, Node, Tape
from chaosbench.kernels.operations import HEAVY, OPERATIONS

COLUMN_LEAVES = frozenset({"tangent", "delayed_tangent"})
MOVING_LEAVES = frozenset({"state", "delayed"}) | COLUMN_LEAVES


@dataclass(frozen=True)
class Graph:
    """A contracted tape.

    nodes: numbered as in the tape; besides the tape's operations "fma" (a*b + c), "fms" (a*b - c), "fnma" (c - a*b) and "dot" (the sum
        over j of a*b). Products that were fused away remain in the list but nothing reaches them.
    column: per node, whether it depends on a tangent leaf and so exists once per tangent column.
    static: per node, whether it depends on parameters and constants alone.
    columns: K. tangent_outputs: empty when K is 0.
    """

    tape: Tape
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    tangent_outputs: tuple[int, ...]
    column: tuple[bool, ...]
    static: tuple[bool, ...]
    columns: int

    @property
    def dimension(self) -> int:
        """D."""
        return self.tape.dimension

    @property
    def size(self) -> int:
        """E = D (1 + K)."""
        return self.tape.dimension * (1 + self.columns)

    @property
    def n_delayed(self) -> int:
        """Number of delayed slots."""
        return len(self.tape.delayed)

    @property
    def past_row(self) -> int:
        """Doubles in one row of `past`."""
        return (1 + self.columns) * self.n_delayed

    @property
    def has_axes(self) -> bool:
        """Whether anything runs over the cells of a sized system."""
        return any(node.axes or node.op in {"sum", "dot"} for node in self.nodes) or any(variable.length for variable in self.tape.variables)

    def closure(self, roots: Iterable[int], given: Callable[[int], bool] = lambda n: False) -> tuple[int, ...]:
        """All nodes that the roots need, arguments first, not going behind given nodes; given nodes and leaves are included."""
        found: set[int] = set()
        stack = list(roots)
        while stack:
            n = stack.pop()
            if n in found:
                continue
            found.add(n)
            if not given(n):
                stack.extend(self.nodes[n].args)
        return tuple(sorted(found))

    def frontier(self, roots: Iterable[int], outside: Sequence[bool]) -> frozenset[int]:
        """The nodes where paths from the roots first step outside, worth storing: leaves are not, comparisons cannot be.

        A light operation over both axes is computed again rather than stored N*N times; what it needs is looked at instead.
        """
        found: set[int] = set()
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            n = stack.pop()
            node = self.nodes[n]
            if n in seen or node.op in LEAVES:
                continue
            seen.add(n)
            if outside[n] and node.op not in COMPARISONS and (node.axes != "ij" or node.op in HEAVY):
                found.add(n)
            else:
                stack.extend(node.args)
        return frozenset(found)


def graph_of(tape: Tape, columns: int) -> Graph:
    """Check and contract a tape for kernels that carry `columns` tangent columns."""
    if columns < 0 or (columns and tape.tangent_outputs is None):
        raise KernelError(f"columns = {columns}: tangent columns need columns >= 0 and a tape with tangent outputs; pass the tangent tape")
    tangent_outputs = tape.tangent_outputs if columns and tape.tangent_outputs is not None else ()
    nodes = _contract(tape, tangent_outputs)
    for n, node in enumerate(nodes):
        _check(tape, n, node)
    column: list[bool] = []
    static: list[bool] = []
    for node in nodes:
        column.append(node.op in COLUMN_LEAVES or any(column[a] for a in node.args))
        static.append(node.op not in MOVING_LEAVES and all(static[a] for a in node.args))
    return Graph(tape, nodes, tape.outputs, tangent_outputs, tuple(column), tuple(static), columns)


def _check(tape: Tape, n: int, node: Node) -> None:
    if node.op not in LEAVES and node.op not in OPERATIONS and node.op not in {"sum", "dot"}:
        raise KernelError(f"tape node {n}: unknown operation {node.op!r}; operations are {', '.join(sorted(OPERATIONS))} and sum")
    if any(not 0 <= a < n for a in node.args):
        raise KernelError(f"tape node {n}: arguments {node.args} must be earlier nodes")
    if node.axes and not tape.size:
        raise KernelError(f"tape node {n}: axes {node.axes!r} in a tape without a size; give the tape its size N")
    misplaced = [a for k, a in enumerate(node.args) if (tape.nodes[a].op in COMPARISONS) != (node.op == "where" and k == 0)]
    if misplaced:
        raise KernelError(f"tape node {n}: {node.op} takes node {misplaced[0]}; a comparison is the first argument of where and nothing else")


def _contract(tape: Tape, tangent_outputs: Sequence[int]) -> tuple[Node, ...]:
    """Fuse a product that is used once into the sum or difference that uses it; with two candidates, the left one.

    Uses by the right-hand side alone decide inside the right-hand side, so that carrying tangents changes no bit of the state.
    """
    value = _reached(tape, tape.outputs)
    everything = _reached(tape, [*tape.outputs, *tangent_outputs])
    uses_value = _uses(tape, value, tape.outputs)
    uses = _uses(tape, everything, [*tape.outputs, *tangent_outputs])
    nodes = []
    for n, node in enumerate(tape.nodes):
        count = uses_value if n in value else uses
        fused = [tape.nodes[a].op == "mul" and count[a] == 1 for a in node.args]
        if node.op == "sum" and fused[0]:
            nodes.append(Node("dot", tape.nodes[node.args[0]].args, axes=node.axes))
        elif node.op in {"add", "sub"} and fused[0]:
            nodes.append(Node("fma" if node.op == "add" else "fms", (*tape.nodes[node.args[0]].args, node.args[1]), axes=node.axes))
        elif node.op in {"add", "sub"} and fused[1]:
            nodes.append(Node("fma" if node.op == "add" else "fnma", (*tape.nodes[node.args[1]].args, node.args[0]), axes=node.axes))
        else:
            nodes.append(node)
    return tuple(nodes)


def _reached(tape: Tape, roots: Iterable[int]) -> set[int]:
    found = set(roots)
    for n in range(len(tape.nodes) - 1, -1, -1):
        if n in found:
            found.update(tape.nodes[n].args)
    return found


def _uses(tape: Tape, members: set[int], roots: Iterable[int]) -> Counter[int]:
    return Counter(a for n in members for a in tape.nodes[n].args) + Counter(roots)
