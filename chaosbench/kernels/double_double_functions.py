"""Elementary functions with about 30 digits: reductions of the argument, then Taylor polynomials, or a correction of the double's function.

Each function is written once a module and called through memory: it reads its arguments from the slots at its pointer and leaves its results there.
Slots beyond serve the functions that it calls itself.

Method: exp by reduction to |r| <= log(2) / 16 and a polynomial of degree 15 for expm1; sin and cos by reduction to |r| <= pi / 4 and polynomials of
degree 29 and 28; log, atan2 and what follows from them by one step of higher order from the double's value y0, as in
atan2 = y0 + (y c - x s) / (x c + y s).
Error: below 2^-98 times max(|f|, |x f'|), tested against 60 digits.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import factorial
from types import MappingProxyType

from chaosbench.kernels.double_double import DoubleDouble, Pair
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.values import Value, constant, whole

LOG_2 = Fraction("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715606")
HALF_PI = Fraction("1.57079632679489661923132169163975144209858469968755291048747229615390820314310449931")
_DOUBLINGS, _EXP_TERMS, _CIRCLE_TERMS = 3, 15, 14
_FRAME = 2  # slots of a call: its arguments, then its results


def _split(number: Fraction, bits: Sequence[int]) -> list[float]:
    """Return doubles of so many bits each, from the largest to the smallest, whose sum is the number."""
    found = []
    for length in bits:
        grid = Fraction(2) ** (length - _exponent(number))
        found.append(float(Fraction(round(number * grid)) / grid))
        number -= Fraction(found[-1])
    return found


def _exponent(number: Fraction) -> int:
    size, n = abs(number), 0
    while size >= 1:
        size, n = size / 2, n + 1
    while size < Fraction(1, 2):
        size, n = size * 2, n - 1
    return n


class Functions:
    """The functions written into one module so far."""

    def __init__(self, assembly: Assembly, width: int) -> None:
        self._assembly = assembly
        self._width = width
        self._written: set[str] = set()

    @staticmethod
    def memory(width: int) -> int:
        """Return the doubles that the deepest chain of calls needs at its pointer."""
        return 4 * _FRAME * 2 * width

    def call(self, w: Writer, pointer: str, name: str, *arguments: Pair) -> tuple[Pair, Pair]:
        """Call a function; returns its two results, the second one without meaning for most."""
        d = DoubleDouble(w, self._width)
        if name not in self._written:
            self._written.add(name)
            inner = Writer(self._assembly, f"dd_{name}", ("io",), internal=True)
            _FUNCTIONS[name](Frame(inner, self._width, self))
            inner.finish()
        for slot, argument in enumerate(arguments):
            d.store(argument, pointer, slot)
        w.procedure(f"dd_{name}", [pointer])
        return d.load(pointer, 0), d.load(pointer, 1)


class Frame(DoubleDouble):
    """The body of a function being written."""

    def __init__(self, w: Writer, width: int, functions: Functions) -> None:
        super().__init__(w, width)
        self._functions = functions

    def argument(self, slot: int) -> Pair:
        """Return an argument."""
        return self.load("%io", slot)

    def finish(self, *results: Pair) -> None:
        """Leave the results."""
        for slot, result in enumerate(results):
            self.store(result, "%io", slot)

    def call(self, name: str, *arguments: Pair) -> tuple[Pair, Pair]:
        """Call another function."""
        return self._functions.call(self.w, self.w.address("%io", 2 * self.width * _FRAME), name, *arguments)

    def number(self, value: float) -> Value:
        """Return a double in every lane."""
        return constant(value, self.width)

    def polynomial(self, coefficients: Sequence[Fraction], x: Pair) -> Pair:
        """Return a polynomial by Horner's rule, coefficients from the constant one."""
        total = self.rational(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.rational(coefficient))
        return total

    def less_multiple(self, x: Pair, k: Value, pieces: Sequence[float]) -> Pair:
        """Return x - k times a constant given by pieces, the largest first."""
        for piece in pieces:
            x = self.sub(x, self.two_product(k, self.number(piece)))
        return x

    def is_zero(self, x: Pair) -> Value:
        """Return whether x is zero."""
        return self.w.compare("oeq", x.high, self.number(0.0))

    def nearest(self, x: Value) -> Value:
        """Return the nearest whole number."""
        return self.w.call("floor", self.w.add(x, self.number(0.5)))

    def within(self, x: Pair, bound: float) -> Pair:
        """Return x moved into [-bound, bound]; not a number stays."""
        x = self.select(self.w.compare("ogt", x.high, self.number(bound)), self.constant(bound), x)
        return self.select(self.w.compare("olt", x.high, self.number(-bound)), self.constant(-bound), x)

    def power_of_two(self, k: Value) -> Value:
        """Return 2^k for a whole k of at most 1000 in size, given as a double."""
        w = self.w
        bits = w.integer("shl", w.convert("fptosi", w.add(k, self.number(1023.0)), "i64"), whole(52, self.width))
        return w.convert("bitcast", bits, "double")


