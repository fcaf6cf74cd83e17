"""The Taylor step of a state with its tangent columns, several lanes at once, each with a step of its own.

What depends on the state alone is computed once; then a loop over the columns, whose code is written once, so that the kernel of K columns is no
larger than that of one. A column counts as a whole: the last terms of its series are measured against its largest component, so that a component
that passes through zero does not hold the step. The state's own terms count as in `taylor`.

The end of a step is checked as in `taylor`, the columns' polynomials only where the equations have kinks: where they are smooth the columns have no
singularities that the state has not.
"""

from collections.abc import Sequence

from chaosbench.expressions.tape import Tape
from chaosbench.kernels.advance import Limits, Stepped
from chaosbench.kernels.control import counted, repeat
from chaosbench.kernels.crossing import Crossing
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.radius import excess_of, fitted, greater, largest, radius
from chaosbench.kernels.straight_taylor import disagree, ends, largest_of
from chaosbench.kernels.values import Index, Value, constant
from chaosbench.kernels.variational_series import Table, VariationalSeries

_NO_LENGTH = 1e-200  # a column without length asks for no step


class VariationalTaylor:
    """A step being written; work: the coefficients [1 + K][N + 1][D][W] of the state and the columns, then the scale of each column [K][W]."""

    def __init__(self, w: Writer, tape: Tape, order: int, width: int, columns: int) -> None:
        self._w = w
        self._order = order
        self._width = width
        self._dimension = tape.dimension
        self._columns = columns
        self._smooth = tape.smooth
        self._evaluate = VariationalSeries(w, tape, width)
        self._reached: list[Value] = []

    def write(self, limits: Limits) -> Stepped:
        """Write the coefficients and find the step; the columns at its end replace their coefficients of order 0."""
        w, order, width = self._w, self._order, self._width
        state = [w.load("%u", d * width, width=width) for d in range(self._dimension)]
        coefficients, orbit = self._evaluate.orbit(state, order)
        switches = [Crossing(w, switch, orbit, width) for switch in self._evaluate.series.switches]
        self._store(coefficients, Index())
        scales = [w.fma(limits.rtol, w.call("fabs", value), limits.atol) for value in state]
        excess = self._excess(coefficients, scales)
        with counted(w, self._columns, 1, excess) as columns:
            terms = self._column(columns.index, orbit, limits.rtol)
            columns.close([largest(w, pair) for pair in zip(columns.carried, terms, strict=True)])
        h = fitted(w, radius(w, columns.after, order, limits.factor), limits.room)
        with repeat(w, [h, constant(0.0, width)]) as loop:
            trial, halvings = loop.carried
            pairs = [self._ends(trial, d, Index()) for d in range(self._dimension)]
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
            for d in range(self._dimension):
                new, place = self._coefficient(d, 0, self._series_of(loop.index)), (self._dimension + d) * width
                old = w.load("%u", place, self._column_of(loop.index), width=width)
                w.store(w.select(good, new, old), "%u", place, self._column_of(loop.index))
            loop.close([])

    def _column(self, index: Index, orbit: Table, rtol: Value) -> list[Value]:
        """Write the coefficients of a column and return the excess of the last two."""
        w, width, offset = self._w, self._width, self._column_of(index)
        tangent = [w.load("%u", (self._dimension + d) * width, offset, width=width) for d in range(self._dimension)]
        coefficients = self._evaluate.column(tangent, self._order, orbit)
        self._store(coefficients, self._series_of(index))
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
            scale = w.load("%work", self._scales, w.times(loop.index, width), width=width)
            pairs = [self._ends(h, d, self._series_of(loop.index)) for d in range(self._dimension)]
            rates = [row[1] for row in self._evaluate.column([value for value, _ in pairs], 0, here)]
            bad = disagree(w, [slope for _, slope in pairs], rates, h, [scale] * self._dimension)
            loop.close([w.either(loop.carried[0], bad)])
        return loop.after[0]

    def _end_columns(self, h: Value) -> Value:
        """Write the columns at h over their coefficients of order 0; return 0, or not a number where a component is none."""
        w, width, zero = self._w, self._width, constant(0.0, self._width)
        with counted(w, self._columns, 1, [zero]) as loop:
            [total] = loop.carried
            for d in range(self._dimension):
                value, _ = self._ends(h, d, self._series_of(loop.index))
                w.store(value, "%work", d * width, self._series_of(loop.index))
                total = w.fma(value, zero, total)
            loop.close([total])
        return loop.after[0]

    @property
    def _scales(self) -> int:
        return (self._order + 1) * self._dimension * (1 + self._columns) * self._width

    def _column_of(self, index: Index) -> Index:
        """Where column 1 + index begins in u, from where the first begins."""
        return self._w.times(index, self._dimension * self._width)

    def _series_of(self, index: Index) -> Index:
        """Where the coefficients of column 1 + index begin in work."""
        return self._w.times(Index(self._w.put(f"add i64 {index.name}, 1")), (self._order + 1) * self._dimension * self._width)

    def _store(self, coefficients: Table, offset: Index) -> None:
        for d, row in enumerate(coefficients):
            for n, value in enumerate(row):
                self._w.store(value, "%work", (n * self._dimension + d) * self._width, offset)

    def _coefficient(self, d: int, n: int, offset: Index) -> Value:
        return self._w.load("%work", (n * self._dimension + d) * self._width, offset, width=self._width)

    def _ends(self, h: Value, d: int, offset: Index) -> tuple[Value, Value]:
        return ends(self._w, h, self._order, lambda n: self._coefficient(d, n, offset))

    def _excess(self, coefficients: Table, scales: Sequence[Value]) -> list[Value]:
        """How far the coefficients of order N and N - 1 are above their scales, see `radius`."""
        orders = (self._order, self._order - 1)
        return [largest(self._w, [excess_of(self._w, row[n], scale) for row, scale in zip(coefficients, scales, strict=True)]) for n in orders]
