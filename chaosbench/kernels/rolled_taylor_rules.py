"""The rules of Taylor coefficients in memory: reciprocals are not taken again in every order, and sums over the orders may be loops."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chaosbench.expressions.recurrences import Coefficients, Rule
from chaosbench.expressions.series import SeriesNode
from chaosbench.kernels.control import repeat
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.rolled_taylor_memory import RunningOrder
from chaosbench.kernels.straight_taylor import VectorArithmetic
from chaosbench.kernels.values import Value, constant, whole

Inverse = Callable[[int, bool], Value]


class MemoryRule(Rule):
    """The rules of one order; `reciprocal(g, half)` is 1 / g_0, or half of it."""

    def __init__(
        self, arithmetic: VectorArithmetic, nodes: Sequence[SeriesNode], known: Coefficients, order: Any, memo: dict[Any, Any], reciprocal: Inverse
    ) -> None:
        super().__init__(arithmetic, nodes, known, order, memo)
        self._reciprocal = reciprocal

    def over(self, x: Any, g: int, twice: bool = False) -> Any:
        """Return x / g_0, or x / (2 g_0)."""
        return None if x is None else self.a.mul(x, self._reciprocal(g, twice))


class Running(NamedTuple):
    """What a loop over the orders needs: the lanes, which nodes have coefficients beyond order 0, how to read one where it is written, 1 / n."""

    w: Writer
    width: int
    alive: Callable[[int], bool]
    read: Callable[[int, RunningOrder], Value]
    inverse: Value


class RunningRule(MemoryRule):
    """The rules of an order n >= 2 that only the running code knows: the sum over the orders between 1 and n - 1 is a loop."""

    def __init__(
        self,
        arithmetic: VectorArithmetic,
        nodes: Sequence[SeriesNode],
        known: Coefficients,
        order: RunningOrder,
        memo: dict[Any, Any],
        reciprocal: Inverse,
        running: Running,
    ) -> None:
        super().__init__(arithmetic, nodes, known, order, memo, reciprocal)
        self._running = running

    def convolution(self, f: int, g: int, first: int, last: RunningOrder) -> Any:
        """Return the sum over j = first .. last of f_j g_(n-j)."""
        ends = [(self.known(f, 0), self.known(g, self.n))] if first == 0 else []
        ends += [(self.known(f, self.n), self.known(g, 0))] if last == self.n else []
        return self.products(ends, self._between(f, g, weighted=False))

    def symmetric(self, f: int, first: int) -> Any:
        """Return the sum over j = first .. n - first of f_j f_(n-j)."""
        return self.convolution(f, f, first, self.n - first)

    def slopes(self, f: int, g: int, first: int, last: RunningOrder) -> Any:
        """Return the sum over j = first .. last of j f_j g_(n-j)."""
        ends = [(self.slope(f, self.n), self.known(g, 0))] if last == self.n else []
        return self.products(ends, self._between(f, g, weighted=True))

    def slope(self, f: int, j: Any) -> Any:
        """Return j f_j."""
        value = self.known(f, j)
        return None if value is None else self.a.mul(value, self._running.w.splat(j.as_double(self._running.w), value.width))

    def over_n(self, x: Any, sign: float = 1.0) -> Any:
        """Return sign x / n."""
        if x is None:
            return None
        inverse = self._running.w.splat(self._running.inverse, x.width)
        return self.a.mul(x, inverse if sign == 1.0 else self.a.neg(inverse))

    def _between(self, f: int, g: int, *, weighted: bool) -> Any:
        """Return the sum over j = 1 .. n - 1 of f_j g_(n-j), times j if weighted."""
        w, width, n = self._running.w, self._running.width, self.n
        if not (self._running.alive(f) and self._running.alive(g)):
            return None
        with repeat(w, [whole(1), constant(1.0), constant(0.0, width)]) as loop:
            j, weight, total = loop.carried
            order = RunningOrder.of(w, j, n.lengths)
            x, y = self._running.read(f, order), self._running.read(g, n.minus(w, order))
            x = self.a.mul(x, w.splat(weight, width)) if weighted else x
            following = w.integer("add", j, whole(1))
            after = [following, w.add(weight, constant(1.0)), w.fma(x, y, total)]
            loop.close(after, w.compare_integers("slt", following, n.number))
        return loop.after[2]
