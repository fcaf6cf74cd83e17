"""The Taylor step of a state with its tangent columns, several lanes at once, each with a step of its own.

What depends on the state alone is computed once; then a loop over the columns, whose code is written once, so that the kernel of K columns is no
larger than that of one. A column counts as a whole: the last terms of its series are measured against its largest component, so that a component
that passes through zero does not hold the step. The state's own terms count as in `taylor`.

The end of a step is checked as in `taylor`, the columns' polynomials only where the equations have kinks: where they are smooth the columns have no
singularities that the state has not.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chaosbench.expressions.extend import extended_tape
from chaosbench.expressions.recurrences import Memo, coefficient
from chaosbench.expressions.series import SeriesNode, SeriesTape, series_tape
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.advance import Limits, Stepped
from chaosbench.kernels.control import counted, repeat
from chaosbench.kernels.crossing import Crossing
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.radius import excess_of, fitted, greater, largest, radius
from chaosbench.kernels.taylor import VectorArithmetic, disagree, ends, largest_of
from chaosbench.kernels.values import Index, Value, constant

_NO_LENGTH = 1e-200  # a column without length asks for no step

Table = list[list[Any]]


class VariationalSeries:
    """Writes the series of a state, and of one tangent column beside it; everything is a vector of `width` lanes."""

    def __init__(self, w: Writer, tape: Tape, width: int) -> None:
        self.series: SeriesTape = series_tape(extended_tape(tape, 1))
        self._dimension = tape.dimension
        self._width = width
        self._arithmetic = VectorArithmetic(w, width)
        self._parameters: dict[int, Value] = {}
        self._of_column: list[bool] = []
        for place, node in enumerate(self.series.nodes):
            if node.op == "parameter" and node.slot not in self._parameters:  # in the entry block, so that a loop can use them
                self._parameters[node.slot] = w.load("%p", node.slot * width, width=width)
            later = node.op == "state" and node.slot >= tape.dimension
            self._of_column.append(later or any(a < place and self._of_column[a] for a in node.args))

    def orbit(self, state: Sequence[Value], order: int) -> tuple[Table, Table]:
        """Return the coefficients 0 .. order of the state (with order 0 its rate as a second entry), and those of the nodes that a column needs."""
        table: Table = [[] for _ in self.series.nodes]
        return self._expanded(state, order, table, False), table

    def column(self, tangent: Sequence[Value], order: int, orbit: Table) -> Table:
        """Return the coefficients 0 .. order of a column (with order 0 its rate as a second entry)."""
        return self._expanded(tangent, order, [list(row) for row in orbit], True)

    def _expanded(self, start: Sequence[Value], order: int, table: Table, of_column: bool) -> Table:
        a, nodes, dimension = self._arithmetic, self.series.nodes, self._dimension
        solution: Table = [[value] for value in start]
        memo: Memo = {}
        outputs = self.series.outputs[dimension:] if of_column else self.series.outputs[:dimension]

        def known(place: int, n: int) -> Any:
            return table[place][n] if n < len(table[place]) else None

        for n in range(max(order, 1)):
            current = [row[n] for row in solution]
            for place, node in enumerate(nodes):
                if self._of_column[place] == of_column and (n == 0 or node.moving):
                    leaf = not node.args
                    table[place].append(self._leaf(node, current) if leaf else coefficient(a, nodes, place, n, known, memo))
            for row, output in zip(solution, outputs, strict=True):
                rate = known(output, n)
                rate = constant(0.0, self._width) if rate is None else rate
                row.append(rate if n == 0 else a.mul(rate, a.inverse(n + 1)))
        return solution

    def _leaf(self, node: SeriesNode, coefficients: Sequence[Value]) -> Value:
        if node.op == "constant":
            return constant(node.value, self._width)
        if node.op == "parameter":
            return self._parameters[node.slot]
        return coefficients[node.slot % self._dimension]


class VariationalTaylor:
    """A step being written; work: the coefficients [N + 1][D (1 + K)][W], then the scale of each column [K][W]."""

    def __init__(self, w: Writer, tape: Tape, order: int, width: int, columns: int) -> None:
        self._w = w
        self._order = order
        self._width = width
        self._dimension = tape.dimension
        self._columns = columns
        self._size = tape.dimension * (1 + columns)
        self._smooth = tape.smooth
        self._evaluate = VariationalSeries(w, tape, width)
        self._reached: list[Value] = []

    def write(self, limits: Limits) -> Stepped:
        """Write the coefficients and find the step; the columns at its end replace their coefficients of order 0."""
        w, order, width = self._w, self._order, self._width
        state = [w.load("%u", d * width, width=width) for d in range(self._dimension)]
        coefficients, orbit = self._evaluate.orbit(state, order)
        switches = [Crossing(w, switch, orbit, width) for switch in self._evaluate.series.switches]
        self._store(coefficients, 0)
        scales = [w.fma(limits.rtol, w.call("fabs", value), limits.atol) for value in state]
        excess = self._excess(coefficients, scales)
        with counted(w, self._columns, 1, excess) as columns:
            terms = self._column(columns.index, orbit, limits.rtol)
            columns.close([largest(w, pair) for pair in zip(columns.carried, terms, strict=True)])
        h = fitted(w, radius(w, columns.after, order, limits.factor), limits.room)
        with repeat(w, [h, constant(0.0, width)]) as loop:
            trial, halvings = loop.carried
            pairs = [ends(w, trial, order, self._coefficients(d, Index())) for d in range(self._dimension)]
            reached, slopes = [value for value, _ in pairs], [slope for _, slope in pairs]
            solution, here = self._evaluate.orbit(reached, 0)
            rates = [row[1] for row in solution]
            bad = disagree(w, slopes, rates, trial, scales)
            if not self._smooth:
                bad = w.either(bad, self._columns_disagree(trial, here))
            for crossing in switches:
                bad = w.either(bad, crossing.possible(trial))
            bad = w.both(bad, w.compare("ogt", trial, limits.least))
            shorter = w.select(bad, w.mul(trial, constant(0.5, width)), trial)
            loop.close([shorter, w.select(bad, w.add(halvings, constant(1.0, width)), halvings)], w.any(bad))
        self._reached = reached
        return Stepped(trial, halvings, w.add(largest_of(w, reached, rates), self._end_columns(trial)))

    def keep(self, good: Value) -> None:
        """Write the new state and its columns to u where the step is good."""
        w, width = self._w, self._width
        for d, value in enumerate(self._reached):
            w.store(w.select(good, value, w.load("%u", d * width, width=width)), "%u", d * width)
        with counted(w, self._columns, 1) as loop:
            offset = self._offset(loop.index)
            for d in range(self._dimension, 2 * self._dimension):
                new, old = (w.load(base, d * width, offset, width=width) for base in ("%work", "%u"))
                w.store(w.select(good, new, old), "%u", d * width, offset)
            loop.close([])

    def _column(self, index: Index, orbit: Table, rtol: Value) -> list[Value]:
        """Write the coefficients of a column and return the excess of the last two."""
        w, width, offset = self._w, self._width, self._offset(index)
        tangent = [w.load("%u", d * width, offset, width=width) for d in range(self._dimension, 2 * self._dimension)]
        coefficients = self._evaluate.column(tangent, self._order, orbit)
        self._store(coefficients, self._dimension, offset)
        sizes = [w.call("fabs", value) for value in tangent]
        length = sizes[0]
        for size in sizes[1:]:
            length = greater(w, length, size)
        scale = w.fma(rtol, length, constant(_NO_LENGTH, width))
        w.store(scale, "%work", self._scales, w.times(index, width))
        return self._excess(coefficients, [scale] * self._dimension)

    def _columns_disagree(self, h: Value, here: Table) -> Value:
        """Whether the polynomial of any column leaves the equations at its end, where the state's nodes have the values `here`."""
        w, width = self._w, self._width
        with counted(w, self._columns, 1, [w.compare("uno", h, h)]) as loop:
            offset, scale = self._offset(loop.index), w.load("%work", self._scales, w.times(loop.index, width), width=width)
            pairs = [ends(w, h, self._order, self._coefficients(d, offset)) for d in range(self._dimension, 2 * self._dimension)]
            rates = [row[1] for row in self._evaluate.column([value for value, _ in pairs], 0, here)]
            bad = disagree(w, [slope for _, slope in pairs], rates, h, [scale] * self._dimension)
            loop.close([w.either(loop.carried[0], bad)])
        return loop.after[0]

    def _end_columns(self, h: Value) -> Value:
        """Write the columns at h over their coefficients of order 0; return 0, or not a number where a component is none."""
        w, width, zero = self._w, self._width, constant(0.0, self._width)
        with counted(w, self._columns, 1, [zero]) as loop:
            offset, [total] = self._offset(loop.index), loop.carried
            for d in range(self._dimension, 2 * self._dimension):
                value, _ = ends(w, h, self._order, self._coefficients(d, offset))
                w.store(value, "%work", d * width, offset)
                total = w.fma(value, zero, total)
            loop.close([total])
        return loop.after[0]

    @property
    def _scales(self) -> int:
        return (self._order + 1) * self._size * self._width

    def _offset(self, index: Index) -> Index:
        return self._w.times(index, self._dimension * self._width)

    def _store(self, coefficients: Table, first: int, offset: Index = Index()) -> None:
        for d, row in enumerate(coefficients, start=first):
            for n, value in enumerate(row):
                self._w.store(value, "%work", (n * self._size + d) * self._width, offset)

    def _coefficients(self, d: int, offset: Index) -> Callable[[int], Value]:
        return lambda n: self._w.load("%work", (n * self._size + d) * self._width, offset, width=self._width)

    def _excess(self, coefficients: Table, scales: Sequence[Value]) -> list[Value]:
        """How far the coefficients of order N and N - 1 are above their scales, see `radius`."""
        orders = (self._order, self._order - 1)
        return [largest(self._w, [excess_of(self._w, row[n], scale) for row, scale in zip(coefficients, scales, strict=True)]) for n in orders]
