"""The natural logarithm and powers.

Method: x = 2**e m with m from sqrt(1/2) to sqrt(2), a = m - 1, s = a/(2 + a): log m = 2 atanh s, an odd minimax polynomial. As 2 s = a - s a, the
logarithm is e log 2 + a, whose error is kept, and s times the rest. A power is exp(y log x), with the logarithm carried to 2**-65: s and the cubic
term in two parts, what follows in one.

Error: below 0.9 units in the last place for the logarithm, 0.85 for powers; measured in tests/kernels/test_elementary.py. Special values of
powers are those of the C standard, annex F.

Source: W. J. Cody, W. Waite, Software Manual for the Elementary Functions (1980); J.-M. Muller, Elementary Functions, 3rd ed. (2016), chapter 11.
"""

import math
from collections.abc import Container

from chaosbench.kernels.elementary_coefficients import LOG_2, LOG_2_SHORT, LOGARITHM, LOGARITHM_TAIL, ONE_OVER_LOG_2, TWO_THIRDS
from chaosbench.kernels.elementary_exponential import ORDINARY, exponential, times_any_power, times_power
from chaosbench.kernels.elementary_writer import FunctionWriter, Pair
from chaosbench.kernels.values import Value, whole

_ROOT_HALF = 0x3FE6A09E << 32  # the bits of sqrt(1/2), as far as they are needed
_SMALLEST_NORMAL = 2.0**-1022
_LARGEST_EXPONENT = 800.0  # exp of more is infinite, of less than minus that zero


def _decomposed(f: FunctionWriter, x: Value) -> tuple[Value, Value]:
    """Return e and m with x = 2**e m, for positive normal x."""
    # 2**62 moves the exponent up by 1024; positive, it can be read off behind the bits of 2**52.
    from_root = f.integer("add", f.bits(x), whole((1 << 62) - _ROOT_HALF, f.width))
    m = f.real(f.integer("add", f.masked(from_root, (1 << 52) - 1), whole(_ROOT_HALF, f.width)))
    raised = f.real(f.integer("or", f.shifted("lshr", from_root, 52), whole(0x433 << 52, f.width)))
    return f.sub(raised, f.number(2.0**52 + 1024)), m


def _ordinary(f: FunctionWriter, x: Value) -> tuple[Value, Value]:
    """Return x where it is positive, normal and finite, else something that is; and 2**-54 of it where x is subnormal."""
    small = f.compare("olt", x, f.number(_SMALLEST_NORMAL))
    return f.select(small, f.mul(x, f.number(2.0**54)), x), f.select(small, f.number(-54.0), f.number(0.0))


def _not_ordinary(f: FunctionWriter, x: Value) -> Value:
    """Whether x is not positive, or subnormal, infinite or NaN."""
    below = f.compare("ult", x, f.number(_SMALLEST_NORMAL))
    return f.either(below, f.compare("uge", x, f.number(math.inf)))


