"""The inverse trigonometric functions, all by one core.

Method: the angle of a point (x, y) is brought into the first octant by exchanging the coordinates, and below pi/8 by turning the point by pi/4,
which makes its coordinates y - x and y + x, both kept in two parts; one division, corrected, and an odd minimax polynomial. Whole multiples of
pi/4 are added at the end. The arcsine and arccosine of x are angles of points on the unit circle, sqrt(1 - x*x) in two parts.

Error: below 0.6 units in the last place, one unit where the result is subnormal; measured in tests/kernels/test_elementary.py.

Source: J.-M. Muller, Elementary Functions, 3rd ed. (2016), chapters 3 and 11.
"""

import math
from collections.abc import Container
from typing import NamedTuple

from chaosbench.kernels.elementary_coefficients import ARCTANGENT, QUARTER_PI
from chaosbench.kernels.elementary_writer import FunctionWriter, Pair
from chaosbench.kernels.values import Value, whole

_TANGENT_OF_EIGHTH = math.sqrt(2.0) - 1.0


class Coordinate(NamedTuple):
    """One coordinate of a point in two parts; `sign` is that of the coordinate, None for one that is not negative."""

    value: Value
    low: Value | None = None
    sign: Value | None = None


def write_arctangent(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write atan."""
    [x] = f.arguments
    largest = f.number(2.0**1000)
    size = f.call("fabs", x)
    size = f.select(f.compare("ogt", size, largest), largest, size)  # infinity would leave an undefined remainder
    return [_angle(f, Coordinate(size, None, f.sign_of(x)), Coordinate(f.number(1.0)))]


def write_arctangent_of_two(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write atan2."""
    y, x = f.arguments
    height, width = _in_range(f, f.call("fabs", y), f.call("fabs", x))
    angle = _angle(f, Coordinate(height, None, f.sign_of(y)), Coordinate(width, None, f.sign_of(x)))
    return [f.select(f.compare("uno", x, y), f.number(math.nan), angle)]


def write_arcsine(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write asin."""
    [x] = f.arguments
    return [_angle(f, Coordinate(f.call("fabs", x), None, f.sign_of(x)), _other_side(f, x))]


def write_arccosine(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write acos."""
    [x] = f.arguments
    return [_angle(f, _other_side(f, x), Coordinate(f.call("fabs", x), None, f.sign_of(x)))]


def _other_side(f: FunctionWriter, x: Value) -> Coordinate:
    """sqrt(1 - x*x); NaN outside [-1, 1]."""
    square, square_error = f.product(x, x)
    rest, rest_error = f.ordered_sum(f.number(1.0), f.neg(square))
    root = f.call("sqrt", rest)
    missing = f.add(f.fma(f.neg(root), root, rest), f.sub(rest_error, square_error))
    divisor = f.select(f.compare("oeq", root, f.number(0.0)), f.number(1.0), f.add(root, root))
    return Coordinate(root, f.div(missing, divisor))


def _angle(f: FunctionWriter, y: Coordinate, x: Coordinate) -> Value:
    steep = f.compare("ogt", y.value, x.value)
    near, far = f.select(steep, x.value, y.value), f.select(steep, y.value, x.value)
    near_low, far_low = _exchanged(f, steep, y.low, x.low)
    # The first comparison keeps a NaN of y, the selections one of x.
    turned = f.compare("ogt", near, f.mul(far, f.number(_TANGENT_OF_EIGHTH)))
    less, less_lost = f.ordered_sum(f.neg(far), near)
    more, more_lost = f.ordered_sum(far, near)
    if near_low is not None and far_low is not None:
        less_lost = f.add(less_lost, f.sub(near_low, far_low))
        more_lost = f.add(more_lost, f.add(near_low, far_low))
    zero = f.number(0.0)
    above = f.select(turned, less, near), f.select(turned, less_lost, near_low or zero)
    below = f.select(turned, more, far), f.select(turned, more_lost, far_low or zero)
    ratio, excess = f.quotient(above, below)
    square = f.mul(ratio, ratio)
    rest = f.fma(square, f.fma(ratio, f.polynomial(square, ARCTANGENT), excess), f.neg(excess))
    # The angle is count * pi/4 plus or minus that of the ratio.
    count = f.select(turned, f.number(1.0), zero)
    count = f.select(steep, f.sub(f.number(2.0), count), count)
    sign = f.bits(f.select(steep, f.number(-0.0), zero))
    if x.sign is not None:
        count = f.select(f.compare_integers("slt", x.sign, whole(0, f.width)), f.sub(f.number(4.0), count), count)
        sign = f.integer("xor", sign, x.sign)
    lead, lost = f.ordered_sum(f.mul(count, f.number(QUARTER_PI[0])), f.with_sign(ratio, sign))
    angle = f.add(lead, f.add(lost, f.fma(count, f.number(QUARTER_PI[1]), f.with_sign(rest, sign))))
    return angle if y.sign is None else f.with_sign(angle, y.sign)


def _exchanged(f: FunctionWriter, steep: Value, y: Value | None, x: Value | None) -> tuple[Value | None, Value | None]:
    if y is None and x is None:
        return None, None
    zero = f.number(0.0)
    return f.select(steep, x or zero, y or zero), f.select(steep, y or zero, x or zero)


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
