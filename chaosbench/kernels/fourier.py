"""The discrete Fourier transform of as many sequences as there are lanes, as loops over butterflies of radix 4, 2, 3 and 5.

Method: Stockham's self-sorting passes between two arrays, decimation in frequency; no sum over lanes, so a lane has the same bits whatever stands
beside it. The twiddle factors are correctly rounded and every product and sum is written out, so that the bits are the same on every processor.

A complex sequence of n numbers is an array [n][2][W]: real parts, imaginary parts. Transforms are not normalised.

Source: T. G. Stockham, AFIPS Spring Joint Computer Conference 28, 229-233 (1966); C. Van Loan, Computational Frameworks for the Fast Fourier
Transform (1992), chapter 1.
"""

from typing import NamedTuple

from chaosbench.errors import KernelError
from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.roots import roots_of_unity
from chaosbench.kernels.values import Index, Value, constant, double

LANES = 4  # numbers in a vector of 256 bits; eight would keep twice as many values as there are registers


class Complex(NamedTuple):
    """A complex number a lane."""

    re: Value
    im: Value


def factors_of(n: int) -> tuple[int, ...]:
    """Return the radices of the passes, the odd ones last; KernelError if n has a prime factor above 5."""
    found, rest = [], n
    for radix in (4, 2, 3, 5):
        while rest % radix == 0:
            found.append(radix)
            rest //= radix
    if rest != 1:
        raise KernelError(f"a transform of {n} points: {n} has the factor {rest}; rule: a product of powers of 2, 3 and 5; take another number")
    return tuple(found)


