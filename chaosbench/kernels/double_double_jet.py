"""Double-double kernels of one system: the map or right-hand side, the Taylor coefficients of any order, and the step that they allow.

Code loops over orders and cells, so its size depends neither on the order nor on the size of the system, and it compiles in a tenth of a second.
"""

from collections.abc import Callable
from typing import Any

from chaosbench.expressions.assemble import joined
from chaosbench.expressions.recurrences import RULES, first_coefficient
from chaosbench.expressions.series import SeriesTape, Switch
from chaosbench.expressions.tape import COMPARISONS
from chaosbench.kernels.control import counted
from chaosbench.kernels.double_double import Pair
from chaosbench.kernels.double_double_crossing import may_cross_twice
from chaosbench.kernels.double_double_functions import Functions
from chaosbench.kernels.double_double_operations import ExtendedArithmetic
from chaosbench.kernels.double_double_sums import Order, RunningRule, ascending
from chaosbench.kernels.double_double_table import Cell, Table
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.values import Index, Value, constant, whole

NAMES = ("value", "jet", "step")


class ExtendedKernels:
    """Writes functions value, jet and step; all take (u, p, a, past, work, out).

    A pair is [high][W], [low][W]. u: the state, D pairs. p: parameters [P][W]. a: N, then for every lane s, a power of two, and h / s, high and low.
    past: two doubles for every n = 0 .. N, the pair 1 / n (that of 0 is not read). work: memory for functions, a block for trial states, the table.

    value: out = the right-hand side or the next state, D pairs.
    jet: the table, one block an order: of everything the coefficients c_n s^n for n = 0 .. N, the state first, D pairs.
    step: after jet: out = the polynomials at h, D pairs, their derivatives times s, D pairs, then for every lane the largest difference between these
        derivatives and s times the right-hand side at the polynomials: not a number where there is none, infinite where a branch of the equations may
        change and change back within the step.
    """

    def __init__(self, series: SeriesTape, width: int) -> None:
        self.series = series
        self.width = width
        self.table = Table(series, width)
        self._assembly = Assembly()
        self._functions = Functions(self._assembly, width)

    @property
    def trial(self) -> int:
        """Where the block for trial states begins in work."""
        return Functions.memory(self.width)

    @property
    def start(self) -> int:
        """Where the table begins in work."""
        return self.trial + self.table.block

    def text(self) -> str:
        """Return the module."""
        self._write_first()
        self._write_value()
        self._write_jet()
        self._write_step()
        return self._assembly.text()

    def _function(self, name: str) -> tuple[Writer, ExtendedArithmetic]:
        w = Writer(self._assembly, name, KERNEL_POINTERS)
        return w, ExtendedArithmetic(w, self.width, self._functions, "%work")

    # order 0 ----------------------------------------------------------------------------------------------------------------------

    def _at_start(self, d: ExtendedArithmetic, block: str, cell: Cell) -> Callable[[int, Any], Any]:
        """Return the reading of coefficients of order 0 in a cell."""

        def known(place: int, _: Any) -> Any:
            node = self.table.nodes[place]
            if node.op == "constant":
                return d.constant(node.value)
            if node.op == "index":
                return d.exact(d.w.splat(d.w.as_double(cell[node.axes], 1), self.width))
            if node.op == "parameter":
                return self.table.parameter(d, place, cell)
            if node.op in COMPARISONS:
                return first_coefficient(d, node, known)
            return d.load(self.table.reach(d, block, place, cell), 0)

        return known

    def _write_first(self) -> None:
        """Write function first: order 0 of all nodes from the state in a block, and the reciprocals."""
        w = Writer(self._assembly, "first", ("block", "p", "scratch"), internal=True)
        d, table = ExtendedArithmetic(w, self.width, self._functions, "%scratch"), self.table
        for place in table.slots:
            node = table.nodes[place]

            def body(cell: Cell, place: int = place) -> None:
                node = table.nodes[place]
                if node.op == "state":
                    value = table.copied(d, "%block", place, cell)
                elif node.op == "sum":
                    value = table.summed(d, cell, lambda inner: self._at_start(d, "%block", inner)(node.args[0], 0))
                else:
                    value = first_coefficient(d, node, self._at_start(d, "%block", cell))
                d.store(value, table.reach(d, "%block", place, cell), 0)

            table.each_cell(d, node.axes, body)
        for key in table.reciprocals:

            def invert(cell: Cell, key: tuple[int, bool] = key) -> None:
                value = self._at_start(d, "%block", cell)(key[0], 0)
                inverse = d.div(d.constant(1.0), d.scaled(value, 2.0) if key[1] else value)
                d.store(inverse, table.reciprocal(d, "%block", key, cell), 0)

            table.each_cell(d, table.nodes[key[0]].axes, invert)
        w.finish()

    def _each_rate(self, d: ExtendedArithmetic, block: str, body: Callable[[Pair, Index], None]) -> None:
        """Write body(rate, where the state's slot begins) for every state."""
        self._each_output(d, lambda output, cell: self._at_start(d, block, cell)(output, 0), body)

    def _each_output(self, d: ExtendedArithmetic, read: Callable[[int, Cell], Pair | None], body: Callable[[Pair, Index], None]) -> None:
        for variable, output in zip(self.series.tape.variables, self.series.outputs, strict=True):

            def one(cell: Cell, start: int = variable.start, output: int = output) -> None:
                rate = read(output, cell)
                index = d.w.times(cell["i"], 2 * self.width) if cell else Index()
                body(d.constant(0.0) if rate is None else rate, Index(index.name, 2 * self.width * start))

            self.table.each_cell(d, "i" if variable.length else "", one)

    def _copy(self, d: ExtendedArithmetic, source: str, target: str) -> None:
        with counted(d.w, self.series.tape.dimension, 1) as loop:
            index = d.w.times(loop.index, 2 * self.width)
            d.store(d.load(source, 0, index), target, 0, index)

    def _write_value(self) -> None:
        w, d = self._function("value")
        block = w.address("%work", self.trial)
        self._copy(d, "%u", block)
        w.procedure("first", [block, "%p", "%work"])
        self._each_rate(d, block, lambda rate, slot: d.store(rate, "%out", 0, slot))
        w.finish()

    # higher orders ----------------------------------------------------------------------------------------------------------------

    def _write_jet(self) -> None:
        w, d = self._function("jet")
        table, block = w.address("%work", self.start), self.table.block
        scale = w.load("%a", 1, width=self.width)
        self._copy(d, "%u", table)
        w.procedure("first", [table, "%p", "%work"])
        self._each_rate(d, table, lambda rate, slot: d.store(_times(d, rate, scale), table, 0, Index("", block), slot))

        def body(_: Any, n: Value) -> list[Value]:
            order = Order(n, Index(w.integer("mul", n, whole(block)).text))
            inverse, following = (self._inverse(d, n, ahead) for ahead in (0, 1))
            for place in self.table.slots:
                if self.table.alive[place]:
                    self._write_order(d, table, place, order, inverse)
            self._each_output(
                d,
                lambda output, cell: self._at_order(d, table, order, cell)(output, order),
                lambda rate, slot: d.store(_times(d, d.mul(rate, following), scale), table, 0, order.offset, Index("", block), slot),
            )
            return []

        ascending(w, 1, self._number(w), [], body)
        w.finish()

    def _number(self, w: Writer) -> Value:
        return w.convert("fptosi", w.load("%a"), "i64")

    def _inverse(self, d: ExtendedArithmetic, n: Value, ahead: int) -> Pair:
        index = Index(d.w.integer("mul", n, whole(2)).text)
        return Pair(*(d.w.splat(d.w.load("%past", 2 * ahead + part, index), self.width) for part in range(2)))

    def _at_order(self, d: ExtendedArithmetic, table: str, order: Order, cell: Cell) -> Callable[[int, Any], Any]:
        """Return the reading of coefficients of order 0 and of order n in a cell."""
        start = self._at_start(d, table, cell)

        def known(place: int, asked: Any) -> Any:
            if asked == 0:
                return start(place, 0)
            if not self.table.alive[place]:
                return None
            return d.load(self.table.reach(d, table, place, cell), 0, order.offset)

        return known

    def _write_order(self, d: ExtendedArithmetic, table: str, place: int, order: Order, inverse: Pair) -> None:
        node = self.table.nodes[place]

        def body(cell: Cell) -> None:
            if node.op == "state":
                value = self.table.copied(d, table, place, cell, order.offset)
            elif node.op == "sum":
                value = self.table.summed(d, cell, lambda inner: self._at_order(d, table, order, inner)(node.args[0], order))
            else:
                rule = RunningRule(
                    d,
                    self.table.nodes,
                    self._at_order(d, table, order, cell),
                    order,
                    reach=lambda argument: self.table.reach(d, table, argument, cell),
                    alive=self.table.alive,
                    reciprocal=lambda argument, twice: d.load(self.table.reciprocal(d, table, (argument, twice), cell), 0),
                    stride=self.table.block,
                    inverse=inverse,
                )
                value = RULES[node.op](rule, place, node)
            d.store(d.constant(0.0) if value is None else value, self.table.reach(d, table, place, cell), 0, order.offset)

        self.table.each_cell(d, node.axes, body)

    def _write_step(self) -> None:
        w, d = self._function("step")
        table, trial, width = w.address("%work", self.start), w.address("%work", self.trial), self.width
        slopes = w.address("%out", 2 * width * self.series.tape.dimension)
        scale = w.load("%a", 1, width=width)
        theta = d.load("%a", 0, Index("", 1 + width))
        number = self._number(w)
        with counted(w, self.series.tape.dimension, 1) as loop:
            slot = w.times(loop.index, 2 * width)

            def horner(inner: Any, j: Value) -> list[Value]:
                value, slope = Pair(*inner.carried[:2]), Pair(*inner.carried[2:])
                offset = w.integer("mul", w.integer("sub", number, j), whole(self.table.block))
                slope = d.fma(slope, theta, value)
                value = d.fma(value, theta, d.load(table, 0, Index(offset.text), slot))
                return [*value, *slope]

            zero = constant(0.0, width)
            found = ascending(w, 0, w.integer("add", number, whole(1)), [zero] * 4, horner)
            for pair, target in ((Pair(*found[:2]), trial), (Pair(*found[:2]), "%out"), (Pair(*found[2:]), slopes)):
                d.store(pair, target, 0, slot)
        defect = w.address("%out", 4 * width * self.series.tape.dimension)
        w.store(constant(0.0, width), defect)
        w.procedure("first", [trial, "%p", "%work"])

        def compare(rate: Pair, slot: Index) -> None:
            difference = w.call("fabs", d.sub(_times(d, rate, scale), d.load(slopes, 0, slot)).high)
            before = w.load(defect, width=width)
            larger = w.either(w.compare("ogt", difference, before), w.compare("uno", difference, difference))
            w.store(w.select(larger, difference, before), defect)

        self._each_rate(d, trial, compare)
        for switch in self.series.switches:
            self._write_switch(d, table, switch, theta.high, defect)
        w.finish()

    def _write_switch(self, d: ExtendedArithmetic, table: str, switch: Switch, theta: Value, defect: str) -> None:
        """Write an infinite difference where a branch may change and change back within the step."""
        w = d.w
        places = [place for place in (switch.a, switch.b) if place is not None]
        alive = [place for place in places if self.table.alive[place]]
        axes = joined([self.table.nodes[place].axes for place in places])

        def body(cell: Cell) -> None:
            start = self._at_start(d, table, cell)
            pointers = [self.table.reach(d, table, place, cell) for place in alive]
            twice = may_cross_twice(d, switch, lambda place: start(place, 0), pointers, self.table.block, self._number(w), theta)
            before = w.load(defect, width=self.width)
            halved = w.both(twice, w.compare("oeq", before, before))
            w.store(w.select(halved, constant(float("inf"), self.width), before), defect)

        if alive:
            self.table.each_cell(d, axes, body)


def _times(d: ExtendedArithmetic, a: Pair, power_of_two: Value) -> Pair:
    return Pair(d.w.mul(a.high, power_of_two), d.w.mul(a.low, power_of_two))
