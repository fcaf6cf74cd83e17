"""Whether a polynomial step may pass a kink or jump and come back: the series of what decides the branch are known, so bounds can tell.

Let s(t) = sum s_n t^n be the quantity whose sign decides. If |s_0| > sum_(n >= 1) |s_n| h^n it has no zero up to h. If
|s_1| > sum_(n >= 2) n |s_n| h^(n-1) it is monotonic, and passes zero once at most: then the other branch holds at the end of the step, and the
comparison there shows it. In all other cases the step is halved.
"""

from collections.abc import Sequence
from typing import Any

from chaosbench.expressions.series import Switch
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant


class Crossing:
    """One switch; written where the series of the nodes are known, asked for trial steps."""

    def __init__(self, w: Writer, switch: Switch, nodes: Sequence[Sequence[Any]], width: int) -> None:
        self._w = w
        zero = constant(0.0, width)
        lengths = [len(nodes[k]) for k in (switch.a, switch.b) if k is not None]
        series = []
        for n in range(max(lengths)):
            a, b = (zero if k is None or n >= len(nodes[k]) or nodes[k][n] is None else nodes[k][n] for k in (switch.a, switch.b))
            series.append(a if b == zero else w.sub(a, b))
        first, *higher = series
        self._sizes = [w.call("fabs", value) for value in higher]
        self._weighted = [size if n == 1 else w.mul(size, constant(float(n), width)) for n, size in enumerate(self._sizes, start=1)]
        if switch.whole:
            fraction = w.sub(first, w.call("floor", first))
            rest = w.sub(constant(1.0, width), fraction)
            self._distance = w.select(w.compare("olt", fraction, rest), fraction, rest)
        else:
            self._distance = w.call("fabs", first)

    def possible(self, h: Value) -> Value:
        """Whether up to h there may be more than one crossing."""
        w = self._w
        if not self._sizes:
            return w.compare("uno", h, h)
        way = self._sum(self._sizes, h)
        # What stays zero, as the difference of a cell to itself, crosses nothing.
        reaches = w.both(w.compare("ule", self._distance, way), w.compare("ugt", way, constant(0.0, h.width)))
        if len(self._sizes) == 1:
            return w.both(reaches, w.compare("uno", h, h))
        return w.both(reaches, w.compare("ule", self._weighted[0], self._sum(self._weighted[1:], h)))

    def _sum(self, values: Sequence[Value], h: Value) -> Value:
        """The sum of values[k] h^(k + 1)."""
        w, total = self._w, values[-1]
        for value in reversed(values[:-1]):
            total = w.fma(total, h, value)
        return w.mul(total, h)
