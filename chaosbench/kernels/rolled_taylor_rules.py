"""The rules of Taylor coefficients in memory: reciprocals are not taken again in every order."""

from collections.abc import Callable, Sequence
from typing import Any

from chaosbench.expressions.recurrences import Coefficients, Rule
from chaosbench.expressions.series import SeriesNode
from chaosbench.kernels.taylor import VectorArithmetic
from chaosbench.kernels.values import Value

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
