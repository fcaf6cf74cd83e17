"""How many floating-point operations a Taylor integration needs, counted by running the rules of its coefficients on numbers that only count.

Per step of order N of a system of D variables: the coefficients (counted); the state at the end, its derivative there and the right-hand side for the
check of the defect: 2 D N + 2 D N + (counted). Per sample: 2 D N for the polynomial. An addition, a multiplication or a division counts 1, a
fused multiply-add 2, a function 1. The choice of the step and copies are not counted, nor are lanes that wait for others.
"""

from collections.abc import Sequence
from typing import Any

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.expressions.expansion import expand
from chaosbench.expressions.series import series_tape


class Counting:
    """An arithmetic whose numbers are nothing and whose operations are counted."""

    def __init__(self) -> None:
        self.count = 0

    def _one(self, *_: Any) -> float:
        self.count += 1
        return 1.0

    add = sub = mul = div = select = _one

    def neg(self, a: float) -> float:
        """A change of sign goes into the instruction that uses it."""
        return a

    def fma(self, a: float, b: float, c: float) -> float:
        """A product and a sum."""
        self.count += 2
        return 1.0

    def constant(self, number: float) -> float:
        """Nothing to do at run time."""
        return number

    def inverse(self, n: int) -> float:
        """A constant."""
        return 1.0 / n

    def function(self, name: str, *args: Any) -> float:
        """An operation of the tape at order 0."""
        return self._one()


def of_coefficients(system: CompiledSystem, order: int) -> int:
    """Return the operations for the coefficients 0 .. order of every component."""
    counting = Counting()

    def leaf(node: Any, coefficients: Sequence[float] | None) -> float:
        return 1.0

    expand(counting, series_tape(system.tape), order, [1.0] * system.dimension, leaf)
    return counting.count


def of_step(system: CompiledSystem, order: int) -> int:
    """Return the operations of one step, see the formula above."""
    return of_coefficients(system, order) + 4 * system.dimension * order + of_coefficients(system, 0)


def of_sample(system: CompiledSystem, order: int) -> int:
    """Return the operations of one sample."""
    return 2 * system.dimension * order
