"""Orthonormal columns in every lane at once, and the logarithm of the volume that they had.

Modified Gram-Schmidt, right-looking where the columns are few: a finished column is taken out of all later ones. A column that lost four digits is
projected again (Kahan: twice is enough), so that columns are orthogonal to 1e-12 at worst; a lane where that is not needed keeps its bits whatever
its neighbours do.
A column without length becomes zero, and the logarithm of its growth minus infinity; so does one that keeps less than 1e-15 of its length, which is
nothing but rounding (a singular map).

Growth is kept as product * 2**exponent, one logarithm a record: products of norms neither overflow nor cost a logarithm each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chaosbench.kernels.control import counted, detour, repeat, when
from chaosbench.kernels.elementary import call_elementary
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Index, Value, constant, whole

_TINY = 1e-290  # a squared length below it is none
_AGAIN = 1e-4
_ROUNDING = 1e-15
_UNROLLED = 1500  # numbers in all inner products: written out up to here
_MANTISSA = (1 << 52) - 1
_BIAS = 1023


class Columns(NamedTuple):
    """K columns of D numbers a lane: component d of column k at u[((k + 1) D + d) W]; scratch: where past has room for one more."""

    dimension: int
    number: int
    width: int
    scratch: int

    def place(self, k: int, d: int) -> int:
        """Return where a component stands in u."""
        return ((k + 1) * self.dimension + d) * self.width


def write_orthonormal(w: Writer, columns: Columns, wanted: Value) -> None:
    """Orthonormalise the columns in u and multiply their growth, product [K][W] and exponent [K][W] in past, in the lanes that are wanted."""
    if columns.dimension * columns.number**2 > _UNROLLED:
        _write_loops(w, columns, wanted)
        return
    vectors = [[w.load("%u", columns.place(k, d), width=columns.width) for d in range(columns.dimension)] for k in range(columns.number)]
    given = [list(vector) for vector in vectors]
    before = [_dot(w, vector, vector) for vector in vectors]
    for k in range(columns.number):
        square = _dot(w, vectors[k], vectors[k])
        if k:
            square = _projected_again(w, vectors, k, _lost(w, square, before[k]), square)
        inverse, norm = _inverse(w, square, before[k])
        vectors[k] = [w.mul(value, inverse) for value in vectors[k]]
        for d, value in enumerate(vectors[k]):
            w.store(w.select(wanted, value, given[k][d]), "%u", columns.place(k, d))
        _multiply(w, columns, Index("", k), norm, wanted)
        for j in range(k + 1, columns.number):
            vectors[j] = _without(w, vectors[j], vectors[k])


def _write_loops(w: Writer, columns: Columns, wanted: Value) -> None:
    """The same for many columns, in loops: the finished columns are taken out of one after the other, which stands in the scratch meanwhile."""
    width, dimension = columns.width, columns.dimension
    with counted(w, columns.number, 1) as loop:
        offset = w.times(loop.index, dimension * width)
        given = [w.load("%u", columns.place(0, d), offset, width=width) for d in range(dimension)]
        before = _dot(w, given, given)
        _store_scratch(w, columns, given)
        with when(w, w.compare_integers("ugt", Value(loop.index.name, 1, "i64"), whole(0))):
            _project(w, columns, loop.index, w.compare("oeq", before, before))
        vector = _load_scratch(w, columns)
        needed = _lost(w, _dot(w, vector, vector), before)
        with when(w, w.any(needed)):
            _project(w, columns, loop.index, needed)
        vector = _load_scratch(w, columns)
        inverse, norm = _inverse(w, _dot(w, vector, vector), before)
        for d, value in enumerate(vector):
            old = w.load("%u", columns.place(0, d), offset, width=width)
            w.store(w.select(wanted, w.mul(value, inverse), old), "%u", columns.place(0, d), offset)
        _multiply(w, columns, loop.index, norm, wanted)
        loop.close([])


def _project(w: Writer, columns: Columns, k: Index, needed: Value) -> None:
    """Take the columns before column k, of which there are some, out of the scratch."""
    width, dimension = columns.width, columns.dimension
    with repeat(w, [whole(0)]) as loop:
        [p] = loop.carried
        offset = w.times(Index(p.text), dimension * width)
        unit = [w.load("%u", columns.place(0, d), offset, width=width) for d in range(dimension)]
        vector = _load_scratch(w, columns)
        minus = w.select(needed, w.neg(_dot(w, unit, vector)), constant(0.0, width))
        _store_scratch(w, columns, [w.fma(minus, x, v) for x, v in zip(unit, vector, strict=True)])
        following = w.integer("add", p, whole(1))
        loop.close([following], w.compare_integers("ult", following, Value(k.name, 1, "i64")))


def _load_scratch(w: Writer, columns: Columns) -> list[Value]:
    return [w.load("%past", columns.scratch + d * columns.width, width=columns.width) for d in range(columns.dimension)]


def _store_scratch(w: Writer, columns: Columns, vector: Sequence[Value]) -> None:
    for d, value in enumerate(vector):
        w.store(value, "%past", columns.scratch + d * columns.width)


def _lost(w: Writer, square: Value, before: Value) -> Value:
    """Whether a column of this squared length has lost so much of it that it must be projected again."""
    return w.compare("olt", square, w.mul(before, constant(_AGAIN**2, square.width)))


def _inverse(w: Writer, square: Value, before: Value) -> tuple[Value, Value]:
    """What makes a column of this squared length a unit vector, and its length; 0 and 0 for nothing but rounding."""
    zero, one = constant(0.0, square.width), constant(1.0, square.width)
    gone = w.compare("olt", square, w.fma(before, constant(_ROUNDING**2, square.width), constant(_TINY, square.width)))
    norm = w.call("sqrt", square)
    return w.select(gone, zero, w.div(one, norm)), w.select(gone, zero, norm)


def write_growth(w: Writer, count: int, width: int) -> None:
    """Write the logarithm of each column's growth to out [K][W], and begin anew with 1."""
    for k in range(count):
        product, exponent = (w.load("%past", (part * count + k) * width, width=width) for part in (0, 1))
        logarithm = call_elementary(w, "log", product)
        w.store(w.fma(exponent, constant(0.6931471805599453, width), logarithm), "%out", k * width)
        w.store(constant(1.0, width), "%past", k * width)
        w.store(constant(0.0, width), "%past", (count + k) * width)


