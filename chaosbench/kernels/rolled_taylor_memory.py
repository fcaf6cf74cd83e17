"""Where the Taylor kernels of a system with cells keep their numbers in work."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.rolled_taylor_plan import TaylorPlan, aligned
from chaosbench.kernels.values import Index, Value, whole


@dataclass(frozen=True)
class RunningOrder:
    """The order n - less, where n is known to the running code; `flat` and `block` are n times the lengths of a state and of a block."""

    number: Value
    flat: Index
    block: Index
    lengths: tuple[int, int]
    less: int = 0

    def __sub__(self, k: int) -> "RunningOrder":
        return replace(self, less=self.less + k)

    def __add__(self, k: int) -> "RunningOrder":
        return self - (-k)

    @staticmethod
    def of(w: Writer, number: Value, lengths: tuple[int, int]) -> "RunningOrder":
        """Return the order that a whole number says."""
        flat, block = (Index(w.integer("mul", number, whole(length)).text) for length in lengths)
        return RunningOrder(number, flat, block, lengths)

    def minus(self, w: Writer, j: "RunningOrder") -> "RunningOrder":
        """Return this order less another one."""
        number, *places = (w.integer("sub", a, b) for a, b in zip(self._numbers, j._numbers, strict=True))
        return RunningOrder(number, Index(places[0].text), Index(places[1].text), self.lengths, self.less - j.less)

    @property
    def _numbers(self) -> tuple[Value, ...]:
        return self.number, *(Value(index.name, 1, "i64") for index in (self.flat, self.block))

    def as_double(self, w: Writer) -> Value:
        """Return the order as a double."""
        return w.convert("sitofp", w.integer("sub", self.number, whole(self.less)), "double")


Order = int | RunningOrder


class Where(NamedTuple):
    """A place in work: a number of doubles, and what the running code adds."""

    offset: int
    indices: tuple[Index, ...] = ()


@dataclass(frozen=True)
class View:
    """Where the coefficients of each order stand: the state as it is from `flat` on, one order after the other, and everything else in blocks."""

    flat: int
    dimension: int
    blocks: int
    block: int

    def running(self, w: Writer, number: Value) -> RunningOrder:
        """Return the order that a whole number of the running code says."""
        return RunningOrder.of(w, number, (self.dimension, self.block))

    def state(self, order: Order) -> Where:
        """Return where the coefficients of the state begin."""
        if isinstance(order, int):
            return Where(self.flat + order * self.dimension)
        return Where(self.flat - order.less * self.dimension, (order.flat,))

    def kept(self, order: Order) -> Where:
        """Return where the block begins, with the padded state."""
        if isinstance(order, int):
            return Where(self.blocks + order * self.block)
        return Where(self.blocks - order.less * self.block, (order.block,))


class Memory:
    """The areas of work.

    series: the coefficients of the step. trial: those of order 0 at the end of the step. scales, slopes, rates: numbers a component. static,
    reciprocals: see the plan. size: doubles in all.
    """

    def __init__(self, plan: TaylorPlan, order: int) -> None:
        dimension = plan.series.tape.dimension
        blocks = aligned((order + 1) * dimension)
        self.series = View(0, dimension, blocks, plan.block)
        reached = blocks + order * plan.block
        self.trial = View(reached, dimension, reached + aligned(dimension), plan.block)
        self.scales = self.trial.blocks + plan.block
        self.slopes = self.scales + aligned(dimension)
        self.rates = self.slopes + aligned(dimension)
        self.static = self.rates + aligned(dimension)
        self.reciprocals = self.static + plan.static_size
        self.size = self.reciprocals + plan.reciprocal_size
