"""The series of a state and of a tangent column beside it, written with few operations.

What depends on the state alone is expanded once, what depends on a column once a column; sums of products as in `expressions.sums`.
"""

from collections.abc import Sequence
from typing import Any

from chaosbench.expressions.expansion import filled, following, remember_slopes
from chaosbench.expressions.extend import extended_tape
from chaosbench.expressions.recurrences import Memo, coefficient
from chaosbench.expressions.series import SeriesNode, SeriesTape, series_tape
from chaosbench.expressions.sums import sum_coefficient, sums_of
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.straight_taylor import VectorArithmetic
from chaosbench.kernels.values import Value, constant

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
        self._sums = sums_of(self.series, self._of_column)

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
                if self._of_column[place] != of_column or place in self._sums.absorbed or (n > 0 and not node.moving):
                    continue
                if not node.args:
                    table[place].append(self._leaf(node, current))
                elif place in self._sums.terms:
                    table[place].append(sum_coefficient(a, self.series, self._sums.terms[place], n, known, memo))
                else:
                    table[place].append(coefficient(a, nodes, place, n, known, memo))
            for row, output in zip(solution, outputs, strict=True):
                row.append(following(a, known(output, n), n))
            if not of_column:
                remember_slopes(self.series, [known(output, n) for output in self.series.outputs], n, memo)
        return filled(a, solution)

    def _leaf(self, node: SeriesNode, coefficients: Sequence[Value]) -> Value:
        if node.op == "constant":
            return constant(node.value, self._width)
        if node.op == "parameter":
            return self._parameters[node.slot]
        return coefficients[node.slot % self._dimension]
