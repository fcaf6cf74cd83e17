"""Taylor expansions of the solution of x' = f(x), in any arithmetic."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chaosbench.expressions.recurrences import Arithmetic, Memo, coefficient
from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.expressions.sums import sum_coefficient, sums_of


class Expansion(NamedTuple):
    """Coefficients: of every variable's solution, and of every node, where None and what is missing at the end vanishes identically."""

    solution: list[list[Any]]
    nodes: list[list[Any]]


def expand(
    arithmetic: Arithmetic[Any], series: SeriesTape, order: int, start: Sequence[Any], leaf: Callable[[SeriesNode, Sequence[Any] | None], Any]
) -> Expansion:
    """Return the Taylor coefficients 0 .. order of every variable's solution of x' = f(x) (and with order 0 its rate as a second entry).

    start: per variable its value. leaf(node, coefficients): the value of a leaf; for a "state" leaf `coefficients` are the variables' coefficients of
    the order asked for, from which it takes one; otherwise None.
    """
    nodes, sums, variable = series.nodes, sums_of(series), {entry.start: k for k, entry in enumerate(series.tape.variables)}
    solution = [[value] for value in start]
    table: list[list[Any]] = [[] for _ in nodes]
    memo: Memo = {}

    def known(place: int, n: int) -> Any:
        return table[place][n] if n < len(table[place]) else None

    for n in range(max(order, 1)):
        current = [row[n] for row in solution]
        for place, node in enumerate(nodes):
            if node.op == "state":
                table[place].append(None if current[variable[node.slot]] is None else leaf(node, current))
            elif not node.args:
                if n == 0:
                    table[place].append(leaf(node, None))
            elif place in sums.terms:
                table[place].append(sum_coefficient(arithmetic, series, sums.terms[place], n, known, memo))
            elif place not in sums.absorbed and (n == 0 or node.moving):
                table[place].append(coefficient(arithmetic, nodes, place, n, known, memo))
        rates = [known(output, n) for output in series.outputs]
        for row, rate in zip(solution, rates, strict=True):
            row.append(following(arithmetic, rate, n))
        remember_slopes(series, rates, n, memo)
    return Expansion(filled(arithmetic, solution), table)


def filled(arithmetic: Arithmetic[Any], solution: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the coefficients with zeros for those that vanish identically."""
    zero = arithmetic.constant(0.0)
    return [[zero if value is None else value for value in row] for row in solution]


def following(arithmetic: Arithmetic[Any], rate: Any, n: int) -> Any:
    """Return coefficient n + 1 of a variable from coefficient n of its rate."""
    return rate if n == 0 or rate is None else arithmetic.mul(rate, arithmetic.inverse(n + 1))


def remember_slopes(series: SeriesTape, rates: Sequence[Any], n: int, memo: Memo) -> None:
    """Note that (n + 1) x_(n+1) of a variable is coefficient n of its rate, which functions of it ask for."""
    known = {variable.start: rate for variable, rate in zip(series.tape.variables, rates, strict=True) if rate is not None}
    for place, node in enumerate(series.nodes):
        if node.op == "state" and not node.axes and node.slot in known:
            memo["slope", place, n + 1] = known[node.slot]