def write_transform(assembly: Assembly, n: int, *, inverse: bool) -> str:
    """Write the function (source, target, other) once and return its name; the source is kept, all three are disjoint."""
    name = f"{'inverse' if inverse else 'forward'}_{n}"
    if assembly.defines(name):
        return name
    assembly.define(name, "")  # the name is taken; the text follows below
    w = Writer(assembly, name, ("source", "target", "other"), internal=True)
    passes = factors_of(n)
    left, stride, source = n, 1, "%source"
    for number, radix in enumerate(passes):
        target = "%target" if (len(passes) - 1 - number) % 2 == 0 else "%other"
        _write_pass(w, source, target, radix, left // radix, stride, inverse)
        left, stride, source = left // radix, stride * radix, target
    if not passes:
        store(w, load(w, "%source"), "%target")
    w.finish()
    return name


def load(w: Writer, base: str, offset: int = 0, *indices: Index) -> Complex:
    """Read the number whose real parts begin at base[offset + indices]."""
    return Complex(w.load(base, offset, *indices, width=LANES), w.load(base, offset + LANES, *indices, width=LANES))


def store(w: Writer, z: Complex, base: str, offset: int = 0, *indices: Index) -> None:
    """Write a number."""
    w.store(z.re, base, offset, *indices)
    w.store(z.im, base, offset + LANES, *indices)


def table(assembly: Assembly, numbers: list[float]) -> str:
    """Add constant numbers to the module and return the name of their address."""
    name = f"@table_{len(assembly.tables)}"
    text = f"{name} = internal constant [{len(numbers)} x double] [{', '.join(f'double {double(number)}' for number in numbers)}]"
    return assembly.tables.setdefault(text.partition("=")[2], (name, text))[0]


def _write_pass(w: Writer, source: str, target: str, radix: int, m: int, stride: int, inverse: bool) -> None:
    """Write y[q + s (r p + j)] = w^(p j) sum_i x[q + s (p + m i)] exp(-+ 2 pi i j/r), p < m, q < s."""
    size = 2 * LANES
    roots = roots_of_unity(m * radix)
    numbers = [part for p in range(m) for j in range(1, radix) for part in roots[p * j]]
    twiddles = table(w.assembly, numbers) if m > 1 else ""

    def butterflies(p: Index, factors: list[tuple[Value, Value]]) -> None:
        first, reached = w.times(p, stride * size), w.times(p, radix * stride * size)

        def butterfly(q: Index) -> None:
            place = w.times(q, size)
            given = [load(w, source, i * m * stride * size, first, place) for i in range(radix)]
            found = _BUTTERFLIES[radix](w, given, inverse)
            for j, z in enumerate(found):
                turned = z if j == 0 or not factors else _turn(w, z, *factors[j - 1], inverse=inverse)
                store(w, turned, target, j * stride * size, reached, place)

        if stride == 1:
            butterfly(Index())
        else:
            with counted(w, stride, 1) as inner:
                butterfly(inner.index)

    if m == 1:
        butterflies(Index(), [])
        return
    with counted(w, m, 1) as loop:
        entry = w.times(loop.index, 2 * (radix - 1))
        pairs = [[w.splat(w.load(twiddles, 2 * j + part, entry), LANES) for part in range(2)] for j in range(radix - 1)]
        butterflies(loop.index, [(c, s) for c, s in pairs])


def _turn(w: Writer, z: Complex, c: Value, s: Value, *, inverse: bool) -> Complex:
    """Z (c - i s), inverse z (c + i s)."""
    if inverse:
        return Complex(w.fma(w.neg(z.im), s, w.mul(z.re, c)), w.fma(z.re, s, w.mul(z.im, c)))
    return Complex(w.fma(z.im, s, w.mul(z.re, c)), w.fma(w.neg(z.re), s, w.mul(z.im, c)))


def add(w: Writer, a: Complex, b: Complex) -> Complex:
    """A + b."""
    return Complex(w.add(a.re, b.re), w.add(a.im, b.im))


def sub(w: Writer, a: Complex, b: Complex) -> Complex:
    """A - b."""
    return Complex(w.sub(a.re, b.re), w.sub(a.im, b.im))


def _plus_i(w: Writer, a: Complex, b: Complex, inverse: bool) -> tuple[Complex, Complex]:
    """(a - i b, a + i b), the other way round for the inverse."""
    less = Complex(w.add(a.re, b.im), w.sub(a.im, b.re))
    more = Complex(w.sub(a.re, b.im), w.add(a.im, b.re))
    return (more, less) if inverse else (less, more)


def _radix2(w: Writer, x: list[Complex], inverse: bool) -> list[Complex]:
    return [add(w, x[0], x[1]), sub(w, x[0], x[1])]


def _radix4(w: Writer, x: list[Complex], inverse: bool) -> list[Complex]:
    even, odd = add(w, x[0], x[2]), add(w, x[1], x[3])
    difference, other = sub(w, x[0], x[2]), sub(w, x[1], x[3])
    first, third = _plus_i(w, difference, other, inverse)
    return [add(w, even, odd), first, sub(w, even, odd), third]


def _scaled(w: Writer, number: float, z: Complex, plus: Complex | None = None) -> Complex:
    """Number z, plus something."""
    factor = constant(number, LANES)
    if plus is None:
        return Complex(w.mul(factor, z.re), w.mul(factor, z.im))
    return Complex(w.fma(factor, z.re, plus.re), w.fma(factor, z.im, plus.im))


def _radix3(w: Writer, x: list[Complex], inverse: bool) -> list[Complex]:
    total, difference = add(w, x[1], x[2]), sub(w, x[1], x[2])
    middle, side = _scaled(w, -0.5, total, x[0]), _scaled(w, roots_of_unity(3)[1][1], difference)
    return [add(w, x[0], total), *_plus_i(w, middle, side, inverse)]


def _radix5(w: Writer, x: list[Complex], inverse: bool) -> list[Complex]:
    (c1, s1), (c2, s2) = roots_of_unity(5)[1:3]
    outer, inner = add(w, x[1], x[4]), add(w, x[2], x[3])
    out, within = sub(w, x[1], x[4]), sub(w, x[2], x[3])
    first = _scaled(w, c2, inner, _scaled(w, c1, outer, x[0]))
    second = _scaled(w, c1, inner, _scaled(w, c2, outer, x[0]))
    side, other = _scaled(w, s2, within, _scaled(w, s1, out)), _scaled(w, -s1, within, _scaled(w, s2, out))
    one, four = _plus_i(w, first, side, inverse)
    two, three = _plus_i(w, second, other, inverse)
    return [add(w, x[0], add(w, outer, inner)), one, two, three, four]


_BUTTERFLIES = {2: _radix2, 3: _radix3, 4: _radix4, 5: _radix5}
