"""The step control of one trajectory in LLVM assembly: the formulas of `integrators/_step_size.py` operation by operation, so the same bits."""

from chaosbench.integrators._step_size import _FLOOR, _LARGEST, _LN2, _ROOT_HALF, _SAFETY, _SMALLEST
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant

_MANTISSA = (1 << 52) - 1
_HALF = 1022 << 52  # the exponent bits of numbers in [1/2, 1)


def least(w: Writer, a: Value, b: Value) -> Value:
    """The smaller one, `a` on a tie."""
    return w.select(w.compare("olt", b, a), b, a)


def greatest(w: Writer, a: Value, b: Value) -> Value:
    """The larger one, `a` on a tie."""
    return w.select(w.compare("ogt", b, a), b, a)


def exponent_of(w: Writer, x: Value) -> tuple[Value, Value]:
    """X > 0 as mantissa in [1/2, 1) and the exponent of 2, a double; normal numbers only."""
    bits = w.put(f"bitcast double {x.text} to i64")
    biased = w.put(f"and i64 {w.put(f'lshr i64 {bits}, 52')}, 2047")
    whole = Value(w.put(f"sitofp i64 {w.put(f'sub i64 {biased}, 1022')} to double"))
    low = w.put(f"and i64 {bits}, {_MANTISSA}")
    return Value(w.put(f"bitcast i64 {w.put(f'or i64 {low}, {_HALF}')} to double")), whole


def power_of_two(w: Writer, n: Value) -> Value:
    """2**n for a whole number n, held in the range of normal numbers."""
    held = least(w, greatest(w, n, constant(-1022.0)), constant(1023.0))
    biased = w.put(f"add i64 {w.put(f'fptosi double {held.text} to i64')}, 1023")
    return Value(w.put(f"bitcast i64 {w.put(f'shl i64 {biased}, 52')} to double"))


def log2(w: Writer, x: Value) -> Value:
    """The binary logarithm of x > 0, error below 1e-7."""
    mantissa, whole = exponent_of(w, x)
    s = w.div(w.sub(mantissa, constant(_ROOT_HALF)), w.add(mantissa, constant(_ROOT_HALF)))
    q = w.mul(s, s)
    series = w.add(constant(1.0 / 5.0), w.div(q, constant(7.0)))
    series = w.add(constant(1.0), w.mul(q, w.add(constant(1.0 / 3.0), w.mul(q, series))))
    return w.add(w.sub(whole, constant(0.5)), w.mul(w.mul(constant(2.0 / _LN2), s), series))


def exp2(w: Writer, x: Value) -> Value:
    """2**x, relative error below 1e-6."""
    n = w.call("floor", w.add(x, constant(0.5)))
    f = w.mul(w.sub(x, n), constant(_LN2))
    series = w.add(constant(1.0), w.div(f, constant(6.0)))
    for k in (5.0, 4.0, 3.0, 2.0):
        series = w.add(constant(1.0), w.mul(w.div(f, constant(k)), series))
    return w.mul(w.add(constant(1.0), w.mul(f, series)), power_of_two(w, n))


def after_accepted(w: Writer, error: Value, before: Value, order: int, rejected: Value) -> tuple[Value, Value]:
    """The factor for the next step and log2 of the error; `rejected` is 1 right after a rejection, else 0."""
    beta = 0.2 / (order + 1)
    alpha = 1.0 / (order + 1) - 0.75 * beta
    here = log2(w, greatest(w, error, constant(1e-10)))
    power = exp2(w, w.sub(w.mul(constant(beta), before), w.mul(constant(alpha), here)))
    factor = greatest(w, w.mul(constant(_SAFETY), power), constant(_SMALLEST))
    most = w.select(w.compare("ogt", rejected, constant(0.0)), constant(1.0), constant(_LARGEST))
    return least(w, factor, most), greatest(w, here, constant(_FLOOR))


def after_rejected(w: Writer, error: Value, order: int) -> Value:
    """The factor for the repeated step."""
    finite = w.compare("olt", w.call("fabs", error), constant(float("inf")))
    usable = w.select(finite, error, constant(1.0))
    power = exp2(w, w.div(w.neg(log2(w, usable)), constant(float(order + 1))))
    return w.select(finite, greatest(w, w.mul(constant(_SAFETY), power), constant(_SMALLEST)), constant(0.1))


def fitted(w: Writer, step: Value, room: Value) -> Value:
    """The step to take when only `room` is left."""
    halved = w.select(w.compare("ogt", w.mul(constant(2.0), step), room), w.mul(constant(0.5), room), step)
    return w.select(w.compare("oge", w.mul(constant(1.01), step), room), room, halved)


def least_step(w: Writer, time: Value) -> Value:
    """16 units in the last place of the time, 0 at time 0."""
    _, whole = exponent_of(w, time)
    zero = constant(0.0)
    return w.select(w.compare("oeq", time, zero), zero, power_of_two(w, w.sub(whole, constant(49.0))))


def large_enough(w: Writer, step: Value, time: Value) -> Value:
    """Whether a step is above `least_step` (a NaN is not)."""
    quick = w.compare("ogt", step, w.mul(constant(16.0 * 2.220446049250313e-16), w.call("fabs", time)))
    return w.either(quick, w.compare("ogt", step, least_step(w, time)))


def later(w: Writer, time: Value, carry: Value, step: Value) -> tuple[Value, Value]:
    """Time + carry + step as an unevaluated sum of two numbers."""
    small = w.add(step, carry)
    total = w.add(time, small)
    part = w.sub(total, time)
    return total, w.add(w.sub(time, w.sub(total, part)), w.sub(small, part))
