"""The series of a state and of a tangent column beside it, written with few operations.

Where a sum takes a product that nothing else takes, all its products are added up in one chain of fused operations: columns are many and independent,
so what counts is the number of operations, not how long each waits.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from chaosbench.expressions.extend import extended_tape
from chaosbench.expressions.recurrences import Memo, coefficient
from chaosbench.expressions.series import SeriesNode, SeriesTape, series_tape
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.straight_taylor import VectorArithmetic
from chaosbench.kernels.values import Value, constant

Table = list[list[Any]]


class Term(NamedTuple):
    """A part of a sum: a series, or with g the product of two; `negative` takes it away."""

    negative: bool
    f: int
    g: int | None = None


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
        self._sums, self._absorbed = self._taken_apart()

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
                if self._of_column[place] != of_column or place in self._absorbed or (n > 0 and not node.moving):
                    continue
                if not node.args:
                    table[place].append(self._leaf(node, current))
                elif place in self._sums:
                    table[place].append(self._sum(self._sums[place], n, known))
                else:
                    table[place].append(coefficient(a, nodes, place, n, known, memo))
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

    def _taken_apart(self) -> tuple[dict[int, list[Term]], set[int]]:
        """The terms of every sum that has products of its own, and the nodes that these sums take in; sums without one stay as they are."""
        nodes = self.series.nodes
        uses = Counter(a for node in nodes for a in node.args) + Counter(self.series.outputs)
        sums: dict[int, list[Term]] = {}
        absorbed: set[int] = set()

        def parts(place: int, negative: bool, column: bool) -> tuple[list[Term], set[int]]:
            node, alone = nodes[place], ([Term(negative, place)], set[int]())
            if uses[place] > 1 or not node.moving or self._of_column[place] != column:
                return alone
            if node.op == "mul":
                return [Term(negative, *node.args)], {place}
            terms, taken = inside(place, negative, column)
            return (terms, taken | {place}) if taken else alone

        def inside(place: int, negative: bool, column: bool) -> tuple[list[Term], set[int]]:
            op, args = nodes[place].op, nodes[place].args
            if op not in {"add", "sub", "neg"}:
                return [], set()
            signs = [not negative] if op == "neg" else [negative, negative != (op == "sub")]
            found = [parts(a, sign, column) for a, sign in zip(args, signs, strict=True)]
            return [term for terms, _ in found for term in terms], set().union(*(taken for _, taken in found))

        for place in reversed(range(len(nodes))):  # the last sum takes in those inside it
            if place not in absorbed and nodes[place].moving:
                terms, taken = inside(place, False, self._of_column[place])
                if taken:
                    sums[place], absorbed = terms, absorbed | taken
        return sums, absorbed

    def _sum(self, terms: Sequence[Term], n: int, known: Any) -> Any:
        """The coefficient n of a sum; products whose factors have been known for long come first."""
        a, pairs = self._arithmetic, []
        for negative, f, g in terms:
            if g is None:
                continue
            orders = range(n + 1)
            if not (self.series.nodes[f].moving and self.series.nodes[g].moving):
                orders = range(1) if not self.series.nodes[f].moving else range(n, n + 1)
            pairs += [(max(j, n - j), negative, known(f, j), known(g, n - j)) for j in orders]
        total: Any = None
        for _, negative, x, y in sorted(pairs, key=lambda pair: pair[0]):
            if x is not None and y is not None and total is None:
                total = a.neg(a.mul(x, y)) if negative else a.mul(x, y)
            elif x is not None and y is not None:
                total = a.fma(a.neg(x) if negative else x, y, total)
        for negative, f, g in terms:
            value = known(f, n) if g is None else None
            if value is not None:
                total = (a.neg(value) if negative else value) if total is None else (a.sub if negative else a.add)(total, value)
        return total
