"""The slow readable oracle: Taylor series of a flow, and iterations of a map, in mpmath numbers of any length.

It shares the recurrences with the package (they are tested by themselves) and nothing else: no kernel, no driver, no step control.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.expressions.expansion import expand
from chaosbench.expressions.series import SeriesNode, series_tape

FUNCTIONS: dict[str, Callable] = {
    **{name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    **{"abs": abs, "sign": mpmath.sign, "floor": mpmath.floor, "min": min, "max": max, "pow": mpmath.power},
    **{"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "neg": lambda a: -a},
    **{"lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b},
    **{"mod": lambda a, m: a - m * mpmath.floor(a / m), "where": lambda c, a, b: a if c else b},
}


class Numbers:
    """The arithmetic of mpmath, as the recurrences ask for it."""

    constant = staticmethod(mpmath.mpf)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def div(self, a: Any, b: Any) -> Any:
        return a / b

    def neg(self, a: Any) -> Any:
        return -a

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return a * b + c

    def inverse(self, n: int) -> Any:
        return mpmath.mpf(1) / n

    def select(self, condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b

    def function(self, name: str, *args: Any) -> Any:
        return FUNCTIONS[name](*args)


def polynomial(coefficients: Sequence, h: Any) -> Any:
    total = mpmath.mpf(0)
    for c in reversed(coefficients):
        total = total * h + c
    return total


def solve(system: CompiledSystem, state: Sequence, times: Sequence, *, digits: int = 50, guard: int = 8) -> list[list]:
    """Return the states at `times` as lists of mpmath numbers; a step's last term is 10^(guard - digits) of the state.

    state: numbers, or mpmath numbers to go on with. Systems without cells; parameters are the doubles of the definition.
    """
    with mpmath.workdps(digits):
        if system.definition.kind == "maps":
            return iterate(system, state, times)
        series, order = series_tape(system.tape), math.ceil((digits - guard) * math.log(10) / 2) + 1
        parameters = [mpmath.mpf(float(p)) for p in system.parameter_values]
        tolerance = mpmath.mpf(10) ** (guard - digits)

        def leaf(node: SeriesNode, coefficients: Sequence | None) -> Any:
            if node.op == "state":
                assert coefficients is not None
                return coefficients[node.slot]
            return parameters[node.slot] if node.op == "parameter" else mpmath.mpf(node.value)

        time, end = mpmath.mpf(float(times[0])), mpmath.mpf(float(times[-1]))
        current = [mpmath.mpf(x) for x in state]
        found, index = [current], 1
        while index < len(times):
            table = expand(Numbers(), series, order, current, leaf).solution
            goal = tolerance * max(abs(x) for x in current)
            room = step = end - time
            for n in (order - 1, order):
                size = max(abs(row[n]) for row in table)
                if size:
                    step = min(step, mpmath.root(goal / size, n) * mpmath.exp(-0.7 / (order - 1)))
            while index < len(times) and (step == room or mpmath.mpf(float(times[index])) <= time + step):
                found.append([polynomial(row, mpmath.mpf(float(times[index])) - time) for row in table])
                index += 1
            current = [polynomial(row, step) for row in table]
            time += step
        return found


def iterate(system: CompiledSystem, state: Sequence, times: Sequence) -> list[list]:
    series = series_tape(system.tape)
    parameters = [mpmath.mpf(float(p)) for p in system.parameter_values]

    def leaf(node: SeriesNode, coefficients: Sequence | None) -> Any:
        if node.op == "state":
            assert coefficients is not None
            return coefficients[node.slot]
        return parameters[node.slot] if node.op == "parameter" else mpmath.mpf(node.value)

    current = [mpmath.mpf(x) for x in state]
    found = {0: current}
    for n in range(1, int(times[-1] - times[0]) + 1):
        current = [row[1] for row in expand(Numbers(), series, 0, current, leaf).solution]
        found[n] = current
    return [found[int(t - times[0])] for t in times]


def doubles(states: Sequence[Sequence]) -> np.ndarray:
    return np.array([[float(x) for x in row] for row in states])