def _exponential(f: Frame) -> None:
    """x -> exp(x), exp(x) - 1."""
    w = f.w
    x = f.within(f.argument(0), 800.0)
    k = f.nearest(w.mul(x.high, f.number(float(1 / LOG_2))))
    k = w.select(w.compare("uno", k, k), f.number(0.0), k)
    r = f.scaled(f.less_multiple(x, k, _split(LOG_2, (42, 42, 53))), 2.0**-_DOUBLINGS)
    p = f.mul(r, f.polynomial([Fraction(1, factorial(n + 1)) for n in range(_EXP_TERMS)], r))
    for _ in range(_DOUBLINGS):
        p = f.mul(p, f.add(p, f.constant(2.0)))
    half = w.call("floor", w.mul(k, f.number(0.5)))
    grown = f.add(p, f.constant(1.0))
    for part in (half, w.sub(k, half)):
        scale = f.power_of_two(part)
        grown = Pair(w.mul(grown.high, scale), w.mul(grown.low, scale))
    small = w.compare("oeq", k, f.number(0.0))
    f.finish(grown, f.select(small, p, f.sub(grown, f.constant(1.0))))


def _logarithm(f: Frame) -> None:
    """x -> log(x)."""
    w = f.w
    x = f.argument(0)
    start = w.call("log", x.high)
    root, less = f.call("exponential", f.exact(w.mul(start, f.number(-0.5))))  # the root, whose low part is no subnormal number
    one = f.constant(1.0)
    near = f.fma(x, f.mul(less, f.add(less, f.constant(2.0))), f.sub(x, one))  # x exp(-start) - 1 without cancellation
    small = w.compare("olt", w.call("fabs", start), f.number(0.3))
    t = f.select(small, near, f.sub(f.mul(f.mul(x, root), root), one))
    square = w.mul(w.mul(t.high, t.high), f.number(-0.5))
    f.finish(f.add(f.exact(start), f.add(t, f.exact(square))))


def _circle(f: Frame) -> None:
    """x -> sin(x), cos(x)."""
    w = f.w
    x = f.argument(0)
    k = f.nearest(w.mul(x.high, f.number(float(1 / HALF_PI))))
    r = f.less_multiple(x, k, _split(HALF_PI, (53, 53, 53)))
    square = f.mul(r, r)
    signs = [(-1) ** n for n in range(_CIRCLE_TERMS + 1)]
    sine = f.mul(r, f.polynomial([Fraction(sign, factorial(2 * n + 1)) for n, sign in enumerate(signs)], square))
    cosine = f.polynomial([Fraction(sign, factorial(2 * n)) for n, sign in enumerate(signs)], square)
    quarter = w.fma(w.call("floor", w.mul(k, f.number(0.25))), f.number(-4.0), k)
    odd = w.either(w.compare("oeq", quarter, f.number(1.0)), w.compare("oeq", quarter, f.number(3.0)))
    sine, cosine = f.select(odd, cosine, sine), f.select(odd, sine, cosine)
    sine_negative = w.compare("oge", quarter, f.number(2.0))
    cosine_negative = w.either(w.compare("oeq", quarter, f.number(1.0)), w.compare("oeq", quarter, f.number(2.0)))
    f.finish(f.select(sine_negative, f.neg(sine), sine), f.select(cosine_negative, f.neg(cosine), cosine))


