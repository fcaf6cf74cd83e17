"""Where the Taylor coefficients of a double-double kernel stand: one block an order, in it a slot for every state and for every node and cell."""

from collections.abc import Callable, Sequence
from functools import cached_property

from chaosbench.errors import KernelError
from chaosbench.expressions.recurrences import RULES
from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.expressions.tape import COMPARISONS, LEAVES
from chaosbench.kernels.control import counted
from chaosbench.kernels.double_double import DoubleDouble, Pair
from chaosbench.kernels.values import Index, Value, constant, whole

MOST_SLOTS = 65_536  # of 16 doubles each: at order 34 a table of 300 MB
_UNSUPPORTED = frozenset({"delayed", "delayed_tangent", "tangent"})

_TRUE = Value("true", 1, "i1")

Cell = dict[str, Index]


class Table:
    """The slots of a block, which begins with the state [D]."""

    def __init__(self, series: SeriesTape, width: int) -> None:
        self.series = series
        self.nodes = series.nodes
        self.width = width
        self.size = series.tape.size
        self.slots: dict[int, int] = {}
        self.reciprocals: dict[tuple[int, bool], int] = {}
        self.end = series.tape.dimension
        for place, node in enumerate(self.nodes):
            if node.op in _UNSUPPORTED:
                raise KernelError(f"series node {place}: {node.op} has no double-double form; only flows and maps without delays have one")
            if self._computed(node):
                self.slots[place] = self._take(node)
        for place, node in enumerate(self.nodes):
            for key in _divisors(place, node) if self.alive[place] else ():
                if key not in self.reciprocals:
                    self.reciprocals[key] = self._take(self.nodes[key[0]])
        if self.end > MOST_SLOTS:
            raise KernelError(
                f"a double-double kernel of this system needs {self.end} numbers an order; {MOST_SLOTS} are the most; "
                "take another integrator or fewer cells"
            )

    @property
    def block(self) -> int:
        """Doubles of one order."""
        return 2 * self.width * self.end

    def _computed(self, node: SeriesNode) -> bool:
        """Return whether a node needs slots of its own: a state that may lie beyond a closed boundary is copied, for zeros to stand there."""
        if node.op == "state":
            return bool(node.offset) and self.series.tape.boundary == "zero"
        return node.op not in LEAVES and node.op not in COMPARISONS

    def _take(self, node: SeriesNode) -> int:
        start = self.end
        self.end += {0: 1, 1: self.size, 2: self.size * self.size}[len(node.axes)]
        return start

    @cached_property
    def alive(self) -> tuple[bool, ...]:
        """Per node, whether it has coefficients beyond order 0."""
        found: list[bool] = []
        for node in self.nodes:
            deciding = {"where": node.args[1:], "along": node.args[:1], "across": node.args[:1], "angle": node.args[:2], "power": node.args[:1]}
            moves = any(found[a] for a in deciding.get(node.op, node.args))
            found.append(node.op == "state" or (node.op in RULES and moves))
        return tuple(found)

    # addresses --------------------------------------------------------------------------------------------------------------------

    def reach(self, d: DoubleDouble, table: str, place: int, cell: Cell) -> str:
        """Return the pointer to order 0 of a node with a slot, or of a state, in a cell."""
        return self._slot(d, table, self.slots[place], self.nodes[place], cell) if place in self.slots else self._state(d, table, place, cell)[0]

    def copied(self, d: DoubleDouble, table: str, place: int, cell: Cell, *order: Index) -> Pair:
        """Return a state that has slots of its own, from the state's slots: zero beyond the boundary."""
        pointer, inside = self._state(d, table, place, cell)
        return d.select(inside, d.load(pointer, 0, *order), d.constant(0.0))

    def reciprocal(self, d: DoubleDouble, table: str, key: tuple[int, bool], cell: Cell) -> str:
        """Return the pointer to a reciprocal in a cell."""
        return self._slot(d, table, self.reciprocals[key], self.nodes[key[0]], cell)

    def parameter(self, d: DoubleDouble, place: int, cell: Cell) -> Pair:
        """Return a parameter."""
        w, node = d.w, self.nodes[place]
        if node.axes == "ij":
            at, inside = [w.times(cell["i"], self.size * self.width), w.times(cell["j"], self.width)], _TRUE
        else:
            index, inside = self._shifted(d, node, cell)
            at = [w.times(index, self.width)]
        value = d.exact(w.load("%p", node.slot * self.width, *at, width=self.width))
        return value if inside == _TRUE else d.select(inside, value, d.constant(0.0))

    def _state(self, d: DoubleDouble, table: str, place: int, cell: Cell) -> tuple[str, Value]:
        """Return the pointer to the state that a leaf reads, and whether it lies inside the boundary."""
        node = self.nodes[place]
        index, inside = self._shifted(d, node, cell)
        return d.w.address(table, 2 * self.width * node.slot, d.w.times(index, 2 * self.width)), inside

    def _slot(self, d: DoubleDouble, table: str, slot: int, node: SeriesNode, cell: Cell) -> str:
        rows = {"": [], "i": [("i", 1)], "j": [("j", 1)], "ij": [("i", self.size), ("j", 1)]}[node.axes]
        return d.w.address(table, 2 * self.width * slot, *(d.w.times(cell[axis], 2 * self.width * count) for axis, count in rows))

    def _shifted(self, d: DoubleDouble, node: SeriesNode, cell: Cell) -> tuple[Index, Value]:
        """Return the cell that a leaf with an offset reads, folded into the range, and whether it counts there."""
        if not node.axes or not node.offset:
            return cell[node.axes] if node.axes else Index(), _TRUE
        w, here, size = d.w, Value(cell[node.axes].name, 1, "i64"), whole(self.size)
        forward = w.integer("add", here, whole(node.offset % self.size))
        wrapped = w.select(w.compare_integers("ult", forward, size), forward, w.integer("sub", forward, size))
        if self.series.tape.boundary == "periodic":
            return Index(wrapped.text), _TRUE
        return Index(wrapped.text), w.compare_integers("ult", w.integer("add", here, whole(node.offset)), size)

    # loops ------------------------------------------------------------------------------------------------------------------------

    def each_cell(self, d: DoubleDouble, axes: str, body: Callable[[Cell], None], cell: Cell | None = None) -> None:
        """Write `body` for every cell of the axes."""
        if not axes:
            body(cell or {})
            return
        with counted(d.w, self.size, 1) as loop:
            self.each_cell(d, axes[1:], body, {**(cell or {}), axes[0]: loop.index})

    def summed(self, d: DoubleDouble, cell: Cell, term: Callable[[Cell], Pair]) -> Pair:
        """Write the sum over axis j."""
        zero = constant(0.0, self.width)
        with counted(d.w, self.size, 1, [zero, zero]) as loop:
            after: Sequence[Value] = d.add(Pair(*loop.carried), term({**cell, "j": loop.index}))
            loop.close(after)
        return Pair(*after)


def _divisors(place: int, node: SeriesNode) -> list[tuple[int, bool]]:
    """Return what the rule of a node divides by: (node, twice its value)."""
    if node.op == "sqrt":
        return [(place, True)]
    position = {"div": 1, "across": 1, "angle": 2, "power": 0}.get(node.op)
    return [] if position is None else [(node.args[position], False)]
