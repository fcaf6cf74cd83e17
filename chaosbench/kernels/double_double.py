"""Arithmetic with about 32 digits in code being written: a number is the unevaluated sum of two doubles, in any number of lanes.

A double given as a number is exactly that double: the parameters and constants of a definition mean the doubles nearest to what was written, so that
every integrator solves the same equations. With u = 2^-53 the relative errors are at most 3 u^2 (sum), 4 u^2 (product) and 10 u^2 (quotient).

Source: T. J. Dekker, Numerische Mathematik 18, 224-242 (1971); M. Joldes, J.-M. Muller, V. Popescu, ACM Transactions on Mathematical Software 44,
15res:1-15res:27 (2017), algorithms 6, 12 and 18; J.-M. Muller, L. Rideau, ACM TOMS 48, 9 (2022), for the bounds.
"""

from fractions import Fraction
from typing import NamedTuple

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Index, Value, constant


class Pair(NamedTuple):
    """A number high + low with |low| at most half a unit in the last place of high."""

    high: Value
    low: Value


def parts(number: Fraction) -> tuple[float, float]:
    """Return a fraction as two doubles, right to 2^-106 of it."""
    high = float(number)
    return high, float(number - Fraction(high))


class DoubleDouble:
    """The four operations, comparisons and memory, written into one function."""

    def __init__(self, w: Writer, width: int) -> None:
        self.w = w
        self.width = width

    # numbers ----------------------------------------------------------------------------------------------------------------------

    def constant(self, number: float) -> Pair:
        """Return a double in every lane."""
        return self.exact(constant(number, self.width))

    def rational(self, number: Fraction) -> Pair:
        """Return a fraction in every lane."""
        high, low = parts(number)
        return Pair(constant(high, self.width), constant(low, self.width))

    def inverse(self, n: int) -> Pair:
        """Return 1 / n."""
        return self.rational(Fraction(1, n))

    def exact(self, value: Value) -> Pair:
        """Return doubles as numbers."""
        return Pair(value, constant(0.0, self.width))

    def load(self, base: str, slot: int, *indices: Index) -> Pair:
        """Read the number `slot` from memory: all high parts, then all low parts."""
        at = 2 * self.width * slot
        return Pair(*(self.w.load(base, at + part * self.width, *indices, width=self.width) for part in range(2)))

    def store(self, value: Pair, base: str, slot: int, *indices: Index) -> None:
        """Write a number to memory."""
        for part in range(2):
            self.w.store(value[part], base, 2 * self.width * slot + part * self.width, *indices)

    # sums and products without error ----------------------------------------------------------------------------------------------

    def two_sum(self, a: Value, b: Value) -> Pair:
        """Return a + b without error."""
        w = self.w
        total = w.add(a, b)
        part = w.sub(total, a)
        return Pair(total, w.add(w.sub(a, w.sub(total, part)), w.sub(b, part)))

    def fast_two_sum(self, a: Value, b: Value) -> Pair:
        """Return a + b without error if |a| >= |b|."""
        total = self.w.add(a, b)
        return Pair(total, self.w.sub(b, self.w.sub(total, a)))

    def two_product(self, a: Value, b: Value) -> Pair:
        """Return a b without error."""
        product = self.w.mul(a, b)
        return Pair(product, self.w.fma(a, b, self.w.neg(product)))

    # arithmetic -------------------------------------------------------------------------------------------------------------------

    def add(self, a: Pair, b: Pair) -> Pair:
        """Return a + b."""
        w = self.w
        high, low = self.two_sum(a.high, b.high), self.two_sum(a.low, b.low)
        middle = self.fast_two_sum(high.high, w.add(high.low, low.high))
        return self.fast_two_sum(middle.high, w.add(low.low, middle.low))

    def sub(self, a: Pair, b: Pair) -> Pair:
        """Return a - b."""
        return self.add(a, self.neg(b))

    def neg(self, a: Pair) -> Pair:
        """Return -a."""
        return Pair(self.w.neg(a.high), self.w.neg(a.low))

    def mul(self, a: Pair, b: Pair) -> Pair:
        """Return a b."""
        return self.fast_two_sum(*self.raw_product(a, b))

    def raw_product(self, a: Pair, b: Pair) -> Pair:
        """Return a b, its low part not yet below half a unit in the last place of the high one."""
        w = self.w
        product = self.two_product(a.high, b.high)
        cross = w.fma(a.low, b.high, w.fma(a.high, b.low, w.mul(a.low, b.low)))
        return Pair(product.high, w.add(product.low, cross))

    def fma(self, a: Pair, b: Pair, c: Pair) -> Pair:
        """Return a b + c."""
        return self.add(self.mul(a, b), c)

    def scaled(self, a: Pair, factor: float) -> Pair:
        """Return a times a power of two."""
        number = constant(factor, self.width)
        return Pair(self.w.mul(a.high, number), self.w.mul(a.low, number))

    def div(self, a: Pair, b: Pair) -> Pair:
        """Return a / b."""
        w, one = self.w, constant(1.0, self.width)
        start = w.div(one, b.high)
        rest = self.fast_two_sum(w.fma(w.neg(b.high), start, one), w.neg(w.mul(b.low, start)))
        inverse = self.add(self.mul(rest, self.exact(start)), self.exact(start))
        return self.mul(a, inverse)

    def sqrt(self, a: Pair) -> Pair:
        """Return the square root: one step of Newton's method from that of the high part."""
        w = self.w
        root = w.call("sqrt", a.high)
        rest = self.sub(a, self.two_product(root, root))
        correction = w.div(rest.high, w.add(root, root))
        return self.select(w.compare("oeq", root, constant(0.0, self.width)), self.exact(root), self.fast_two_sum(root, correction))

    # comparisons ------------------------------------------------------------------------------------------------------------------

    def compare(self, predicate: str, a: Pair, b: Pair) -> Value:
        """Return whether a is "olt", "ole", "ogt" or "oge" b: the high parts decide unless they are equal."""
        w = self.w
        strict = predicate[:2] + "t"
        equal = w.both(w.compare("oeq", a.high, b.high), w.compare(predicate, a.low, b.low))
        return w.either(w.compare(strict, a.high, b.high), equal)

    def select(self, condition: Value, a: Pair, b: Pair) -> Pair:
        """Return a where the condition holds, else b."""
        return Pair(self.w.select(condition, a.high, b.high), self.w.select(condition, a.low, b.low))
