"""Sine, cosine and tangent.

Method: x = k pi/2 + r. Below 2**23 the product k pi/2 is taken in three parts by fused multiply-adds (Cody and Waite): the first difference and
the second product are exact, so r keeps its relative precision even next to a multiple of pi/2. From there to 2**32 all parts have 53 bits and
the error of the second product is carried. Beyond, the 192 bits of 2/pi that matter are multiplied by the 53 bits of x (Payne and Hanek), lane
by lane. Sine and cosine of r are minimax polynomials added to an exact leading part.

Error: below 0.8 units in the last place for sine and cosine, 0.9 for the tangent; measured in tests/kernels/test_elementary.py.

Source: W. J. Cody, W. Waite, Software Manual for the Elementary Functions (1980); M. H. Payne, R. N. Hanek, ACM SIGNUM Newsletter 18(1),
19-24 (1983); J.-M. Muller, Elementary Functions, 3rd ed. (2016), chapters 3 and 11.
"""

import math
from collections.abc import Container
from typing import NamedTuple

from chaosbench.kernels.elementary_coefficients import COSINE, HALF_PI, HALF_PI_SHORT, SINE, TWO_OVER_PI, TWO_OVER_PI_BITS
from chaosbench.kernels.elementary_writer import FunctionWriter, Pair
from chaosbench.kernels.values import Value, double, whole

NEAR = 2.0**23
FAR = 2.0**32

# x = m 2**e. Of 2/pi, the bits that make whole multiples of 4 from m 2**e are skipped; the next 192 give x 2/pi modulo 4 with 190 bits behind
# the point, of which at least 137 are right. The nearest whole number is taken off and the rest times pi/2 is the reduced angle; no double comes
# nearer to a multiple of pi/2 than 2**-61. The table starts with 64 zeros, because x below 2**54 has e < 2.
_FAR_ANGLE = f"""@two_over_pi = internal constant [{len(TWO_OVER_PI_BITS) + 1} x i64] [i64 0, {", ".join(f"i64 {bits}" for bits in TWO_OVER_PI_BITS)}]
define internal {{ double, double, i64 }} @far_angle(double %x) #4 {{
entry:
  %bits = bitcast double %x to i64
  %head = lshr i64 %bits, 52
  %biased = and i64 %head, 2047
  %fraction = and i64 %bits, {2**52 - 1}
  %m = or i64 %fraction, {2**52}
  %start = sub i64 %biased, {1075 + 2 - 64}
  %first = lshr i64 %start, 6
  %p0 = getelementptr i64, ptr @two_over_pi, i64 %first
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %b0 = load i64, ptr %p0
  %b1 = load i64, ptr %p1
  %b2 = load i64, ptr %p2
  %b3 = load i64, ptr %p3
  %w0 = call i64 @llvm.fshl.i64(i64 %b0, i64 %b1, i64 %start)
  %w1 = call i64 @llvm.fshl.i64(i64 %b1, i64 %b2, i64 %start)
  %w2 = call i64 @llvm.fshl.i64(i64 %b2, i64 %b3, i64 %start)
  %wide_m = zext i64 %m to i128
  %wide_w1 = zext i64 %w1 to i128
  %wide_w2 = zext i64 %w2 to i128
  %low = mul i128 %wide_m, %wide_w2
  %carry = lshr i128 %low, 64
  %middle = mul i128 %wide_m, %wide_w1
  %high = mul i64 %m, %w0
  %wide_high = zext i64 %high to i128
  %raised = shl i128 %wide_high, 64
  %partial = add i128 %middle, %carry
  %turns = add i128 %raised, %partial
  %half = add i128 %turns, {1 << 125}
  %wide_quarter = lshr i128 %half, 126
  %turned = trunc i128 %wide_quarter to i64
  %whole = shl i128 %wide_quarter, 126
  %rest = sub i128 %turns, %whole
  %below = icmp slt i128 %rest, 0
  %minus = sub i128 0, %rest
  %size = select i1 %below, i128 %minus, i128 %rest
  %zeros = call i128 @llvm.ctlz.i128(i128 %size, i1 false)
  %leading = shl i128 %size, %zeros
  %top = lshr i128 %leading, 75
  %top_bits = trunc i128 %top to i64
  %next = lshr i128 %leading, 22
  %next_bits = trunc i128 %next to i64
  %next_53 = and i64 %next_bits, {2**53 - 1}
  %large = sitofp i64 %top_bits to double
  %small = sitofp i64 %next_53 to double
  %places = trunc i128 %zeros to i64
  %exponent = sub i64 {1023 - 51}, %places
  %scale_bits = shl i64 %exponent, 52
  %scale = bitcast i64 %scale_bits to double
  %negative = icmp slt i64 %bits, 0
  %opposite = xor i1 %below, %negative
  %minus_scale = fneg double %scale
  %factor = select i1 %opposite, double %minus_scale, double %scale
  %factor_low = fmul double %factor, {double(-(2.0**-53))}
  %f = fmul double %large, %factor
  %f_excess = fmul double %small, %factor_low
  %r = fmul double %f, {double(HALF_PI[0])}
  %minus_f = fneg double %f
  %error = call double @llvm.fma.f64(double %minus_f, double {double(HALF_PI[0])}, double %r)
  %more = call double @llvm.fma.f64(double %minus_f, double {double(HALF_PI[1])}, double %error)
  %excess = call double @llvm.fma.f64(double %f_excess, double {double(HALF_PI[0])}, double %more)
  %finite = icmp ult i64 %biased, 2047
  %angle = select i1 %finite, double %r, double {double(math.nan)}
  %minus_turned = sub i64 0, %turned
  %quarter = select i1 %negative, i64 %minus_turned, i64 %turned
  %a = insertvalue {{ double, double, i64 }} poison, double %angle, 0
  %b = insertvalue {{ double, double, i64 }} %a, double %excess, 1
  %c = insertvalue {{ double, double, i64 }} %b, i64 %quarter, 2
  ret {{ double, double, i64 }} %c
}}
"""


