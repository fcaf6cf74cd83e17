"""The step of a Taylor method, from the bits of doubles: roots without logarithms, the same on every machine.

Read as a whole number, the bits of a positive double x are 2**52 (1023 + log2 x) up to 0.09 * 2**52, since the mantissa stands in for the
fraction of the logarithm. After division by the order that is a percent of the step, which is an estimate anyway.
"""

from collections.abc import Sequence

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant

_BIAS = 1023.0 * 2.0**52
# The mantissa overestimates 2**x by up to 6 % (4 % in the mean) where the logarithm becomes a number again.
_MEAN = 0.96
# The last term is held at a twentieth of the tolerance: with the order one e^2-th of the radius would ask for, the step of Jorba and Zou.
SHARE = 0.05


def excess_of(w: Writer, coefficient: Value, scale: Value) -> Value:
    """The logarithm of |coefficient| / scale, in units of 2**-52, as whole numbers."""
    bits = [w.convert("bitcast", value, "i64") for value in (w.call("fabs", coefficient), scale)]
    return w.integer("sub", bits[0], bits[1])


def largest(w: Writer, values: Sequence[Value]) -> Value:
    """The largest of some whole numbers, lane by lane."""
    total = values[0]
    for value in values[1:]:
        total = w.select(w.compare_integers("sgt", total, value), total, value)
    return total


def greater(w: Writer, a: Value, b: Value) -> Value:
    """The larger of two numbers; a NaN in either is passed on."""
    return w.select(w.compare("ugt", b, a), b, w.select(w.compare("uno", b, b), b, a))


def radius(w: Writer, excess: Sequence[Value], order: int, factor: Value) -> Value:
    """The step at which the terms of order N and N - 1, of the given excesses, come down to `SHARE` tolerances; `factor` multiplies the latter."""
    steps = []
    for value, n in zip(excess, (order, order - 1), strict=True):
        logarithm = w.mul(w.convert("sitofp", value, "double"), constant(-1.0 / n, value.width))
        bits = w.convert("fptosi", w.add(logarithm, constant(_BIAS, value.width)), "i64")
        share = float(f"{_MEAN * SHARE ** (1.0 / n):.3g}")  # few digits, so that no machine's pow decides a bit
        steps.append(w.mul(w.convert("bitcast", bits, "double"), constant(share, value.width)))
    steps[1] = w.mul(steps[1], factor)
    return w.select(w.compare("olt", steps[0], steps[1]), steps[0], steps[1])


def fitted(w: Writer, step: Value, room: Value) -> Value:
    """All the room that is left if the step or 1 % more reaches it, else the step."""
    return w.select(w.compare("oge", w.mul(step, constant(1.01, step.width)), room), room, step)
