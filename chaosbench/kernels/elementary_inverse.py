"""The inverse trigonometric functions.

Method: the angle of a point (x, y) is brought into the first octant by exchanging the coordinates, and below pi/8 by turning the point by pi/4,
which makes its coordinates y - x and y + x, both kept in two parts; one division, corrected, and an odd minimax polynomial. Whole multiples of
pi/4 are added at the end. The arcsine is an odd minimax polynomial up to 1/2, and from there pi/2 - 2 asin(sqrt((1 - x)/2)), with the root in two
parts.

Error: below 0.8 units in the last place, one unit where the result is subnormal; measured in tests/kernels/test_elementary.py.

Source: W. J. Cody, W. Waite, Software Manual for the Elementary Functions (1980); J.-M. Muller, Elementary Functions, 3rd ed. (2016), chapters 3
and 11.
"""

import math
from collections.abc import Container
from typing import NamedTuple

from chaosbench.kernels.elementary_coefficients import ARCSINE, ARCTANGENT, QUARTER_PI
from chaosbench.kernels.elementary_writer import FunctionWriter, Pair
from chaosbench.kernels.values import Value, whole

_TANGENT_OF_EIGHTH = math.sqrt(2.0) - 1.0


def write_arctangent(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write atan."""
    [x] = f.arguments
    largest = f.number(2.0**1000)
    size = f.call("fabs", x)
    size = f.select(f.compare("ogt", size, largest), largest, size)  # infinity would leave an undefined remainder
    return [f.with_sign(_angle(f, size, f.number(1.0), None), f.sign_of(x))]


def write_arctangent_of_two(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write atan2."""
    y, x = f.arguments
    height, width = _in_range(f, f.call("fabs", y), f.call("fabs", x))
    angle = f.with_sign(_angle(f, height, width, f.sign_of(x)), f.sign_of(y))
    return [f.select(f.compare("uno", x, y), f.number(math.nan), angle)]


def _angle(f: FunctionWriter, y: Value, x: Value, left: Value | None) -> Value:
    """The angle of (x, y), or of (-x, y) where the sign bit of `left` is set; x and y not negative."""
    steep = f.compare("ogt", y, x)
    near, far = f.select(steep, x, y), f.select(steep, y, x)
    turned = f.compare("ogt", near, f.mul(far, f.number(_TANGENT_OF_EIGHTH)))
    less, less_lost = f.ordered_sum(f.neg(far), near)
    more, more_lost = f.ordered_sum(far, near)
    zero = f.number(0.0)
    above = f.select(turned, less, near), f.select(turned, less_lost, zero)
    below = f.select(turned, more, far), f.select(turned, more_lost, zero)
    ratio, excess = f.quotient(above, below)
    square = f.mul(ratio, ratio)
    rest = f.fma(square, f.fma(ratio, f.polynomial(square, ARCTANGENT), excess), f.neg(excess))
    # The angle is count * pi/4 plus or minus that of the ratio.
    count = f.select(turned, f.number(1.0), zero)
    count = f.select(steep, f.sub(f.number(2.0), count), count)
    sign = f.bits(f.select(steep, f.number(-0.0), zero))
    if left is not None:
        count = f.select(f.compare_integers("slt", left, whole(0, f.width)), f.sub(f.number(4.0), count), count)
        sign = f.integer("xor", sign, left)
    return _from_quarters(f, count, (f.with_sign(ratio, sign), f.with_sign(rest, sign)))


def _from_quarters(f: FunctionWriter, count: Value, angle: Pair) -> Value:
    """The sum of count * pi/4, which is zero or the larger one, and an angle in two parts."""
    lead, lost = f.ordered_sum(f.mul(count, f.number(QUARTER_PI[0])), angle[0])
    return f.add(lead, f.add(lost, f.fma(count, f.number(QUARTER_PI[1]), angle[1])))


class _Arcsine(NamedTuple):
    """asin |x| in two parts where |x| <= 1/2, else that of sqrt((1 - |x|)/2)."""

    large: Value
    lead: Value
    rest: Value


def _arcsine(f: FunctionWriter) -> _Arcsine:
    [x] = f.arguments
    half, zero = f.number(0.5), f.number(0.0)
    size = f.call("fabs", x)
    large = f.compare("ogt", size, half)
    square = f.select(large, f.fma(f.neg(half), size, half), f.mul(size, size))
    root = f.call("sqrt", square)
    lead = f.select(large, root, size)
    divisor = f.select(f.compare("oeq", root, zero), half, root)
    low = f.div(f.mul(half, f.fma(f.neg(root), root, square)), divisor)
    return _Arcsine(large, lead, f.fma(f.mul(lead, square), f.polynomial(square, ARCSINE), f.select(large, low, zero)))


def write_arcsine(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write asin."""
    large, lead, rest = _arcsine(f)
    factor = f.select(large, f.number(-2.0), f.number(1.0))
    count = f.select(large, f.number(2.0), f.number(0.0))
    return [f.with_sign(_from_quarters(f, count, (f.mul(factor, lead), f.mul(factor, rest))), f.sign_of(f.arguments[0]))]


def write_arccosine(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write acos."""
    large, lead, rest = _arcsine(f)
    negative = f.compare_integers("slt", f.bits(f.arguments[0]), whole(0, f.width))
    # Large: 2 asin(root), or pi less that. Small: pi/2 minus or plus.
    factor = f.select(large, f.number(2.0), f.number(-1.0))
    factor = f.select(negative, f.neg(factor), factor)
    count = f.select(large, f.select(negative, f.number(4.0), f.number(0.0)), f.number(2.0))
    return [_from_quarters(f, count, (f.mul(factor, lead), f.mul(factor, rest)))]


def _in_range(f: FunctionWriter, height: Value, width: Value) -> Pair:
    """The same direction with coordinates whose sum and remainders neither overflow nor underflow."""
    zero, one, infinity = f.number(0.0), f.number(1.0), f.number(math.inf)
    far = f.select(f.compare("ogt", height, width), height, width)
    values = [height, width]
    small, large = f.compare("ult", far, f.number(2.0**-700)), f.compare("uge", far, f.number(2.0**900))
    with f.detour(f.either(small, large), values):
        endless = f.compare("oeq", far, infinity)
        finite = [f.select(endless, f.select(f.compare("oeq", a, infinity), one, zero), a) for a in values]
        scale = f.select(small, f.number(2.0**200), f.select(large, f.number(2.0**-200), one))
        scale = f.select(endless, one, scale)
        values[0] = f.mul(finite[0], scale)
        values[1] = f.select(f.compare("oeq", far, zero), one, f.mul(finite[1], scale))
    return values[0], values[1]
