"""Sums of products of Taylor coefficients in memory, in double-double arithmetic, over orders that only the running code knows.

Method: the products are added without error into a double whose errors are collected in a second one and added once at the end (Dot2 with low parts):
12 operations a product instead of 29. Error: like that of a sum of n products in arithmetic of 106 bits, about n u^2 times the sum of their sizes.

Source: T. Ogita, S. M. Rump, S. Oishi, Accurate sum and dot product, SIAM Journal on Scientific Computing 26, 1955-1988 (2005), algorithm 5.3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chaosbench.expressions.recurrences import Rule
from chaosbench.expressions.series import SeriesNode
from chaosbench.kernels.control import Loop
from chaosbench.kernels.double_double import Pair
from chaosbench.kernels.double_double_operations import ExtendedArithmetic
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Index, Value, constant, whole


@dataclass(frozen=True)
class Order:
    """The order n - less, where n is known to the running code; `offset` is where the coefficients of order n begin."""

    number: Value
    offset: Index
    less: int = 0

    def __sub__(self, k: int) -> "Order":
        return Order(self.number, self.offset, self.less + k)


def ascending(w: Writer, start: int, stop: Value, carried: Sequence[Value], body: Callable[[Loop, Value], Sequence[Value]]) -> list[Value]:
    """Write a loop for j = start, ... < stop, possibly of no round; `body(loop, j)` returns the carried values after a round."""
    before, head, inside, leave = (w.block, *(w.fresh(kind)[1:] for kind in ("head", "inside", "leave")))
    w.lines += [f"  br label %{head}", f"{head}:"]
    w.block, position = head, len(w.lines)
    j = Value(w.fresh("j"), 1, "i64")
    loop = Loop(Index(j.text), [Value(w.fresh(), value.width, value.element) for value in carried])
    more = w.compare_integers("slt", j, stop)
    w.lines += [f"  br {more.typed}, label %{inside}, label %{leave}", f"{inside}:"]
    w.block = inside
    after = body(loop, j)
    following = w.integer("add", j, whole(1))
    pairs = zip([j, *loop.carried], [whole(start), *carried], [following, *after], strict=True)
    w.lines[position:position] = [
        f"  {phi.text} = phi {phi.type} [ {first.text}, %{before} ], [ {new.text}, %{w.block} ]" for phi, first, new in pairs
    ]
    w.lines += [f"  br label %{head}", f"{leave}:"]
    w.block = leave
    return loop.carried


class RunningRule(Rule):
    """The rules of one order n that only the running code knows: sums over the orders are loops, reciprocals stand in memory.

    reach(node): where the coefficients of order 0 of a node begin, a pointer. alive(node): whether it has coefficients beyond order 0.
    reciprocal(node, twice): 1 / g_0 or 1 / (2 g_0). stride: from one order to the next, in doubles. inverse: 1 / n.
    """

    def __init__(
        self,
        arithmetic: ExtendedArithmetic,
        nodes: Sequence[SeriesNode],
        known: Callable[[int, Any], Any],
        order: Order,
        *,
        reach: Callable[[int], str],
        alive: Sequence[bool],
        reciprocal: Callable[[int, bool], Pair],
        stride: int,
        inverse: Pair,
    ) -> None:
        self.a = self._d = arithmetic
        self.nodes = nodes
        self.known = self._read = known
        self.n: Any = order
        self._reach = reach
        self._alive = alive
        self._reciprocal = reciprocal
        self._stride = stride
        self._inverse = inverse

    def convolution(self, f: int, g: int, first: int, last: Order) -> Pair | None:
        """Return the sum over j = first .. last of f_j g_(n-j)."""
        if not self._alive[f]:
            return self.mul(self._read(f, 0), self._read(g, self.n)) if first == 0 else None
        if not self._alive[g]:
            return self.mul(self._read(f, self.n), self._read(g, 0)) if last.less == 0 else None
        stop = self._d.w.integer("sub", last.number, whole(last.less - 1))
        return self._sum(f, g, first, stop, weighted=False)

    def symmetric(self, f: int, first: int) -> Pair | None:
        """Return the sum over j = first .. n - first of f_j f_(n-j), every product once."""
        if not self._alive[f]:
            return None
        w, n = self._d.w, self.n.number
        half = self._sum(f, f, first, w.integer("lshr", w.integer("add", n, whole(1)), whole(1)), weighted=False)
        offset = w.integer("mul", w.integer("lshr", n, whole(1)), whole(self._stride))
        middle = self._d.load(self._reach(f), 0, Index(offset.text))
        even = w.compare_integers("eq", w.integer("and", n, whole(1)), whole(0))
        square = self._d.select(even, self._d.mul(middle, middle), self._d.constant(0.0))
        return self._d.add(self._d.scaled(half, 2.0), square)

    def slopes(self, f: int, g: int, first: int, last: Order) -> Pair | None:
        """Return the sum over j = first .. last of j f_j g_(n-j)."""
        if not self._alive[f]:
            return None
        w = self._d.w
        if not self._alive[g]:
            if last.less:
                return None
            weight = self._d.exact(w.splat(w.convert("sitofp", self.n.number, "double"), self._d.width))
            return self._d.mul(self._d.mul(weight, self._read(f, self.n)), self._read(g, 0))
        return self._sum(f, g, first, w.integer("sub", last.number, whole(last.less - 1)), weighted=True)

    def over(self, x: Pair | None, g: int, twice: bool = False) -> Pair | None:
        """Return x / g_0, or x / (2 g_0)."""
        return None if x is None else self._d.mul(x, self._reciprocal(g, twice))

    def over_n(self, x: Pair | None, sign: float = 1.0) -> Pair | None:
        """Return sign x / n."""
        if x is None:
            return None
        return self._d.mul(x, self._inverse if sign == 1.0 else self._d.neg(self._inverse))

    def _sum(self, f: int, g: int, first: int, stop: Value, *, weighted: bool) -> Pair:
        """Return the sum over j = first .. stop - 1 of f_j g_(n-j), times j if weighted."""
        d, w = self._d, self._d.w
        one, other, stride = self._reach(f), self._reach(g), whole(self._stride)
        zero = constant(0.0, d.width)

        def body(loop: Loop, j: Value) -> list[Value]:
            total, errors, weight = loop.carried
            ahead = w.integer("mul", j, stride)
            behind = w.integer("sub", Value(self.n.offset.name, 1, "i64"), ahead)
            x, y = d.load(one, 0, Index(ahead.text)), d.load(other, 0, Index(behind.text))
            if weighted:
                product = d.two_product(x.high, weight)
                x = Pair(product.high, w.fma(x.low, weight, product.low))
            product = d.raw_product(x, y)
            grown = d.two_sum(total, product.high)
            return [grown.high, w.add(errors, w.add(grown.low, product.low)), w.add(weight, constant(1.0, d.width))]

        total, errors, _ = ascending(w, first, stop, [zero, zero, constant(float(first), d.width)], body)
        return d.two_sum(total, errors)