def _tangent(f: Frame) -> None:
    """x -> tan(x)."""
    f.finish(f.div(*f.call("circle", f.argument(0))))


def _angle(f: Frame) -> None:
    """Y, x -> atan2(y, x): turn back by the double's angle, what is left is its own tangent to 1e-47."""
    y, x = f.argument(0), f.argument(1)
    start = f.w.call("atan2", y.high, x.high)
    sine, cosine = f.call("circle", f.exact(start))
    across = f.sub(f.mul(y, cosine), f.mul(x, sine))
    along = f.add(f.mul(x, cosine), f.mul(y, sine))
    correction = f.select(f.is_zero(along), f.constant(0.0), f.div(across, along))
    f.finish(f.add(f.exact(start), correction))


def _arc_tangent(f: Frame) -> None:
    """x -> atan(x)."""
    f.finish(f.call("atan2", f.argument(0), f.constant(1.0))[0])


def _arc_sine(f: Frame) -> None:
    """x -> asin(x), acos(x)."""
    x, one = f.argument(0), f.constant(1.0)
    root = f.sqrt(f.mul(f.sub(one, x), f.add(one, x)))
    f.finish(f.call("atan2", x, root)[0], f.call("atan2", root, x)[0])


def _hyperbolic(f: Frame) -> None:
    """x -> sinh(x), cosh(x)."""
    x, one = f.argument(0), f.constant(1.0)
    negative = f.w.compare("olt", x.high, f.number(0.0))
    grown, less = f.call("exponential", f.select(negative, f.neg(x), x))
    sine = f.scaled(f.add(less, f.div(less, f.add(less, one))), 0.5)
    f.finish(f.select(negative, f.neg(sine), sine), f.scaled(f.add(grown, f.div(one, grown)), 0.5))


def _hyperbolic_tangent(f: Frame) -> None:
    """x -> tanh(x)."""
    _, less = f.call("exponential", f.scaled(f.within(f.argument(0), 50.0), 2.0))
    f.finish(f.div(less, f.add(less, f.constant(2.0))))


def _power(f: Frame) -> None:
    """a, c -> a^c; of a negative number whole powers only."""
    w = f.w
    a, c = f.argument(0), f.argument(1)
    negative = w.compare("olt", a.high, f.number(0.0))
    logarithm, _ = f.call("logarithm", f.select(negative, f.neg(a), a))
    size, _ = f.call("exponential", f.mul(c, logarithm))
    half = w.mul(c.high, f.number(0.5))
    whole = w.both(w.compare("oeq", w.call("floor", c.high), c.high), w.compare("oeq", c.low, f.number(0.0)))
    even = w.compare("oeq", w.call("floor", half), half)
    signed = f.select(whole, f.select(even, size, f.neg(size)), f.constant(float("nan")))
    result = f.select(negative, signed, size)
    at_zero = f.select(w.compare("olt", c.high, f.number(0.0)), f.constant(float("inf")), f.constant(0.0))
    result = f.select(f.is_zero(a), at_zero, result)
    f.finish(f.select(f.is_zero(c), f.constant(1.0), result))


_FUNCTIONS: Mapping[str, Callable[[Frame], None]] = MappingProxyType(
    {
        "exponential": _exponential,
        "logarithm": _logarithm,
        "circle": _circle,
        "tan": _tangent,
        "atan2": _angle,
        "atan": _arc_tangent,
        "arc": _arc_sine,
        "hyperbolic": _hyperbolic,
        "tanh": _hyperbolic_tangent,
        "pow": _power,
    }
)
