"""Taylor coefficients of every operation, one order at a time, in any arithmetic: code being written, doubles, longer numbers.

`None` is a coefficient that vanishes identically, so that nothing is written for the orders of a constant. Sums of products go from the terms of
middle orders to those with the newest coefficient, which is then not waited for until the end.

Source: A. Jorba and M. Zou, Experimental Mathematics 14, 99-117 (2005), Proposition 2.1; A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed.
(2008), section 13.2.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from chaosbench.expressions.series import SeriesNode

T = TypeVar("T")
Terms = Sequence[tuple[Any, Any]]
Memo = dict[tuple[str, int, int], Any]


class Arithmetic(Protocol[T]):
    """Numbers of one kind."""

    def constant(self, number: float) -> T:
        """Return a double as a number."""

    def add(self, a: T, b: T) -> T:
        """Return a + b."""

    def sub(self, a: T, b: T) -> T:
        """Return a - b."""

    def mul(self, a: T, b: T) -> T:
        """Return a b."""

    def div(self, a: T, b: T) -> T:
        """Return a / b."""

    def neg(self, a: T) -> T:
        """Return -a."""

    def fma(self, a: T, b: T, c: T) -> T:
        """Return a b + c."""

    def inverse(self, n: int) -> T:
        """Return 1 / n, rounded once."""

    def select(self, condition: Any, a: T, b: T) -> T:
        """Return a where the condition holds, else b."""

    def function(self, name: str, *args: T) -> Any:
        """Return an operation or comparison of the tape at order 0."""


class Coefficients(Protocol):
    """The coefficients found so far; a rule asks for those of its arguments and its own lower ones."""

    def __call__(self, node: int, order: int, /) -> Any:
        """Return a coefficient, None if it vanishes identically."""


def coefficient(arithmetic: Arithmetic[Any], nodes: Sequence[SeriesNode], place: int, order: int, known: Coefficients, memo: Memo) -> Any:
    """Return the coefficient of a node that is not a leaf from those of its arguments up to `order` and its own below.

    memo: multiples and reciprocals of coefficients met so far, valid where they were computed.
    """
    node = nodes[place]
    if order == 0:
        return first_coefficient(arithmetic, node, known)
    if not node.moving or node.op not in RULES:  # comparisons, sign and floor do not move
        return None
    return RULES[node.op](Rule(arithmetic, nodes, known, order, memo), place, node)


def first_coefficient(arithmetic: Arithmetic[Any], node: SeriesNode, known: Coefficients) -> Any:
    """Return the coefficient of order 0 of a node that is not a leaf."""
    if node.op in {"along", "across"}:
        return arithmetic.function(node.function, known(node.args[0], 0))
    values = [known(a, 0) for a in node.args]
    if node.op == "square":
        return arithmetic.mul(values[0], values[0])
    if node.op == "angle":
        return arithmetic.function("atan2", values[0], values[1])
    if node.op == "where":
        return arithmetic.select(*values)
    return arithmetic.function({"power": "pow"}.get(node.op, node.op), *values)


class Rule:
    """What the rules of one order share; another kind of table may replace how it sums, see `known` and `n`."""

    def __init__(
        self, arithmetic: Arithmetic[Any], nodes: Sequence[SeriesNode], known: Coefficients, order: int, memo: dict[tuple[str, int, int], Any]
    ) -> None:
        self.a = arithmetic
        self.nodes = nodes
        self.known = known
        self.n: Any = order  # code that loops over the orders has a name here
        self.memo = memo

    def moving(self, node: int) -> bool:
        """Return whether a node depends on the state."""
        return self.nodes[node].moving

    def products(self, pairs: Terms, start: Any = None) -> Any:
        """Return start + the sum of products, without the pairs that have a vanishing factor."""
        total = start
        for x, y in pairs:
            if x is not None and y is not None:
                total = self.a.mul(x, y) if total is None else self.a.fma(x, y, total)
        return total

    def convolution(self, f: int, g: int, first: int, last: Any) -> Any:
        """Return the sum over j = first .. last of f_j g_(n-j), the newest terms last."""
        orders = sorted(range(first, last + 1), key=lambda j: (max(j, self.n - j), j))
        return self.products([(self.known(f, j), self.known(g, self.n - j)) for j in orders])

    def symmetric(self, f: int, first: int) -> Any:
        """Return the sum over j = first .. n - first of f_j f_(n-j), every product once."""
        half = self.convolution(f, f, first, (self.n - 1) // 2)
        middle = self.known(f, self.n // 2) if self.n % 2 == 0 and self.n >= 2 * first else None
        return self.products([(middle, middle)], self.add(half, half))

    def slopes(self, f: int, g: int, first: int, last: Any) -> Any:
        """Return the sum over j = first .. last of j f_j g_(n-j): a part of n times a coefficient of the integral of f' g."""
        orders = sorted(range(first, last + 1), key=lambda j: (max(j, self.n - j), j))
        return self.products([(self.slope(f, j), self.known(g, self.n - j)) for j in orders])

    def slope(self, f: int, j: int) -> Any:
        """Return j f_j."""
        value = self.known(f, j)
        if value is None or j == 1:
            return value
        if ("slope", f, j) not in self.memo:
            self.memo["slope", f, j] = self.a.mul(value, self.a.constant(float(j)))
        return self.memo["slope", f, j]

    def add(self, x: Any, y: Any) -> Any:
        """Return x + y."""
        if x is None or y is None:
            return y if x is None else x
        return self.a.add(x, y)

    def sub(self, x: Any, y: Any) -> Any:
        """Return x - y."""
        if y is None:
            return x
        return self.a.neg(y) if x is None else self.a.sub(x, y)

    def mul(self, x: Any, y: Any) -> Any:
        """Return x y."""
        return None if x is None or y is None else self.a.mul(x, y)

    def over(self, x: Any, g: int, twice: bool = False) -> Any:
        """Return x / g_0, or x / (2 g_0): the reciprocal is taken once for all orders."""
        if x is None:
            return None
        key = ("half reciprocal" if twice else "reciprocal", g, 0)
        if key not in self.memo:
            first = self.known(g, 0)
            self.memo[key] = self.a.div(self.a.constant(1.0), self.a.add(first, first) if twice else first)
        return self.a.mul(x, self.memo[key])

    def total(self, x: Any) -> Any:
        """Return the sum over axis j."""
        return None if x is None else self.a.function("sum", x)

    def over_n(self, x: Any, sign: float = 1.0) -> Any:
        """Return sign x / n."""
        if x is None:
            return None
        inverse = self.a.inverse(self.n)
        return self.a.mul(x, inverse if sign == 1.0 else self.a.neg(inverse))


