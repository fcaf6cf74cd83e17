"""Orthonormal columns in every lane at once, and the logarithm of the volume that they had.

Modified Gram-Schmidt, right-looking: a finished column is taken out of all later ones. A column that lost four digits is projected again (Kahan:
twice is enough), so that columns are orthogonal to 1e-12 at worst; a lane where that is not needed keeps its bits whatever its neighbours do.
A column without length becomes zero, and the logarithm of its growth minus infinity; so does one that keeps less than 1e-15 of its length, which is
nothing but rounding (a singular map).

Growth is kept as product * 2**exponent, one logarithm a record: products of norms neither overflow nor cost a logarithm each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chaosbench.kernels.control import detour
from chaosbench.kernels.elementary import call_elementary
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant, whole

_TINY = 1e-290  # a squared length below it is none
_AGAIN = 1e-4
_ROUNDING = 1e-15
_MANTISSA = (1 << 52) - 1
_BIAS = 1023


class Columns(NamedTuple):
    """K columns of D numbers a lane: component d of column k at u[((k + 1) D + d) W]."""

    dimension: int
    number: int
    width: int

    def place(self, k: int, d: int) -> int:
        """Return where a component stands in u."""
        return ((k + 1) * self.dimension + d) * self.width


def write_orthonormal(w: Writer, columns: Columns, wanted: Value) -> None:
    """Orthonormalise the columns in u and multiply their growth, product [K][W] and exponent [K][W] in past, in the lanes that are wanted."""
    vectors = [[w.load("%u", columns.place(k, d), width=columns.width) for d in range(columns.dimension)] for k in range(columns.number)]
    given = [list(vector) for vector in vectors]
    before = [_dot(w, vector, vector) for vector in vectors]
    for k in range(columns.number):
        square = _dot(w, vectors[k], vectors[k])
        if k:
            limit = w.mul(before[k], constant(_AGAIN**2, columns.width))
            square = _projected_again(w, vectors, k, w.compare("olt", square, limit), square)
        norm = w.call("sqrt", square)
        gone = w.compare("olt", square, w.fma(before[k], constant(_ROUNDING**2, columns.width), constant(_TINY, columns.width)))
        zero, one = constant(0.0, columns.width), constant(1.0, columns.width)
        inverse = w.select(gone, zero, w.div(one, norm))
        vectors[k] = [w.mul(value, inverse) for value in vectors[k]]
        for d, value in enumerate(vectors[k]):
            w.store(w.select(wanted, value, given[k][d]), "%u", columns.place(k, d))
        _multiply(w, columns, k, w.select(gone, zero, norm), wanted)
        for j in range(k + 1, columns.number):
            vectors[j] = _without(w, vectors[j], vectors[k])


def write_growth(w: Writer, count: int, width: int) -> None:
    """Write the logarithm of each column's growth to out [K][W], and begin anew with 1."""
    for k in range(count):
        product, exponent = (w.load("%past", (part * count + k) * width, width=width) for part in (0, 1))
        logarithm = call_elementary(w, "log", product)
        w.store(w.fma(exponent, constant(0.6931471805599453, width), logarithm), "%out", k * width)
        w.store(constant(1.0, width), "%past", k * width)
        w.store(constant(0.0, width), "%past", (count + k) * width)


def _dot(w: Writer, a: Sequence[Value], b: Sequence[Value]) -> Value:
    total = w.mul(a[0], b[0])
    for x, y in zip(a[1:], b[1:], strict=True):
        total = w.fma(x, y, total)
    return total


def _without(w: Writer, vector: Sequence[Value], unit: Sequence[Value]) -> list[Value]:
    """The part of a vector that is orthogonal to a unit vector."""
    minus = w.neg(_dot(w, unit, vector))
    return [w.fma(minus, u, v) for u, v in zip(unit, vector, strict=True)]


def _projected_again(w: Writer, vectors: list[list[Value]], k: int, needed: Value, square: Value) -> Value:
    """Take the earlier columns out of column k once more where it is needed, and return its squared length."""
    values = [*vectors[k], square]
    with detour(w, w.any(needed), values):
        again: list[Value] = list(vectors[k])
        for unit in vectors[:k]:
            again = _without(w, again, unit)
        values[:] = [w.select(needed, new, old) for new, old in zip([*again, _dot(w, again, again)], values, strict=True)]
    vectors[k] = values[:-1]
    return values[-1]


def _multiply(w: Writer, columns: Columns, k: int, norm: Value, wanted: Value) -> None:
    """Multiply the growth of column k, the product kept from 1 to 2 (0, infinity and NaN stay what they are)."""
    width, product, exponent = columns.width, k * columns.width, (columns.number + k) * columns.width
    old = w.load("%past", product, width=width)
    total = w.mul(old, norm)
    regular = w.both(w.compare("ogt", total, constant(0.0, width)), w.compare("olt", total, constant(float("inf"), width)))
    bits = w.convert("bitcast", total, "i64")
    mantissa = w.integer("or", w.integer("and", bits, whole(_MANTISSA, width)), whole(_BIAS << 52, width))
    turns = w.convert("sitofp", w.integer("sub", w.integer("lshr", bits, whole(52, width)), whole(_BIAS, width)), "double")
    new = w.select(regular, w.convert("bitcast", mantissa, "double"), total)
    w.store(w.select(wanted, new, old), "%past", product)
    count = w.load("%past", exponent, width=width)
    w.store(w.select(w.both(wanted, regular), w.add(count, turns), count), "%past", exponent)
