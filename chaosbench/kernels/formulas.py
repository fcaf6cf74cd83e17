"""The arithmetic of a Runge-Kutta step, shared by straight-line and rolled kernels so that both round alike."""

from collections.abc import Sequence

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.values import Value, constant


def combination(w: Writer, weights: Sequence[float], rates: Sequence[Value]) -> Value | None:
    """Sum of weight * rate from the oldest stage to the newest, leaving out zero weights; None when nothing is left."""
    total: Value | None = None
    for weight, rate in zip(weights, rates, strict=True):
        if weight == 0.0:
            continue
        factor = constant(weight, rate.width)
        total = w.mul(factor, rate) if total is None else w.fma(factor, rate, total)
    return total


def advance(w: Writer, start: Value, h: Value, weights: Sequence[float], rates: Sequence[Value]) -> Value:
    """Start + h * combination."""
    total = combination(w, weights, rates)
    return start if total is None else w.fma(w.splat(h, start.width), total, start)


def scaled_errors(w: Writer, tableau: Tableau, before: Value, after: Value, tolerances: tuple[Value, Value], rates: Sequence[Value]) -> list[Value]:
    """Error estimates of one or several slots over atol + rtol * max(|before|, |after|): one, or two for a method with a second one."""
    atol, rtol = (w.splat(value, before.width) for value in tolerances)
    a, b = w.call("fabs", before), w.call("fabs", after)
    scale = w.fma(rtol, w.select(w.compare("ogt", a, b), a, b), atol)
    weights = [tableau.error] if tableau.error_second is None else [tableau.error, tableau.error_second]
    errors = [combination(w, row, rates) for row in weights]
    return [w.div(constant(0.0, scale.width) if error is None else error, scale) for error in errors]


def error_norm(w: Writer, h: Value, squares: Sequence[Value], dimension: int) -> Value:
    """The norm from the sums of squared scaled errors: |h| sqrt(s/D), or |h| s5 / sqrt((s5 + 0.01 s3) D)."""
    size, count = w.call("fabs", h), constant(float(dimension), h.width)
    if len(squares) == 1:
        return w.mul(size, w.call("sqrt", w.div(squares[0], count)))
    mixed = w.fma(constant(0.01, h.width), squares[1], squares[0])
    nothing = w.compare("ole", mixed, constant(0.0, h.width))
    mixed = w.select(nothing, constant(1.0, h.width), mixed)
    return w.mul(size, w.div(squares[0], w.call("sqrt", w.mul(mixed, count))))
