"""Transforms between lines of real numbers and the lower half of their spectra, of which only some columns are kept.

A line of N real numbers [N][W] is, as it stands in memory, a sequence of N/2 complex ones, even places real parts, odd places imaginary parts. One
complex transform of half the length and one pass over the columns that are kept do the rest.

Source: W. H. Press, S. A. Teukolsky, W. T. Vetterling, B. P. Flannery, Numerical Recipes, 3rd ed. (2007), section 12.3.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.fourier import LANES, Complex, load, store, table, write_transform
from chaosbench.kernels.roots import roots_of_unity
from chaosbench.kernels.values import Index, Value, constant

_SIZE = 2 * LANES


def write_real_inverse(assembly: Assembly, n: int, kept: int) -> str:
    """Write the function (columns, line, other, another) and return its name: columns [kept][2][W] to n real numbers, as n times numpy's irfft.

    The imaginary parts of the first column and of column n/2 are not read. `columns` stays as it is.
    """
    name = f"to_line_{n}_{kept}"
    transform = write_transform(assembly, n // 2, inverse=True)
    if assembly.defines(name):
        return name
    assembly.define(name, "")
    half = n // 2
    w = Writer(assembly, name, ("columns", "line", "other", "another"), internal=True)
    angles = _angles(assembly, n)
    marks = sorted({0, 1, half, *(k for k in (kept, half - kept + 1) if 0 < k < half)})
    for start, stop in pairwise(marks):
        below, beyond = start < kept, half - start < kept
        with rounds(w, stop - start) as k:
            z = _mirrored(w, k, start, half, (below, beyond), angles)
            store(w, z, "%other", start * _SIZE, w.times(k, _SIZE))
    w.procedure(transform, ("%other", "%line", "%another"))
    w.finish()
    return name


def _mirrored(w: Writer, k: Index, start: int, half: int, there: tuple[bool, bool], angles: str) -> Complex:
    """Entry start + k of the half-length sequence from column start + k and its mirror image, either of which may be absent."""
    below, beyond = there
    zero = constant(0.0, LANES)
    if not (below or beyond):
        return Complex(zero, zero)
    a = load(w, "%columns", start * _SIZE, w.times(k, _SIZE)) if below else Complex(zero, zero)
    b = load(w, "%columns", (half - start) * _SIZE, w.times(k, -_SIZE)) if beyond else Complex(zero, zero)
    if start == 0:  # the first and the last column are real
        a, b = Complex(a.re, zero), Complex(b.re, zero)
    sums, difference = _folded(w, a, b, there)
    c, s = _angle(w, angles, start, k)
    re = w.fma(w.neg(c), difference.im, w.fma(w.neg(s), difference.re, sums.re))
    im = w.fma(c, difference.re, w.fma(w.neg(s), difference.im, sums.im))
    return Complex(re, im)


def write_real_forward(assembly: Assembly, n: int, kept: int) -> str:
    """Write the function (line, columns, other, another) and return its name: n real numbers to columns [kept][2][W], as twice numpy's rfft.

    `line` stays as it is.
    """
    name = f"to_columns_{n}_{kept}"
    transform = write_transform(assembly, n // 2, inverse=False)
    if assembly.defines(name):
        return name
    assembly.define(name, "")
    half = n // 2
    w = Writer(assembly, name, ("line", "columns", "other", "another"), internal=True)
    angles = _angles(assembly, n)
    w.procedure(transform, ("%line", "%other", "%another"))
    for start, stop in pairwise(sorted({0, 1, kept, *([half] if half < kept else [])})):
        with rounds(w, stop - start) as k:
            a = load(w, "%other", (start % half) * _SIZE, w.times(k, _SIZE))
            b = load(w, "%other", ((half - start) % half) * _SIZE, w.times(k, -_SIZE))
            sums, difference = _folded(w, a, b, (True, True))
            c, s = _angle(w, angles, start, k)
            re = w.fma(c, difference.im, w.fma(w.neg(s), difference.re, sums.re))
            im = w.fma(w.neg(c), difference.re, w.fma(w.neg(s), difference.im, sums.im))
            store(w, Complex(re, im), "%columns", start * _SIZE, w.times(k, _SIZE))
    w.finish()
    return name


def _folded(w: Writer, a: Complex, b: Complex, there: tuple[bool, bool]) -> tuple[Complex, Complex]:
    """A + conj b and a - conj b."""
    if not there[1]:
        return a, a
    if not there[0]:
        return Complex(b.re, w.neg(b.im)), Complex(w.neg(b.re), b.im)
    return Complex(w.add(a.re, b.re), w.sub(a.im, b.im)), Complex(w.sub(a.re, b.re), w.add(a.im, b.im))


def _angles(assembly: Assembly, n: int) -> str:
    return table(assembly, [part for root in roots_of_unity(n)[: n // 2 + 1] for part in root])


def _angle(w: Writer, angles: str, start: int, k: Index) -> tuple[Value, Value]:
    place = w.times(k, 2)
    c, s = (w.load(angles, 2 * start + part, place) for part in range(2))
    return w.splat(c, LANES), w.splat(s, LANES)


@contextmanager
def rounds(w: Writer, length: int) -> Iterator[Index]:
    """A loop over k < length, or no loop for a single round."""
    if length == 1:
        yield Index()
        return
    with counted(w, length, 1) as loop:
        yield loop.index