def _dot(w: Writer, a: Sequence[Value], b: Sequence[Value]) -> Value:
    """The inner product: up to eight terms in one chain, more in four."""
    rows = 1 if len(a) <= 8 else 4
    totals = [w.mul(x, y) for x, y in zip(a[:rows], b[:rows], strict=True)]
    for k, (x, y) in enumerate(zip(a[rows:], b[rows:], strict=True)):
        totals[k % rows] = w.fma(x, y, totals[k % rows])
    return totals[0] if rows == 1 else w.add(w.add(totals[0], totals[1]), w.add(totals[2], totals[3]))


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


def _multiply(w: Writer, columns: Columns, k: Index, norm: Value, wanted: Value) -> None:
    """Multiply the growth of column k, the product kept from 1 to 2 (0, infinity and NaN stay what they are)."""
    width, place = columns.width, w.times(k, columns.width)
    exponents = columns.number * width
    old = w.load("%past", 0, place, width=width)
    total = w.mul(old, norm)
    regular = w.both(w.compare("ogt", total, constant(0.0, width)), w.compare("olt", total, constant(float("inf"), width)))
    bits = w.convert("bitcast", total, "i64")
    mantissa = w.integer("or", w.integer("and", bits, whole(_MANTISSA, width)), whole(_BIAS << 52, width))
    turns = w.convert("sitofp", w.integer("sub", w.integer("lshr", bits, whole(52, width)), whole(_BIAS, width)), "double")
    new = w.select(regular, w.convert("bitcast", mantissa, "double"), total)
    w.store(w.select(wanted, new, old), "%past", 0, place)
    count = w.load("%past", exponents, place, width=width)
    w.store(w.select(w.both(wanted, regular), w.add(count, turns), count), "%past", exponents, place)