def write_logarithm(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write log."""
    [x] = f.arguments
    values = [_logarithm(f, *_decomposed(f, x))]
    with f.detour(_not_ordinary(f, x), values):
        scaled, more = _ordinary(f, x)
        e, m = _decomposed(f, scaled)
        values[0] = _outside(f, x, _logarithm(f, f.add(e, more), m))
    return list(values)


def _logarithm(f: FunctionWriter, e: Value, m: Value) -> Value:
    a = f.sub(m, f.number(1.0))
    s = f.div(a, f.add(m, f.number(1.0)))
    z = f.mul(s, s)
    rest = f.mul(s, f.fma(z, f.polynomial(z, LOGARITHM), f.neg(a)))
    scale = f.number(LOG_2_SHORT[0])
    total = f.fma(e, scale, a)
    lost = f.add(f.fma(e, scale, f.neg(total)), a)
    return f.add(total, f.add(f.fma(e, f.number(LOG_2_SHORT[1]), rest), lost))


def _outside(f: FunctionWriter, x: Value, inside: Value) -> Value:
    """The logarithm where x is not positive and finite."""
    zero = f.number(0.0)
    regular = f.both(f.compare("ogt", x, zero), f.compare("olt", x, f.number(math.inf)))
    other = f.select(f.compare("olt", x, zero), f.number(math.nan), x)  # infinity and NaN stay
    return f.select(regular, inside, f.select(f.compare("oeq", x, zero), f.number(-math.inf), other))


def _logarithm_in_two_parts(f: FunctionWriter, e: Value, m: Value) -> Pair:
    """Return a number and a correction of a few units in its last place."""
    a = f.sub(m, f.number(1.0))
    s, s_excess = f.quotient((a, None), f.ordered_sum(f.number(2.0), a))
    z, z_error = f.product(s, s)
    cube, cube_error = f.product(s, z)
    cube_error = f.fma(s, z_error, cube_error)
    factor, factor_low = (f.number(part) for part in TWO_THIRDS)
    third, third_error = f.product(cube, factor)
    low = f.fma(cube, factor_low, f.fma(cube_error, factor, third_error))
    low = f.fma(f.mul(cube, z), f.polynomial(z, LOGARITHM_TAIL), low)
    low = f.fma(f.number(-2.0), f.fma(z, s_excess, s_excess), low)  # 2 + 2 z is the slope of 2 atanh s, as far as it matters
    scale, twice = f.number(LOG_2_SHORT[0]), f.add(s, s)
    first = f.fma(e, scale, twice)
    first_lost = f.add(f.fma(e, scale, f.neg(first)), twice)
    total, total_lost = f.ordered_sum(first, third)
    return total, f.add(f.fma(e, f.number(LOG_2_SHORT[1]), low), f.add(first_lost, total_lost))


def write_power(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write pow."""
    x, y = f.arguments
    log, log_low = _logarithm_in_two_parts(f, *_decomposed(f, x))
    exponent = f.mul(y, log)
    _, shifted, r = _with_low(f, exponent, _low_of_product(f, y, (log, log_low), exponent))
    values = [times_power(f, exponential(f, r), shifted)]
    large = f.compare("uge", f.call("fabs", exponent), f.number(ORDINARY))
    with f.detour(f.either(_not_ordinary(f, x), large), values):
        values[0] = _any_power(f)
    return list(values)


def _low_of_product(f: FunctionWriter, y: Value, log: Pair, product: Value) -> Value:
    return f.fma(y, log[1], f.fma(y, log[0], f.neg(product)))


def _with_low(f: FunctionWriter, exponent: Value, low: Value) -> tuple[Value, Value, Pair]:
    k, shifted = f.nearest(exponent, ONE_OVER_LOG_2[0])
    minus = f.neg(k)
    exact = f.fma(minus, f.number(LOG_2[0]), exponent)
    return k, shifted, f.ordered_sum(exact, f.fma(minus, f.number(LOG_2[1]), low))


def _any_power(f: FunctionWriter) -> Value:
    x, y = f.arguments
    size = f.call("fabs", x)
    scaled, more = _ordinary(f, size)
    e, m = _decomposed(f, scaled)
    log, log_low = _logarithm_in_two_parts(f, f.add(e, more), m)
    log = _outside(f, size, log)
    exponent, limit = f.mul(y, log), f.number(_LARGEST_EXPONENT)
    low = _low_of_product(f, y, (log, log_low), exponent)
    low = f.select(f.compare("ole", f.call("fabs", exponent), limit), low, f.number(0.0))
    exponent = f.select(f.compare("ogt", exponent, limit), limit, exponent)
    exponent = f.select(f.compare("olt", exponent, f.neg(limit)), f.neg(limit), exponent)
    k, _, r = _with_low(f, exponent, low)
    return _with_special_powers(f, times_any_power(f, exponential(f, r), k))


def _with_special_powers(f: FunctionWriter, power: Value) -> Value:
    """The sign for a negative base, and what the C standard fixes beside it."""
    x, y = f.arguments
    zero, one, infinity = f.number(0.0), f.number(1.0), f.number(math.inf)
    half = f.mul(y, f.number(0.5))
    fraction = f.compare("une", f.call("floor", y), y)
    odd = f.both(f.compare("une", f.call("floor", half), half), f.compare("oeq", f.call("floor", y), y))
    negative = f.compare_integers("slt", f.bits(x), whole(0, f.width))
    power = f.select(f.both(negative, odd), f.neg(power), power)
    undefined = f.both(fraction, f.both(f.compare("olt", x, zero), f.compare("ogt", x, f.neg(infinity))))
    power = f.select(undefined, f.number(math.nan), power)
    unit = f.both(f.compare("oeq", f.call("fabs", x), one), f.compare("oeq", f.call("fabs", y), infinity))
    unit = f.either(unit, f.either(f.compare("oeq", x, one), f.compare("oeq", y, zero)))
    return f.select(unit, one, power)