def _product(r: Rule, place: int, node: SeriesNode) -> Any:
    f, g = node.args
    if not r.moving(f):
        return r.mul(r.known(f, 0), r.known(g, r.n))
    if not r.moving(g):
        return r.mul(r.known(g, 0), r.known(f, r.n))
    return r.convolution(f, g, 0, r.n)


def _square(r: Rule, place: int, node: SeriesNode) -> Any:
    return r.symmetric(node.args[0], 0)


def _quotient(r: Rule, place: int, node: SeriesNode) -> Any:
    f, g = node.args
    if not r.moving(g):
        return r.over(r.known(f, r.n), g)
    rest = r.convolution(g, place, 1, r.n)
    return r.over(r.sub(r.known(f, r.n), rest), g)


def _root(r: Rule, place: int, node: SeriesNode) -> Any:
    return r.over(r.sub(r.known(node.args[0], r.n), r.symmetric(place, 1)), place, twice=True)


def _along(r: Rule, place: int, node: SeriesNode) -> Any:
    f, g = node.args
    return r.over_n(r.slopes(f, g, 1, r.n), node.sign)


def _across(r: Rule, place: int, node: SeriesNode) -> Any:
    f, g = node.args
    rest = r.over_n(r.slopes(place, g, 1, r.n - 1))
    if node.sign == 1.0:
        return r.over(r.sub(r.known(f, r.n), rest), g)
    return r.over(r.sub(None, r.add(r.known(f, r.n), rest)), g)


def _angle(r: Rule, place: int, node: SeriesNode) -> Any:
    y, x, g = node.args
    turning = r.sub(r.slopes(y, x, 1, r.n), r.slopes(x, y, 1, r.n))
    return r.over(r.over_n(r.sub(turning, r.slopes(place, g, 1, r.n - 1))), g)


def _power(r: Rule, place: int, node: SeriesNode) -> Any:
    base, exponent = node.args
    rising = r.mul(r.known(exponent, 0), r.slopes(base, place, 1, r.n))
    return r.over(r.over_n(r.sub(rising, r.slopes(place, base, 1, r.n - 1))), base)


def _branch(r: Rule, place: int, node: SeriesNode) -> Any:
    condition, x, y = node.args
    first, second = r.known(x, r.n), r.known(y, r.n)
    if first is None and second is None:
        return None
    zero = r.a.constant(0.0)
    return r.a.select(r.known(condition, 0), zero if first is None else first, zero if second is None else second)


RULES: Mapping[str, Callable[[Rule, int, SeriesNode], Any]] = {
    "add": lambda r, _, node: r.add(r.known(node.args[0], r.n), r.known(node.args[1], r.n)),
    "sum": lambda r, _, node: r.total(r.known(node.args[0], r.n)),
    "sub": lambda r, _, node: r.sub(r.known(node.args[0], r.n), r.known(node.args[1], r.n)),
    "neg": lambda r, _, node: r.sub(None, r.known(node.args[0], r.n)),
    "mul": _product,
    "square": _square,
    "div": _quotient,
    "sqrt": _root,
    "along": _along,
    "across": _across,
    "angle": _angle,
    "power": _power,
    "where": _branch,
}
