"""The exponential function and the hyperbolic functions.

Method: x = k log 2 + r with |r| <= log(2)/2, r in two parts; sinh r and cosh r are minimax polynomials, whose even and odd parts run side by side,
and all four functions are put together from them and 2**k. The sums keep their rounding errors wherever they would show.

Error: below 0.7 units in the last place for the exponential, 0.65 for sinh and cosh, 0.85 for tanh, one unit where the result is subnormal;
measured in tests/kernels/test_elementary.py.

Source: W. J. Cody, W. Waite, Software Manual for the Elementary Functions (1980); J.-M. Muller, Elementary Functions, 3rd ed. (2016), chapter 11.
"""

from collections.abc import Container

from chaosbench.kernels.elementary_coefficients import HYPERBOLIC_COSINE, HYPERBOLIC_SINE, LOG_2, ONE_OVER_LOG_2
from chaosbench.kernels.elementary_writer import SHIFT, FunctionWriter, Pair
from chaosbench.kernels.values import Value

# Beyond these the results are 0, infinity or 1; clamping keeps the exponents of the scaling in range.
LOWEST, HIGHEST = -746.0, 710.0
ORDINARY = 708.0  # up to here exp(x) and exp(-x) are normal numbers
HYPERBOLIC_HIGHEST = 711.0
TANH_HIGHEST = 22.0


def _clamped(f: FunctionWriter, x: Value, low: float | None, high: float) -> Value:
    if low is not None:
        x = f.select(f.compare("olt", x, f.number(low)), f.number(low), x)
    return f.select(f.compare("ogt", x, f.number(high)), f.number(high), x)  # NaN stays


def reduced(f: FunctionWriter, x: Value) -> tuple[Value, Value, Pair]:
    """Return k, a number whose lowest bits are those of k, and r; the first difference is exact."""
    k, shifted = f.nearest(x, ONE_OVER_LOG_2[0])
    minus = f.neg(k)
    exact = f.fma(minus, f.number(LOG_2[0]), x)
    r = f.fma(minus, f.number(LOG_2[1]), exact)
    return k, shifted, (r, f.fma(minus, f.number(LOG_2[1]), f.sub(exact, r)))


def exponential_less_one(f: FunctionWriter, r: Pair) -> Pair:
    """Return exp(r) - 1 as r and a correction, not yet added."""
    z = f.mul(r[0], r[0])
    even, odd = f.polynomials(z, HYPERBOLIC_COSINE, HYPERBOLIC_SINE)
    rest = f.fma(z, f.fma(z, even, f.number(0.5)), r[1])
    return r[0], f.fma(f.mul(r[0], z), odd, rest)


def exponential(f: FunctionWriter, r: Pair) -> Value:
    """Return exp(r)."""
    lead, rest = exponential_less_one(f, r)
    total, lost = f.ordered_sum(f.number(1.0), lead)
    return f.add(total, f.add(lost, rest))


def times_power(f: FunctionWriter, a: Value, shifted: Value) -> Value:
    """Return a * 2**k, where the result is neither subnormal nor too large, by adding k to the exponent."""
    return f.real(f.integer("add", f.bits(a), f.shifted("shl", f.bits(shifted), 52)))


def times_any_power(f: FunctionWriter, a: Value, k: Value) -> Value:
    """Return a * 2**k in two steps, so that overflow, and the rounding of subnormal results, are those of one multiplication."""
    half = f.sub(f.fma(k, f.number(0.5), f.number(SHIFT)), f.number(SHIFT))
    return f.mul(f.mul(a, f.power_of_two(half)), f.power_of_two(f.sub(k, half)))


def write_exponential(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write exp."""
    [x] = f.arguments
    _, shifted, r = reduced(f, x)
    values = [times_power(f, exponential(f, r), shifted)]
    with f.detour(f.compare("uge", f.call("fabs", x), f.number(ORDINARY)), values):
        k, _, r = reduced(f, _clamped(f, x, LOWEST, HIGHEST))
        values[0] = times_any_power(f, exponential(f, r), k)
    return list(values)


def write_hyperbolic(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write sinh (result 0) and cosh (result 1): with T = 2**k, sinh r (T + 1/T)/2 + cosh r (T - 1/T)/2, and the other way round.

    T stops at 2**1000 and what is missing is multiplied in at the end, because cosh and sinh overflow later than T does.
    """
    [x] = f.arguments
    k, _, (r, r_low) = reduced(f, _clamped(f, f.call("fabs", x), None, HYPERBOLIC_HIGHEST))
    z = f.mul(r, r)
    even, odd = f.polynomials(z, HYPERBOLIC_COSINE, HYPERBOLIC_SINE)
    sine = f.ordered_sum(r, f.fma(f.mul(r, z), odd, r_low))
    even = f.fma(f.mul(z, z), even, f.mul(f.number(0.5), z))
    cosine = f.ordered_sum(f.number(1.0), f.fma(r, r_low, even))
    one = f.number(1.0)
    inside = _clamped(f, k, None, 1000.0)
    up, down = f.power_of_two(f.sub(inside, one)), f.power_of_two(f.sub(f.neg(inside), one))
    plus, minus = f.ordered_sum(up, down), f.ordered_sum(up, f.neg(down))
    missing = f.power_of_two(f.sub(k, inside))
    results: list[Value | None] = [None, None]
    if 0 in wanted:
        total = f.mul(_dot(f, (cosine, minus), (sine, plus)), missing)
        results[0] = f.with_sign(total, f.sign_of(x))
    if 1 in wanted:
        results[1] = f.mul(_dot(f, (cosine, plus), (sine, minus)), missing)
    return results


def _dot(f: FunctionWriter, first: tuple[Pair, Pair], second: tuple[Pair, Pair]) -> Value:
    """The sum of two products of pairs, of which the first is the larger one or zero."""
    (a, a_low), (b, b_low) = first
    (c, c_low), (d, d_low) = second
    p, p_error = f.product(a, b)
    q, q_error = f.product(c, d)
    total, lost = f.ordered_sum(p, q)
    small = f.fma(a, b_low, f.fma(a_low, b, p_error))
    small = f.add(small, f.fma(c, d_low, f.fma(c_low, d, q_error)))
    return f.add(total, f.add(lost, small))


def write_tanh(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write tanh as (E - 1)/(E + 1) with E = exp(2|x|), both in two parts."""
    [x] = f.arguments
    size = _clamped(f, f.call("fabs", x), None, TANH_HIGHEST)
    k, _, (r, r_low) = reduced(f, f.add(size, size))
    r_low = f.fma(r, r_low, r_low)  # exp(r + low) = exp(r) + low exp(r); here a subtraction makes it show
    power, one = f.power_of_two(k), f.number(1.0)
    lead, rest = (f.mul(power, part) for part in f.ordered_sum(*exponential_less_one(f, (r, r_low))))
    above, below = (_with_rest(f, f.ordered_sum(power, step), lead, rest) for step in (f.neg(one), one))
    return [f.with_sign(f.sub(*f.quotient(above, below)), f.sign_of(x))]


def _with_rest(f: FunctionWriter, start: Pair, lead: Value, rest: Value) -> Pair:
    total, lost = f.ordered_sum(start[0], lead)
    return total, f.add(f.add(lost, start[1]), rest)
