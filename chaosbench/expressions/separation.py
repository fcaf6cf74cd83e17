"""Sums over cells taken apart: what depends on i alone goes out of sum(j, ...), so that a sum for every cell becomes a few sums for all of them.

    sum(j, sin(x[j] - x[i]))  =  cos(x[i])*sum(j, sin(x[j])) - sin(x[i])*sum(j, cos(x[j]))

Products, quotients, sums, and the sine and cosine of a sum are taken apart where that leaves fewer functions and products of changing numbers for
every pair of cells. The result is the same up to the rounding of the terms that the sum is taken apart into.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from chaosbench.expressions.assemble import TapeBuilder, pruned
from chaosbench.expressions.tape import COMPARISONS, LEAVES, Node, Tape

_MOST = 8  # terms of one sum
# What costs no sum over lower orders in a Taylor series.
_LIGHT = frozenset({"add", "sub", "neg", "where", "min", "max", "abs", "sign", "floor"}) | COMPARISONS | LEAVES
_STILL = frozenset({"constant", "index", "parameter"})


class Term(NamedTuple):
    """A signed product: `factor` does not depend on j, `body` is what is left inside the sum; None is 1."""

    factor: int | None
    body: int | None
    negative: bool = False


def separated(tape: Tape) -> Tape:
    """Return a tape with the same outputs whose sums over pairs of cells are taken apart where that saves work."""
    if not any(node.op == "sum" and node.axes for node in tape.nodes):
        return tape
    separator = _Separator(tape.size)
    places: list[int] = []
    for node in tape.nodes:
        places.append(separator.place(node, [places[a] for a in node.args]))
    tangents = tape.tangent_outputs or ()
    nodes, wanted = pruned(separator.builder.nodes, [places[n] for n in (*tape.outputs, *tangents)])
    count = len(tape.outputs)
    return replace(tape, nodes=nodes, outputs=wanted[:count], tangent_outputs=None if tape.tangent_outputs is None else wanted[count:])


class _Separator:
    def __init__(self, size: int) -> None:
        self.builder = TapeBuilder(size)
        self._terms: dict[int, list[Term]] = {}
        self._moves: list[bool] = []

    def place(self, node: Node, args: Sequence[int]) -> int:
        """Write a node and return its position."""
        if node.op == "constant":
            return self.builder.constant(node.value)
        if not args:
            return self.builder.leaf(node.op, slot=node.slot, offset=node.offset, axes=node.axes)
        if node.op == "sum" and node.axes:
            return self._sum(args[0])
        return self.builder.apply(node.op, *args)

    def _sum(self, body: int) -> int:
        terms = self._taken_apart(body)
        if self._work([body]) <= self._work(term.body for term in terms if term.body is not None):
            return self.builder.apply("sum", body)
        return self._added(Term(term.factor, self.builder.apply("sum", self._product(None, term.body)), term.negative) for term in terms)

    def _product(self, a: int | None, b: int | None) -> int:
        """Write a product of which either factor may be 1."""
        if a is None or b is None:
            found = b if a is None else a
            return self.builder.constant(1.0) if found is None else found
        return self.builder.apply("mul", a, b)

    def _taken_apart(self, n: int) -> list[Term]:
        """Return terms of which a node is the sum; many are not worth it."""
        if n not in self._terms:
            found = self._apart(n)
            self._terms[n] = found if len(found) <= _MOST else [Term(None, n)]
        return self._terms[n]

    def _apart(self, n: int) -> list[Term]:
        node = self.builder.nodes[n]
        if node.axes in {"", "i"}:
            return [Term(n, None)]
        if node.axes == "j" or not node.args:
            return [Term(None, n)]
        if node.op in {"add", "sub", "neg"}:
            parts = [self._taken_apart(a) for a in node.args]
            if node.op != "add":
                parts[-1] = [term._replace(negative=not term.negative) for term in parts[-1]]
            return [term for part in parts for term in part]
        if node.op == "mul":
            return [self._times(a, b) for a, b in product(*(self._taken_apart(a) for a in node.args))]
        if node.op == "div" and self.builder.nodes[node.args[1]].axes != "ij":
            return [self._over(term, node.args[1]) for term in self._taken_apart(node.args[0])]
        if node.op in {"sin", "cos"}:
            return self._of_a_sum(n, node)
        return [Term(None, n)]

    def _times(self, a: Term, b: Term) -> Term:
        factor = None if a.factor is None and b.factor is None else self._product(a.factor, b.factor)
        body = None if a.body is None and b.body is None else self._product(a.body, b.body)
        return Term(factor, body, a.negative != b.negative)

    def _over(self, term: Term, divisor: int) -> Term:
        if self.builder.nodes[divisor].axes == "j":
            return term._replace(body=self.builder.apply("div", self._product(term.body, None), divisor))
        return term._replace(factor=self.builder.apply("div", self._product(term.factor, None), divisor))

    def _of_a_sum(self, n: int, node: Node) -> list[Term]:
        """Return the sine or cosine of a(i) + b(j) as products of sines and cosines of each."""
        terms = self._taken_apart(node.args[0])
        over_i = [term for term in terms if term.body is None]
        over_j = [term for term in terms if term.body is not None]
        axes = [(self._axes(term.factor), self._axes(term.body)) for term in over_j]
        if not over_i or any(factor or body == "ij" for factor, body in axes):
            return [Term(None, n)]
        a, b = self._added(over_i), self._added(over_j)
        sin_a, cos_a, sin_b, cos_b = (self.builder.apply(name, place) for place in (a, b) for name in ("sin", "cos"))
        if node.op == "sin":
            return [Term(cos_a, sin_b), Term(sin_a, cos_b)]
        return [Term(cos_a, cos_b), Term(sin_a, sin_b, True)]

    def _axes(self, n: int | None) -> str:
        return "" if n is None else self.builder.nodes[n].axes

    def _added(self, terms: Iterable[Term]) -> int:
        """Write a sum of terms, those to subtract last."""
        total: int | None = None
        for term in sorted(terms, key=lambda term: term.negative):
            value = self._product(term.factor, term.body)
            if total is None:
                total = self.builder.apply("neg", value) if term.negative else value
            else:
                total = self.builder.apply("sub" if term.negative else "add", total, value)
        return self._product(total, None)

    def _work(self, roots: Iterable[int]) -> int:
        """Count the functions and products of changing numbers for every pair of cells."""
        nodes = self.builder.nodes
        for node in nodes[len(self._moves) :]:
            self._moves.append(any(self._moves[a] for a in node.args) if node.args else node.op not in _STILL)
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            n = stack.pop()
            if n not in seen and nodes[n].axes == "ij":
                seen.add(n)
                stack.extend(nodes[n].args)
        return sum(self._heavy(nodes[n]) for n in seen)

    def _heavy(self, node: Node) -> bool:
        moving = [self._moves[a] for a in node.args]
        if node.op in _LIGHT or not any(moving):
            return False
        return all(moving) if node.op == "mul" else moving[1] if node.op == "div" else True
