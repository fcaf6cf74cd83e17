"""One Taylor step of up to eight trajectories at once, each with a step of its own, as straight-line code.

The step of a lane follows from the last two coefficients (Jorba and Zou 2005, section 3.2, component by component): |c_N| h^N is at most
atol + rtol |x| in every component. A step chosen from coefficients cannot see a kink ahead of it, so the polynomial is checked where it ends: if
its derivative there is not the right-hand side to the tolerance, the lane halves its step, with the same coefficients, until it is. What
`crossing` watches keeps a step from passing a kink twice, which its end would not show.
"""

from collections.abc import Callable, Sequence

from chaosbench.expressions.expansion import Expansion, expand
from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.kernels.advance import Limits, Stepped
from chaosbench.kernels.control import repeat
from chaosbench.kernels.crossing import Crossing
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.radius import excess_of, fitted, greater, largest, radius
from chaosbench.kernels.values import Value, constant

# A polynomial whose last term is a twentieth of the tolerance leaves a defect of N h / rho times it, about a fifth; kinks leave far larger ones.
DEFECT = 4.0


class VectorArithmetic:
    """The arithmetic of the code being written: vectors of `width` doubles."""

    def __init__(self, w: Writer, width: int) -> None:
        self._w = w
        self._width = width
        self.add, self.sub, self.mul, self.div, self.neg, self.fma = w.add, w.sub, w.mul, w.div, w.neg, w.fma
        self.select = w.select

    def constant(self, number: float) -> Value:
        """A literal in every lane."""
        return constant(number, self._width)

    def inverse(self, n: int) -> Value:
        """1 / n."""
        return constant(1.0 / n, self._width)

    def function(self, name: str, *args: Value) -> Value:
        """An operation of the tape."""
        return emit_operation(self._w, name, args)


class StraightSeries:
    """Writes Taylor expansions of one system without cells into one function; everything is a vector of `width` lanes."""

    def __init__(self, w: Writer, series: SeriesTape, width: int) -> None:
        self._w = w
        self._series = series
        self._width = width
        self._arithmetic = VectorArithmetic(w, width)
        self._parameters: dict[int, Value] = {}
        for node in series.nodes:  # in the entry block, so that a loop can use them
            if node.op == "parameter" and node.slot not in self._parameters:
                self._parameters[node.slot] = w.load("%p", node.slot * width, width=width)

    def __call__(self, state: Sequence[Value], order: int) -> Expansion:
        """Return the coefficients 0 .. order of every component, and those of the nodes."""
        return expand(self._arithmetic, self._series, order, state, self._leaf)

    def rates(self, state: Sequence[Value]) -> list[Value]:
        """Return the right-hand side."""
        return [row[1] for row in self(state, 0).solution]

    def _leaf(self, node: SeriesNode, coefficients: Sequence[Value] | None) -> Value:
        if node.op == "constant":
            return constant(node.value, self._width)
        if node.op == "parameter":
            return self._parameters[node.slot]
        if coefficients is None:
            raise TypeError(f"a series has no leaf {node.op!r}")
        return coefficients[node.slot]


class StraightTaylor:
    """The Taylor step of a system without cells, written into the loop of an advance."""

    def __init__(self, w: Writer, series: SeriesTape, order: int, width: int) -> None:
        self._w = w
        self._series = series
        self._order = order
        self._width = width
        self._dimension = len(series.outputs)
        self._evaluate = StraightSeries(w, series, width)
        self._reached: list[Value] = []

    def write(self, limits: Limits) -> Stepped:
        """Write the coefficients to work [N + 1][D][W] and find the step and the state at its end."""
        w, order, width = self._w, self._order, self._width
        state = [w.load("%u", d * width, width=width) for d in range(self._dimension)]
        coefficients, nodes = self._evaluate(state, order)
        switches = [Crossing(w, switch, nodes, width) for switch in self._series.switches]
        for d, row in enumerate(coefficients):
            for n, value in enumerate(row):
                w.store(value, "%work", (n * self._dimension + d) * width)
        scales = [w.fma(limits.rtol, w.call("fabs", value), limits.atol) for value in state]
        excess = [largest(w, [excess_of(w, row[n], scale) for row, scale in zip(coefficients, scales, strict=True)]) for n in (order, order - 1)]
        h = fitted(w, radius(w, excess, order, limits.factor), limits.room)
        with repeat(w, [h, constant(0.0, width)]) as loop:
            trial, halvings = loop.carried
            pairs = [ends(w, trial, order, self._coefficients(d)) for d in range(self._dimension)]
            reached, slopes = [value for value, _ in pairs], [slope for _, slope in pairs]
            rates = self._evaluate.rates(reached)
            bad = disagree(w, slopes, rates, trial, scales)
            for crossing in switches:
                bad = w.either(bad, crossing.possible(trial))
            bad = w.both(bad, w.compare("ogt", trial, limits.least))
            shorter = w.select(bad, w.mul(trial, constant(0.5, width)), trial)
            loop.close([shorter, w.select(bad, w.add(halvings, constant(1.0, width)), halvings)], w.any(bad))
        self._reached = reached
        return Stepped(trial, halvings, largest_of(w, reached, rates))

    def _coefficients(self, d: int) -> Callable[[int], Value]:
        return lambda n: self._w.load("%work", (n * self._dimension + d) * self._width, width=self._width)

    def keep(self, good: Value) -> None:
        """Write the new state to u where the step is good."""
        w, width = self._w, self._width
        for d, value in enumerate(self._reached):
            w.store(w.select(good, value, w.load("%u", d * width, width=width)), "%u", d * width)


def largest_of(w: Writer, values: Sequence[Value], rates: Sequence[Value]) -> Value:
    """The largest component, not a number where the right-hand side is none."""
    zero = constant(0.0, values[0].width)
    sizes = [w.fma(rate, zero, w.call("fabs", value)) for value, rate in zip(values, rates, strict=True)]
    total = sizes[0]
    for size in sizes[1:]:
        total = greater(w, total, size)
    return total


def ends(w: Writer, h: Value, order: int, coefficient: Callable[[int], Value]) -> tuple[Value, Value]:
    """A polynomial and its derivative at h, from its coefficients."""
    value = slope = coefficient(order)
    for n in range(order - 1, -1, -1):
        if n < order - 1:
            slope = w.fma(slope, h, value)
        value = w.fma(value, h, coefficient(n))
    return value, slope


def disagree(w: Writer, slopes: Sequence[Value], rates: Sequence[Value], h: Value, scales: Sequence[Value]) -> Value:
    """Whether in any component h |p'(h) - f(p(h))| is above `DEFECT` tolerances, or not a number."""
    bad = None
    for slope, rate, scale in zip(slopes, rates, scales, strict=True):
        defect = w.mul(w.call("fabs", w.sub(slope, rate)), h)
        above = w.compare("ugt", defect, w.mul(constant(DEFECT, h.width), scale))
        bad = above if bad is None else w.either(bad, above)
    if bad is None:
        raise TypeError("a system has at least one component")
    return bad
