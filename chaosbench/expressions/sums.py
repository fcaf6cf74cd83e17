"""Sums of products in a series tape, added up in one chain of fused operations.

A sum takes in the products and sums that nothing else uses; their series are not kept. Products whose factors have been known for long come
first, so that the chain waits for the newest coefficients only at its end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chaosbench.expressions.series import SeriesTape


class Term(NamedTuple):
    """A part of a sum: a series, or with g the product of two (the square of one); `negative` takes it away."""

    negative: bool
    f: int
    g: int | None = None


@dataclass(frozen=True)
class Sums:
    """The terms of every sum that takes in a product, and the nodes that are taken in."""

    terms: Mapping[int, Sequence[Term]]
    absorbed: frozenset[int]


def sums_of(series: SeriesTape, group: Sequence[bool] | None = None) -> Sums:
    """Return the sums of a tape without cells; with `group` a sum takes in only nodes that agree with it there."""
    nodes = series.nodes
    of_group = [False] * len(nodes) if group is None else group
    uses = Counter(a for node in nodes for a in node.args) + Counter(series.outputs)
    sums: dict[int, Sequence[Term]] = {}
    absorbed: set[int] = set()

    def parts(place: int, negative: bool, kind: bool) -> tuple[list[Term], set[int]]:
        node, alone = nodes[place], ([Term(negative, place)], set[int]())
        if uses[place] > 1 or not node.moving or of_group[place] != kind:
            return alone
        if node.op in {"mul", "square"}:
            return [Term(negative, node.args[0], node.args[-1])], {place}
        terms, taken = inside(place, negative, kind)
        return (terms, taken | {place}) if taken else alone

    def inside(place: int, negative: bool, kind: bool) -> tuple[list[Term], set[int]]:
        op, args = nodes[place].op, nodes[place].args
        if op not in {"add", "sub", "neg"}:
            return [], set()
        signs = [not negative] if op == "neg" else [negative, negative != (op == "sub")]
        found = [parts(a, sign, kind) for a, sign in zip(args, signs, strict=True)]
        return [term for terms, _ in found for term in terms], set().union(*(taken for _, taken in found))

    if not any(node.axes for node in nodes):
        for place in reversed(range(len(nodes))):  # the last sum takes in those inside it
            if place not in absorbed and nodes[place].moving:
                terms, taken = inside(place, False, of_group[place])
                if taken:
                    sums[place], absorbed = terms, absorbed | taken
    return Sums(sums, frozenset(absorbed))


def sum_coefficient(arithmetic: Any, series: SeriesTape, terms: Sequence[Term], n: int, known: Any, memo: dict[tuple[str, int, int], Any]) -> Any:
    """Return coefficient n of a sum, None if it vanishes identically; `memo` as in `recurrences.coefficient`."""
    a, pairs = arithmetic, []
    for negative, f, g in terms:
        if g is not None:
            pairs += [(max(j, n - j), negative, x, y) for j, x, y in _products(a, series, f, g, n, known, memo)]
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


def _products(a: Any, series: SeriesTape, f: int, g: int, n: int, known: Any, memo: dict[tuple[str, int, int], Any]) -> list[tuple[int, Any, Any]]:
    """The factors (j, f_j, g_(n-j)) of coefficient n of a product; of a square each pair once, with one factor doubled."""
    if not series.nodes[f].moving:
        return [(n, known(f, 0), known(g, n))]
    if not series.nodes[g].moving:
        return [(n, known(f, n), known(g, 0))]
    if f != g:
        return [(j, known(f, j), known(g, n - j)) for j in range(n + 1)]
    found = []
    for j in range((n + 1) // 2):
        value = known(f, j)
        if value is not None and ("twice", f, j) not in memo:
            memo["twice", f, j] = a.add(value, value)
        found.append((j, memo.get(("twice", f, j)), known(f, n - j)))
    return [*found, (n // 2, known(f, n // 2), known(f, n // 2))] if n % 2 == 0 else found
