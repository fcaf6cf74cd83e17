"""Whether a double-double step may pass a kink or jump and come back, which the comparison at its end would not show.

The bounds are those of `crossing`, in code that loops over the orders: with s(t) = sum s_n t^n the quantity whose sign decides, either
|s_0| > sum_(n >= 1) |s_n| h^n, no zero up to h, or |s_1| > sum_(n >= 2) n |s_n| h^(n-1), one zero at most. Doubles are enough for the bounds; s_0 has
all its digits.
"""

from collections.abc import Callable, Sequence

from chaosbench.expressions.series import Switch
from chaosbench.kernels.control import Loop
from chaosbench.kernels.double_double import Pair
from chaosbench.kernels.double_double_operations import ExtendedArithmetic
from chaosbench.kernels.double_double_sums import ascending
from chaosbench.kernels.values import Index, Value, constant, whole


def may_cross_twice(
    d: ExtendedArithmetic, switch: Switch, first: Callable[[int], Pair], higher: Sequence[str], stride: int, stop: Value, theta: Value
) -> Value:
    """Return whether a step of theta is too long for the bounds.

    first(node): order 0. higher: pointers to order 0 of those of the switch's nodes that have higher orders, which are `stride` doubles apart and end
    before `stop`.
    """
    w, width = d.w, d.width
    start = first(switch.a) if switch.b is None else d.sub(first(switch.a), first(switch.b))
    if switch.whole:
        part = d.sub(start, d.floor(start)).high
        rest = w.sub(constant(1.0, width), part)
        distance = w.select(w.compare("olt", part, rest), part, rest)
    else:
        distance = w.call("fabs", start.high)

    def size(n: Value) -> Value:
        offset = Index(w.integer("mul", n, whole(stride)).text)
        values = [w.load(pointer, 0, offset, width=width) for pointer in higher]
        return w.call("fabs", values[0] if len(values) == 1 else w.sub(*values))

    def body(loop: Loop, n: Value) -> list[Value]:
        way, turn, power = loop.carried
        term = w.mul(size(n), power)
        number = w.splat(w.convert("sitofp", n, "double"), width)
        return [w.fma(term, theta, way), w.fma(number, term, turn), w.mul(power, theta)]

    slope = size(whole(1))
    zero = constant(0.0, width)
    way, turn, _ = ascending(w, 2, stop, [w.mul(slope, theta), zero, theta], body)
    # What stays zero, as the difference of a cell to itself, crosses nothing.
    reaches = w.both(w.compare("ule", distance, way), w.compare("ugt", way, zero))
    return w.both(reaches, w.compare("ule", slope, turn))
