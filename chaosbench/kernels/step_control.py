"""The step control of Runge-Kutta pairs in LLVM assembly, at any width: the arithmetic of `integrators/_step_size`, operation by operation.

Basic arithmetic only, in a fixed order, so that both give the same bits: the steps decide the bits of a trajectory.
"""

import math
from collections.abc import Sequence

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant, whole

SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 6.0
LEAST_ERROR, NOT_FINITE = 1e-10, 0.1
FLOOR = -13.287712379549449  # log2(1e-4): an error far below the tolerance does not hold the next step back
ROOT_HALF, LN2 = 0.7071067811865476, 0.6931471805599453
# Coefficients, from the lowest: of the series of ln((1 + s) / (1 - s)) / (2 s) in s^2, and of exp.
LOGARITHM = (1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0)
EXPONENTIAL = (1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0)

_EXPONENT, _MANTISSA, _HALF = 0x7FF0000000000000, 0x000FFFFFFFFFFFFF, 0x3FE0000000000000


def least(w: Writer, a: Value, b: Value) -> Value:
    """The smaller one, `a` on a tie."""
    return w.select(w.compare("olt", b, a), b, a)


def greatest(w: Writer, a: Value, b: Value) -> Value:
    """The larger one, `a` on a tie."""
    return w.select(w.compare("ogt", b, a), b, a)


def later(w: Writer, time: Value, carry: Value, step: Value) -> tuple[Value, Value]:
    """Time + carry + step as an unevaluated sum of two numbers: a million steps add no drift."""
    small = w.add(step, carry)
    total = w.add(time, small)
    part = w.sub(total, time)
    return total, w.add(w.sub(time, w.sub(total, part)), w.sub(small, part))


def fitted(w: Writer, step: Value, room: Value) -> Value:
    """All the room if the step or 1 % more reaches it, half of it rather than leave a sliver, else the step."""
    half = w.mul(constant(0.5, step.width), room)
    short = w.select(w.compare("ogt", w.mul(constant(2.0, step.width), step), room), half, step)
    return w.select(w.compare("oge", w.mul(constant(1.01, step.width), step), room), room, short)


def least_step(w: Writer, time: Value) -> Value:
    """16 units in the last place of the time, 0 at time 0."""
    power = w.integer("and", w.convert("bitcast", time, "i64"), whole(_EXPONENT, time.width))
    return w.mul(w.convert("bitcast", power, "double"), constant(16.0 * 2.0**-52, time.width))


def log2(w: Writer, x: Value) -> Value:
    """The binary logarithm of a normal number x > 0, error below 1e-7."""
    bits = w.convert("bitcast", x, "i64")
    power = w.integer("sub", w.integer("lshr", bits, whole(52, x.width)), whole(1022, x.width))
    half = w.integer("or", w.integer("and", bits, whole(_MANTISSA, x.width)), whole(_HALF, x.width))
    mantissa, root = w.convert("bitcast", half, "double"), constant(ROOT_HALF, x.width)
    s = w.div(w.sub(mantissa, root), w.add(mantissa, root))
    series = _polynomial(w, w.mul(s, s), LOGARITHM)
    start = w.sub(w.convert("sitofp", power, "double"), constant(0.5, x.width))
    return w.add(start, w.mul(w.mul(constant(2.0 / LN2, x.width), s), series))


def exp2(w: Writer, x: Value) -> Value:
    """2**x for |x| < 1022, relative error below 1e-6."""
    n = w.call("floor", w.add(x, constant(0.5, x.width)))
    series = _polynomial(w, w.mul(w.sub(x, n), constant(LN2, x.width)), EXPONENTIAL)
    biased = w.integer("add", w.convert("fptosi", n, "i64"), whole(1023, x.width))
    return w.mul(series, w.convert("bitcast", w.integer("shl", biased, whole(52, x.width)), "double"))


def controlled(w: Writer, error: Value, kept: tuple[Value, Value], accepted: Value, order: int) -> tuple[Value, Value]:
    """The factor for the next step, and log2 of the error of the last accepted step.

    kept: the latter so far, and whether the step before this one was rejected (0 or 1). order: of the error estimate.
    """
    before, again = kept
    width, inverse, beta = error.width, 1.0 / (order + 1), 0.2 / (order + 1)
    alpha = inverse - 0.75 * beta
    here = log2(w, greatest(w, constant(LEAST_ERROR, width), error))
    after_good = w.sub(w.mul(constant(beta, width), before), w.mul(constant(alpha, width), here))
    exponent = w.select(accepted, after_good, w.mul(constant(-inverse, width), here))
    factor = greatest(w, w.mul(constant(SAFETY, width), exp2(w, exponent)), constant(SMALLEST, width))
    most = w.select(w.compare("ogt", again, constant(0.0, width)), constant(1.0, width), constant(LARGEST, width))
    finite = w.compare("olt", error, constant(math.inf, width))
    factor = w.select(accepted, least(w, factor, most), w.select(finite, factor, constant(NOT_FINITE, width)))
    return factor, w.select(accepted, greatest(w, here, constant(FLOOR, width)), before)


def _polynomial(w: Writer, x: Value, coefficients: Sequence[float]) -> Value:
    total = constant(coefficients[-1], x.width)
    for coefficient in reversed(coefficients[:-1]):
        total = w.add(constant(coefficient, x.width), w.mul(x, total))
    return total
