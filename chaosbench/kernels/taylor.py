"""One Taylor step of up to eight trajectories at once, each with a step of its own, as straight-line code.

The step of a lane follows from the last two coefficients (Jorba and Zou 2005, section 3.2, component by component): |c_N| h^N is at most
atol + rtol |x| in every component. A step chosen from coefficients cannot see a kink ahead of it, so the polynomial is checked where it ends: if
its derivative there is not the right-hand side to the tolerance, the lane halves its step, with the same coefficients, until it is. What
`crossing` watches keeps a step from passing a kink twice, which its end would not show.
"""

from collections.abc import Sequence

from chaosbench.expressions.recurrences import Expansion, expand
from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.kernels.advance import Limits, Stepped
from chaosbench.kernels.control import repeat
from chaosbench.kernels.crossing import Crossing
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.radius import excess_of, fitted, greater, largest, radius
from chaosbench.kernels.values import Value, constant

# A polynomial whose last term is a twentieth of the tolerance leaves a defect of N h / rho times it, about a fifth; kinks leave far larger ones.
DEFECT = 4.0

_NO_LENGTH, self._width))] * self._dimension
        return scales

    def _end(self, h: Value, d: int) -> tuple[Value, Value]:
        """The polynomial of a variable and its derivative at h, from the coefficients in work."""
        w, order, width = self._w, self._order, self._width
        value = slope = w.load("%work", (order * self._size + d) * width, width=width)
        for n in range(order - 1, -1, -1):
            if n < order - 1:
                slope = w.fma(slope, h, value)
            value = w.fma(value, h, w.load("%work", (n * self._size + d) * width, width=width))
        return value, slope

    def _largest(self, rates: Sequence[Value]) -> Value:
        """The largest component of the state, not a number where anything is none."""
        w, zero = self._w, constant(0.0, self._width)
        total = None
        for d, value in enumerate(self._reached):
            size = w.fma(rates[d], zero, w.call("fabs", value)) if d < self._dimension else w.mul(value, zero)
            total = size if total is None else greater(w, total, size)
        if total is None:
            raise TypeError("a system has at least one component")
        return total


def _disagree(w: Writer, slopes: Sequence[Value], rates: Sequence[Value], h: Value, scales: Sequence[Value]) -> Value:
    """Whether in any component h |p'(h) - f(p(h))| is above `DEFECT` tolerances, or not a number."""
    bad = None
    for slope, rate, scale in zip(slopes, rates, scales, strict=True):
        defect = w.mul(w.call("fabs", w.sub(slope, rate)), h)
        above = w.compare("ugt", defect, w.mul(constant(DEFECT, h.width), scale))
        bad = above if bad is None else w.either(bad, above)
    if bad is None:
        raise TypeError("a system has at least one component")
    return bad
