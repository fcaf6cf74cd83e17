"""Taylor recurrences: every function against mpmath's numerical Taylor series, in 40 digits."""

import math
import operator
from typing import Any

import mpmath
import pytest

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.expressions.expansion import expand
from chaosbench.expressions.series import SeriesNode, series_tape
from chaosbench.expressions.sums import sums_of

ORDER = 9
START = "0.3"
EXPONENT = 2.5
_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow", "neg": "neg", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}


class Digits:
    """The arithmetic of mpmath numbers."""

    constant = staticmethod(mpmath.mpf)
    add, sub, mul, div, neg = (staticmethod(getattr(operator, name)) for name in ("add", "sub", "mul", "truediv", "neg"))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return a * b + c

    def inverse(self, n: int) -> Any:
        return mpmath.mpf(1) / n

    def select(self, condition: bool, a: Any, b: Any) -> Any:
        return a if condition else b

    def function(self, name: str, *args: Any) -> Any:
        function = getattr(operator, _OPERATORS[name]) if name in _OPERATORS else getattr(mpmath, name)
        return function(*args)


def leaf(node: SeriesNode, coefficients: Any) -> Any:
    if node.op == "state":
        return coefficients[node.slot]
    return mpmath.mpf(node.value if node.op == "constant" else EXPONENT)


def coefficients(text: str) -> list[Any]:
    """The series of the expression at y = 0.3 + t, from the equations y' = 1, x' = expression."""
    system = compile_system(system_from({"y": "1", "x": text}, parameters={"k": EXPONENT} if "k" in text else {}))
    solution = expand(Digits(), series_tape(system.tape), ORDER, [mpmath.mpf(START), mpmath.mpf(0)], leaf).solution
    return [solution[1][n + 1] * (n + 1) for n in range(ORDER)]


@pytest.fixture(autouse=True)
def forty_digits() -> Any:
    with mpmath.workdps(40):
        yield


CASES = {
    "sin(y)*cos(2*y)": lambda y: mpmath.sin(y) * mpmath.cos(2 * y),
    "exp(-y*y)": lambda y: mpmath.exp(-y * y),
    "exp(y) + exp(y)*y": lambda y: mpmath.exp(y) * (1 + y),
    "tan(y) + tanh(3*y)": lambda y: mpmath.tan(y) + mpmath.tanh(3 * y),
    "tan(sin(y)) - tan(sin(y))**2": lambda y: mpmath.tan(mpmath.sin(y)) * (1 - mpmath.tan(mpmath.sin(y))),
    "log(1 + y)": lambda y: mpmath.log(1 + y),
    "atan(2*y)": lambda y: mpmath.atan(2 * y),
    "asin(y)*acos(y*y)": lambda y: mpmath.asin(y) * mpmath.acos(y * y),
    "atan2(y - 1, y*y - 2)": lambda y: mpmath.atan2(y - 1, y * y - 2),
    "atan2(y, y)": lambda y: mpmath.pi / 4,
    "sinh(y)*cosh(y)": lambda y: mpmath.sinh(y) * mpmath.cosh(y),
    "sqrt(1 + y)": lambda y: mpmath.sqrt(1 + y),
    "(1 + y)**k": lambda y: (1 + y) ** 2.5,
    "(1 + y)**(-1.5)": lambda y: (1 + y) ** -1.5,
    "(1 + y)**y": lambda y: (1 + y) ** y,
    "k**y": lambda y: mpmath.mpf(2.5) ** y,
    "1/(1 + y**3)": lambda y: 1 / (1 + y**3),
    "y/k - k/y": lambda y: y / 2.5 - 2.5 / y,
    "abs(y - 1)*y": lambda y: (1 - y) * y,
    "min(y, y*y) + max(y, y*y)": lambda y: y * y + y,
    "where(y < 1, sin(y), y)": lambda y: mpmath.sin(y),
    "sign(y - 1)*y + floor(y + 2)*y": lambda y: -y + 2 * y,
    "(7*y) % 2": lambda y: 7 * y - 2,
    "(7 - y) % (3 + y)": lambda y: (7 - y) - 2 * (3 + y),
}


@pytest.mark.parametrize("text", CASES)
def test_coefficients_are_those_of_the_function(text: str) -> None:
    expected = mpmath.taylor(CASES[text], mpmath.mpf(START), ORDER - 1)
    for found, wanted in zip(coefficients(text), expected, strict=True):
        assert abs(found - wanted) <= 1e-16 * (1 + abs(wanted))  # 1/n, 2.5 and -1.5 are doubles, all else has 40 digits; taylor() has 20


def test_the_exponential_equation_gives_the_exponential_series() -> None:
    """x' = x from 1: the coefficients are 1 / n!."""
    system = compile_system(system_from({"x": "x"}))
    [row] = expand(Digits(), series_tape(system.tape), 12, [mpmath.mpf(1)], leaf).solution
    assert all(abs(value * math.factorial(n) - 1) < 1e-38 for n, value in enumerate(row))


def test_what_decides_a_branch_is_listed_once() -> None:
    tape = compile_system(system_from({"x": "where(x < 1, abs(y), 2) + floor(y)", "y": "sign(x) + max(x, y)"})).tape
    series = series_tape(tape)
    assert len(series.switches) == 5
    assert sum(switch.whole for switch in series.switches) == 1


def test_companions_are_shared() -> None:
    """sin(y) and cos(y) stand once each, tan(y) brings 1 + tan(y)^2, exp(y) nothing."""
    tape = compile_system(system_from({"y": "sin(y) + cos(y)*sin(y) + tan(y) + exp(y)*exp(y)"})).tape
    functions = [node.function for node in series_tape(tape).nodes if node.op == "along"]
    assert sorted(functions) == ["cos", "exp", "sin", "tan"]


def test_constants_and_signs_leave_products() -> None:
    """b*x*z, -x*z and x*(c*z) all need the series of x*z alone."""
    tape = compile_system(system_from({"x": "b*x*z - x*z", "z": "x*(c*z) + (-x)*z"}, parameters={"b": 4.0, "c": 2.0})).tape
    products = [node for node in series_tape(tape).nodes if node.op in {"mul", "square"} and node.moving]
    assert sum(all(series_tape(tape).nodes[a].moving for a in node.args) for node in products) == 1


def test_sums_take_in_what_nothing_else_uses() -> None:
    """x' = k*x*y - y**2 is one chain; x*y, which y' uses as well, keeps its series."""
    series = series_tape(compile_system(system_from({"x": "k*x*y - y**2 + x", "y": "x*y"}, parameters={"k": 2.0})).tape)
    sums = sums_of(series)
    assert [len(terms) for terms in sums.terms.values()] == [3]
    assert {series.nodes[place].op for place in sums.absorbed} == {"mul", "sub", "square"}