class Angle(NamedTuple):
    """x = k pi/2 + r - excess: r, excess, and a word whose lowest two bits are those of k."""

    r: Value
    excess: Value
    quarter: Value


def _reduced(f: FunctionWriter, x: Value) -> Angle:
    k, shifted = f.nearest(x, TWO_OVER_PI[0])
    minus = f.neg(k)
    exact = f.fma(minus, f.number(HALF_PI_SHORT[0]), x)
    r = f.fma(minus, f.number(HALF_PI_SHORT[1]), exact)
    excess = f.fma(k, f.number(HALF_PI_SHORT[1]), f.sub(r, exact))
    excess = f.fma(k, f.number(HALF_PI_SHORT[2]), excess)
    values = [r, excess, f.bits(shifted)]
    size = f.call("fabs", x)
    beyond = f.compare("uge", size, f.number(NEAR))
    with f.detour(beyond, values):
        values[:2] = [f.select(beyond, new, old) for new, old in zip(_farther(f, k, exact), values[:2], strict=True)]
        far = f.compare("uge", size, f.number(FAR))
        with f.detour(far, values):
            values[:] = _far_lanes(f, x, far, values)
    return Angle(*values)


def _farther(f: FunctionWriter, k: Value, exact: Value) -> list[Value]:
    second, second_error = f.product(k, f.number(HALF_PI[1]))
    r = f.sub(exact, second)
    rounding = f.sub(second, f.sub(exact, r))
    return [r, f.fma(k, f.number(HALF_PI[2]), f.add(rounding, second_error))]


def _far_lanes(f: FunctionWriter, x: Value, far: Value, near: list[Value]) -> list[Value]:
    f.assembly.declare("llvm.fma.f64", "double", ["double"] * 3)
    f.assembly.declare("llvm.fshl.i64", "i64", ["i64"] * 3)
    f.assembly.declare("llvm.ctlz.i128", "i128", ["i128", "i1"])
    f.assembly.define("far_angle", _FAR_ANGLE)
    kind = "{ double, double, i64 }"
    reached = f.select(far, x, f.number(FAR))  # the near lanes take part with a number that the table serves
    calls = [f.put(f"call {kind} @far_angle({f.lane(reached, lane).typed})") for lane in range(f.width)]
    results = []
    for k, old in enumerate(near):
        total = old
        for lane, call in enumerate(calls):
            single = old._replace(text=f.put(f"extractvalue {kind} {call}, {k}"), width=1)
            total = single if f.width == 1 else old._replace(text=f.put(f"insertelement {total.typed}, {single.typed}, i32 {lane}"))
        results.append(f.select(far, total, old))
    return results


def _sine_and_cosine(f: FunctionWriter, angle: Angle) -> tuple[Pair, Pair]:
    """Leading parts and corrections, not yet added, for |r| <= pi/4. The sine of -0 is -0, because its correction is subtracted as +0."""
    r, excess, _ = angle
    minus_half = f.number(-0.5)
    z, z_error = f.product(r, r)
    sine, cosine = f.polynomials(z, [-c for c in SINE], COSINE)
    inner = f.fma(r, sine, f.mul(minus_half, excess))
    less = f.fma(z, inner, f.fma(z_error, inner, excess))
    lead = f.fma(minus_half, z, f.number(1.0))
    rest = f.fma(minus_half, z, f.sub(f.number(1.0), lead))
    rest = f.fma(minus_half, z_error, f.fma(r, excess, rest))
    return (r, f.neg(less)), (lead, f.fma(f.mul(z, z), cosine, rest))


def write_sine_and_cosine(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write the sine (result 0) and the cosine (result 1) of one argument."""
    angle = _reduced(f, f.arguments[0])
    sine, cosine = (f.add(*parts) for parts in _sine_and_cosine(f, angle))
    odd = f.compare_integers("slt", f.shifted("shl", angle.quarter, 63), whole(0, f.width))
    results: list[Value | None] = [None, None]
    if 0 in wanted:
        sign = f.masked(f.shifted("shl", angle.quarter, 62), 1 << 63)
        results[0] = f.with_sign(f.select(odd, cosine, sine), sign)
    if 1 in wanted:
        following = f.integer("add", angle.quarter, whole(1, f.width))
        results[1] = f.with_sign(f.select(odd, sine, cosine), f.masked(f.shifted("shl", following, 62), 1 << 63))
    return results


def write_tangent(f: FunctionWriter, wanted: Container[int]) -> list[Value | None]:
    """Write the tangent: sine over cosine, or minus cosine over sine in odd quarters."""
    angle = _reduced(f, f.arguments[0])
    sine, cosine = (f.ordered_sum(*parts) for parts in _sine_and_cosine(f, angle))
    turned = f.shifted("shl", angle.quarter, 63)
    odd = f.compare_integers("slt", turned, whole(0, f.width))
    above = [f.select(odd, b, a) for a, b in zip(sine, cosine, strict=True)]
    below = [f.select(odd, a, b) for a, b in zip(sine, cosine, strict=True)]
    ratio, excess = f.quotient((above[0], above[1]), (below[0], below[1]))
    return [f.with_sign(f.sub(ratio, excess), turned)]
