"""One Taylor step of up to eight trajectories at once, each with a step of its own, as straight-line code.

The step of a lane follows from the last two coefficients (Jorba and Zou 2005, section 3.2, component by component): |c_N| h^N is at most atol + rtol |x| in
every component. A step chosen from coefficients cannot see a kink ahead of it, so the polynomial is checked where it ends: if its derivative there
is not the right-hand side to the tolerance, the lane halves its step, with the same coefficients, until it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaosbench.expressions.recurrences import expand
from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.kernels.control import repeat
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.radius import excess_of, fitted, greater, largest, radius
from chaosbench.kernels.values import Value, constant

# A polynomial whose last term is at the tolerance leaves a defect of about N (h / rho) times it; kinks leave one that is larger by orders of magnitude.
DEFECT = 10.0


@dataclass(frozen=True)
class Control:
    """Where things stand in the array `a` of a step: rtol, atol, the factor of the radius from order N - 1, then one number a lane each."""

    width: int
    rtol: int = 0
    atol: int = 1
    factor: int = 2

    @property
    def room(self) -> int:
        """The longest step that may be taken; 0 leaves the lane where it is."""
        return 8

    @property
    def least(self) -> int:
        """The step at which halving ends."""
        return 8 + self.width

    @property
    def size(self) -> int:
        """Doubles in all."""
        return 8 + 2 * self.width


@dataclass(frozen=True)
class Result:
    """Where things stand in `out` after a step: the new state [D][W], then one number a lane each."""

    dimension: int
    width: int

    @property
    def step(self) -> int:
        """The step taken."""
        return self.dimension * self.width

    @property
    def halvings(self) -> int:
        """How often it was halved."""
        return self.step + self.width

    @property
    def largest(self) -> int:
        """The largest component of the new state; not a number when the right-hand side there is none."""
        return self.halvings + self.width

    @property
    def size(self) -> int:
        """Doubles in all."""
        return self.largest + self.width


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

    def __call__(self, state: Sequence[Value], order: int) -> list[list[Value]]:
        """Return the coefficients 0 .. order of every component."""
        return expand(self._arithmetic, self._series, order, state, self._leaf)

    def rates(self, state: Sequence[Value]) -> list[Value]:
        """Return the right-hand side."""
        return [row[1] for row in self(state, 0)]

    def _leaf(self, node: SeriesNode, coefficients: Sequence[Value] | None) -> Value:
        if node.op == "constant":
            return constant(node.value, self._width)
        if node.op == "parameter":
            return self._parameters[node.slot]
        if coefficients is None:
            raise TypeError(f"a series has no leaf {node.op!r}")
        return coefficients[node.slot]


def write_taylor_step(assembly: Assembly, series: SeriesTape, order: int, width: int) -> None:
    """Write function step.

    It takes u [D][W], p [P][W] and a (see `Control`), and leaves in work the coefficients [N + 1][D][W], in out the new state [D][W], then for every
    lane the step taken, the number of halvings and the largest component of the new state.
    """
    w = Writer(assembly, "step", KERNEL_POINTERS, wide=True)
    control, dimension = Control(width), len(series.outputs)
    evaluate = StraightSeries(w, series, width)
    rtol, atol, factor = (w.splat(w.load("%a", k), width) for k in (control.rtol, control.atol, control.factor))
    room, least = (w.load("%a", k, width=width) for k in (control.room, control.least))
    state = [w.load("%u", d * width, width=width) for d in range(dimension)]
    coefficients = evaluate(state, order)
    for d, row in enumerate(coefficients):
        for n, value in enumerate(row):
            w.store(value, "%work", (n * dimension + d) * width)
    scales = [w.fma(rtol, w.call("fabs", value), atol) for value in state]
    excess = [largest(w, [excess_of(w, row[n], scale) for row, scale in zip(coefficients, scales, strict=True)]) for n in (order, order - 1)]
    h = fitted(w, radius(w, excess, order, factor), room)
    with repeat(w, [h, constant(0.0, width)]) as loop:
        trial, halvings = loop.carried
        reached, slopes = _ends(w, trial, dimension, order)
        rates = evaluate.rates(reached)
        bad = _disagree(w, slopes, rates, trial, scales)
        bad = w.both(bad, w.compare("ogt", trial, least))
        shorter = w.select(bad, w.mul(trial, constant(0.5, width)), trial)
        loop.close([shorter, w.select(bad, w.add(halvings, constant(1.0, width)), halvings)], w.any(bad))
    size = _size(w, reached, rates)
    for k, value in enumerate([*reached, trial, halvings, size]):
        w.store(value, "%out", k * width)
    w.finish()


def _size(w: Writer, reached: Sequence[Value], rates: Sequence[Value]) -> Value:
    """The largest component, not a number where the right-hand side is none."""
    zero = constant(0.0, reached[0].width)
    sizes = [w.fma(rate, zero, w.call("fabs", value)) for value, rate in zip(reached, rates, strict=True)]
    total = sizes[0]
    for size in sizes[1:]:
        total = greater(w, total, size)
    return total


def _ends(w: Writer, h: Value, dimension: int, order: int) -> tuple[list[Value], list[Value]]:
    """The polynomials of all components and their derivatives at h, from the coefficients in work."""
    reached, slopes = [], []
    for d in range(dimension):
        value = w.load("%work", (order * dimension + d) * h.width, width=h.width)
        slope = value
        for n in range(order - 1, -1, -1):
            if n < order - 1:
                slope = w.fma(slope, h, value)
            value = w.fma(value, h, w.load("%work", (n * dimension + d) * h.width, width=h.width))
        reached.append(value)
        slopes.append(slope)
    return reached, slopes


def _disagree(w: Writer, slopes: Sequence[Value], rates: Sequence[Value], h: Value, scales: Sequence[Value]) -> Value:
    """Whether in any component h |p'(h) - f(p(h))| is above `DEFECT` tolerances, or not a number."""
    bad = None
    for slope, rate, scale in zip(slopes, rates, scales, strict=True):
        defect = w.mul(w.call("fabs", w.sub(slope, rate)), h)
        above = w.compare("ugt", defect, w.mul(constant(DEFECT, h.width), scale))
        bad = above if bad is None else w.either(bad, above)
    if bad is None:
        raise TypeError("a system has at least one component")
    return bad
