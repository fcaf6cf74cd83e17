"""Double-double arithmetic and functions against 60 digits of mpmath."""

import ctypes
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from chaosbench.errors import KernelError
from chaosbench.expressions.tape import BINARY, COMPARISONS, UNARY
from chaosbench.kernels.double_double import DoubleDouble, Pair, parts
from chaosbench.kernels.double_double_functions import Functions
from chaosbench.kernels.double_double_operations import ExtendedArithmetic
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.target import compile_assembly, load_object, processor

DIGITS = 60
BOUND = 2.0**-98

MPMATH: dict[str, Callable] = {
    **{name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    **{"neg": lambda a: -a, "abs": abs, "sign": mpmath.sign, "floor": mpmath.floor, "min": min, "max": max},
    **{"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b},
    **{"pow": mpmath.power, "mod": lambda a, m: a - m * mpmath.floor(a / m)},
}


def compiled(write: Callable[[ExtendedArithmetic, list[Pair]], Sequence[Pair]], arguments: int, width: int = 8) -> Callable[..., np.ndarray]:
    """Return f(pairs (arguments, 2, n)) -> (results, 2, n) of code written for `width` lanes."""
    assembly = Assembly()
    w = Writer(assembly, "value", KERNEL_POINTERS)
    d = ExtendedArithmetic(w, width, Functions(assembly, width), "%work")
    results = list(write(d, [d.load("%u", k) for k in range(arguments)]))
    for k, result in enumerate(results):
        d.store(result, "%out", k)
    w.finish()
    loaded = load_object(compile_assembly(assembly.text(), processor()), ("value",))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(loaded.addresses[0])

    def run(pairs: np.ndarray) -> np.ndarray:
        n = pairs.shape[2]
        found = np.empty((len(results), 2, n))
        out, work, zero = np.zeros((len(results), 2, width)), np.zeros(Functions.memory(width)), np.zeros(1)
        for start in range(0, n, width):
            lanes = [min(start + k, n - 1) for k in range(width)]
            u = np.ascontiguousarray(pairs[:, :, lanes])
            function(*(array.ctypes.data for array in (u, zero, zero, zero, work, out)))
            assert loaded.library is not None
            kept = min(width, n - start)
            found[:, :, start : start + kept] = out[:, :, :kept]
        return found

    return run


def operation(name: str, width: int = 8) -> Callable[..., np.ndarray]:
    def write(d: ExtendedArithmetic, arguments: list[Pair]) -> list[Pair]:
        if name in COMPARISONS:
            return [d.select(d.function(name, *arguments), d.constant(1.0), d.constant(0.0))]
        return [d.function(name, *arguments)]

    return compiled(write, 1 if name in UNARY else 2, width)


def pairs_of(numbers: Sequence) -> np.ndarray:
    """(2, n): each number rounded to double-double."""
    with mpmath.workdps(DIGITS):
        high = [float(number) for number in numbers]
        return np.array([high, [float(mpmath.mpf(number) - first) for number, first in zip(numbers, high, strict=True)]])


def exact(pair: np.ndarray) -> "mpmath.mpf":
    return mpmath.mpf(float(pair[0])) + mpmath.mpf(float(pair[1]))


def random_numbers(seed: int, n: int, low: float, high: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return pairs_of([mpmath.mpf(a) + mpmath.mpf(b) * 2.0**-53 for a, b in zip(rng.uniform(low, high, n), rng.uniform(-1, 1, n), strict=True)])


RANGES: dict[str, list[tuple[tuple[float, float], ...]]] = {
    **{
        name: [((-3.0, 3.0), (0.5, 2.0)), ((-1e-9, 1e9), (-1e8, 1e-3))]
        for name in ("add", "sub", "mul", "div", "min", "max", "mod", "lt", "le", "gt", "ge")
    },
    **{name: [((-4.0, 4.0),), ((-1e-3, 1e-3),), ((-1e6, 1e6),)] for name in ("neg", "abs", "sign", "floor", "sin", "cos", "tan", "atan")},
    **{name: [((-1.0, 1.0),), ((-1e-3, 1e-3),), ((0.999, 1.0),)] for name in ("asin", "acos")},
    **{name: [((-4.0, 4.0),), ((-1e-3, 1e-3),), ((-600.0, 600.0),)] for name in ("exp", "sinh", "cosh", "tanh")},
    "sqrt": [((0.0, 4.0),), ((0.0, 1e-200),), ((1e9, 1e300),)],
    "log": [((0.0, 4.0),), ((0.999, 1.001),), ((1e9, 1e300),), ((0.0, 1e-200),)],
    "atan2": [((-3.0, 3.0), (-3.0, 3.0)), ((-1e-9, 1e-9), (-1.0, 1.0)), ((-1.0, 1.0), (-1e-9, 1e-9))],
    "pow": [((0.0, 4.0), (-3.0, 3.0)), ((0.9, 1.1), (-600.0, 600.0)), ((1e-3, 1e3), (0.1, 10.0))],
}


def scale_of(name: str, arguments: Sequence, value: "mpmath.mpf") -> "mpmath.mpf":
    """What an error is measured against: the value, or what a relative change of an argument does to it."""
    if name in {"sin", "cos", "tan"}:
        slope = mpmath.diff(MPMATH[name], arguments[0])
        return max(abs(value), abs(arguments[0] * slope))
    if name in {"asin", "acos"}:
        return max(abs(value), abs(arguments[0]) / mpmath.sqrt(1 - arguments[0] ** 2))
    if name == "log":
        return max(abs(value), mpmath.mpf(1))
    if name in {"exp", "sinh", "cosh"}:
        return abs(value) * max(1, abs(arguments[0]))
    if name == "pow":
        exponent, logarithm = arguments[1], mpmath.log(arguments[0])
        return abs(value) * max(1, abs(exponent), abs(exponent * logarithm))
    if name in {"add", "sub"}:
        return abs(value)
    if name == "mod":
        return max(abs(value), abs(arguments[0]))
    return abs(value)


@pytest.mark.parametrize("name", sorted(UNARY | BINARY | COMPARISONS))
def test_every_operation_is_right_to_thirty_digits(name: str) -> None:
    run = operation(name)
    with mpmath.workdps(DIGITS):
        for number, ranges in enumerate(RANGES[name]):
            arguments = np.stack([random_numbers(10 * number + k, 100, *bounds) for k, bounds in enumerate(ranges)])
            found = run(arguments)[0]
            worst = mpmath.mpf(0)
            for k in range(arguments.shape[2]):
                values = [exact(arguments[a, :, k]) for a in range(len(arguments))]
                if name in COMPARISONS:
                    assert found[0, k] == float({"lt": values[0] < values[1], "le": values[0] <= values[1]}.get(name, values[0] > values[1]))
                    continue
                wanted = MPMATH[name](*values)
                error = abs(exact(found[:, k]) - wanted)
                worst = max(worst, error / scale_of(name, values, wanted) if error else mpmath.mpf(0))
            assert worst < BOUND, f"{name} on {ranges}: error 2^{float(mpmath.log(worst, 2)):.1f}"


def rounding(write: Callable[[DoubleDouble, list[Pair]], Pair], wanted: Callable, seed: int) -> float:
    """The largest relative error in units of u^2 = 2^-106, over arguments of very different sizes."""
    run = compiled(lambda d, a: [write(d, a)], 2)
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (2, 4000))
    sizes = 2.0 ** rng.integers(-8, 8, (2, 4000)) * rng.uniform(1, 2, (2, 4000)) * signs
    lows = sizes * rng.uniform(-1, 1, (2, 4000)) * 2.0**-53
    highs = sizes + lows
    arguments = np.stack([highs, lows - (highs - sizes)], axis=1)
    found = run(arguments)[0]
    worst = Fraction(0)
    for k in range(4000):
        a, b = (Fraction(arguments[n, 0, k]) + Fraction(arguments[n, 1, k]) for n in range(2))
        truth = wanted(a, b)
        worst = max(worst, abs((Fraction(found[0, k]) + Fraction(found[1, k]) - truth) / truth))
    return float(worst * 2**106)


def test_rounding_errors_keep_the_proved_bounds() -> None:
    """3 u^2, 4 u^2 and 10 u^2 are proved; errors of a tenth of that must occur, or the measurement is blind."""
    assert 0.5 < rounding(lambda d, a: d.add(*a), lambda a, b: a + b, 0) < 3.0
    assert 1.0 < rounding(lambda d, a: d.mul(*a), lambda a, b: a * b, 1) < 4.0
    assert 1.0 < rounding(lambda d, a: d.div(*a), lambda a, b: a / b, 2) < 10.0


def test_constants_are_split_exactly() -> None:
    assert parts(Fraction(1, 2)) == (0.5, 0.0)
    high, low = parts(Fraction(1, 3))
    assert abs(Fraction(high) + Fraction(low) - Fraction(1, 3)) < Fraction(1, 3) / 2**106
    run = compiled(lambda d, a: [d.inverse(n) for n in range(1, 40)], 1)
    found = run(np.zeros((1, 2, 1)))
    for n in range(1, 40):
        assert abs(Fraction(found[n - 1, 0, 0]) + Fraction(found[n - 1, 1, 0]) - Fraction(1, n)) <= Fraction(1, n) / 2**104


def test_results_do_not_depend_on_the_number_of_lanes() -> None:
    for name in ("pow", "atan2", "mod"):
        arguments = np.stack([random_numbers(k, 13, 0.1, 3.0) for k in range(2)])
        np.testing.assert_array_equal(operation(name, 1)(arguments), operation(name, 8)(arguments))


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("exp", (-1000.0,), 0.0),
        ("exp", (0.0,), 1.0),
        ("tanh", (1e9,), 1.0),
        ("tanh", (-1e9,), -1.0),
        ("sqrt", (0.0,), 0.0),
        ("sin", (0.0,), 0.0),
        ("atan2", (0.0, 0.0), 0.0),
        ("atan2", (0.0, -1.0), math.pi),
        ("floor", (-0.5,), -1.0),
        ("sign", (0.0,), 0.0),
        ("mod", (-1.0, 3.0), 2.0),
        ("mod", (1.0, -3.0), -2.0),
        ("mod", (3.0, 3.0), 0.0),
        ("pow", (0.0, 2.5), 0.0),
        ("pow", (0.0, 0.0), 1.0),
        ("pow", (-2.0, 3.0), -8.0),
        ("min", (1.0, 2.0), 1.0),
        ("max", (1.0, 2.0), 2.0),
    ],
)
def test_special_arguments(name: str, arguments: tuple[float, ...], wanted: float) -> None:
    found = operation(name, 1)(np.array([[[a], [0.0]] for a in arguments]))[0, 0, 0]
    assert found == pytest.approx(wanted, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(("name", "arguments"), [("sqrt", (-1.0,)), ("log", (-1.0,)), ("asin", (1.5,)), ("pow", (-2.0, 0.5)), ("div", (0.0, 0.0))])
def test_what_does_not_exist_is_not_a_number(name: str, arguments: tuple[float, ...]) -> None:
    assert np.isnan(operation(name, 1)(np.array([[[a], [0.0]] for a in arguments]))[0, 0, 0])


@pytest.mark.parametrize("name", sorted(UNARY | {"add", "mul", "div", "pow", "atan2", "mod", "min", "max"}))
def test_not_a_number_stays(name: str) -> None:
    count = 1 if name in UNARY else 2
    assert np.isnan(operation(name, 1)(np.array([[[np.nan], [0.0]]] + [[[1.0], [0.0]]] * (count - 1)))[0, 0, 0])


def test_the_low_part_decides_comparisons_and_floors() -> None:
    arguments = np.array([[[1.0], [-1e-20]], [[1.0], [0.0]]])
    assert operation("lt", 1)(arguments)[0, 0, 0] == 1.0
    assert operation("ge", 1)(arguments)[0, 0, 0] == 0.0
    assert operation("floor", 1)(arguments[:1])[0, :, 0].tolist() == [0.0, 0.0]


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(KernelError, match="operation 'gamma' is not known in double-double arithmetic"):
        compiled(lambda d, a: [d.function("gamma", *a)], 1)
