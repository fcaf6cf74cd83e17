"""Writing a function of this module that takes and returns vectors of doubles: bits, polynomials, and sums with their rounding errors.

More than four lanes are passed in halves of four: a vector of eight is one register or two, depending on the attributes of the function
that it stands in, and caller and callee would disagree.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chaosbench.kernels.control import detour
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.values import Value, constant, double, whole

Pair = tuple[Value, Value]  # a number as an unevaluated sum, the larger part first

SHIFT = 1.5 * 2.0**52  # added to a number below 2**51 in size, it leaves the nearest whole number in the lowest bits


def pieces_of(width: int) -> list[Value]:
    """Return nameless values of the types in which a value of so many lanes is passed."""
    return [Value("", min(width, 4))] * max(width // 4, 1)


def split(w: Writer, a: Value) -> list[Value]:
    """Cut a value into the pieces in which it is passed."""
    return [a] if a.width <= 4 else [w.shuffle(a, a, range(4)), w.shuffle(a, a, range(4, 8))]


def joined(w: Writer, pieces: Sequence[Value]) -> Value:
    """Put a value together from its pieces."""
    return pieces[0] if len(pieces) == 1 else w.shuffle(pieces[0], pieces[1], range(8))


def result_type(width: int, count: int) -> str:
    """Return the LLVM type of `count` results."""
    return "{ " + ", ".join(piece.type for piece in pieces_of(width) * count) + " }"


class FunctionWriter(Writer):
    """An internal function of `count` arguments, all of `width` lanes (1, 2, 4 or 8); `arguments` are their values inside.

    inside: the number of lanes to compute with, when that is more.
    """

    def __init__(self, assembly: Assembly, name: str, count: int, width: int, inside: int = 1) -> None:
        super().__init__(assembly, name, (), internal=True)
        self.name = name
        self.outside = width
        self.width = max(width, inside)
        given = [[piece._replace(text=f"%a{k}.{part}") for part, piece in enumerate(pieces_of(width))] for k in range(count)]
        self._parameters = ", ".join(piece.typed for pieces in given for piece in pieces)
        self.arguments = [self.splat(joined(self, pieces), self.width) for pieces in given]

    def finish_with(self, results: Sequence[Value | None]) -> None:
        """End the function and define it in the module; a result that nobody asked for is None and left undefined."""
        kind, each = result_type(self.outside, len(results)), len(pieces_of(self.outside))
        total = "poison"
        for k, result in enumerate(results):
            narrow = result if result is None or self.width == self.outside else self.lane(result, 0)
            for part, piece in enumerate([] if narrow is None else split(self, narrow)):
                total = self.put(f"insertvalue {kind} {total}, {piece.typed}, {each * k + part}")
        body = "\n".join(self.lines)
        head = f"define internal {kind} @{self.name}({self._parameters}) #3"
        self.assembly.define(self.name, f"{head} {{\nentry:\n{body}\n  ret {kind} {total}\n}}\n")

    # numbers ------------------------------------------------------------------------------------------------------------------------

    def number(self, value: float) -> Value:
        """A constant in all lanes."""
        return constant(value, self.width)

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Sum of c[k] x**k, the even and the odd part side by side."""
        even, odd = self.polynomials(self.mul(x, x), coefficients[0::2], coefficients[1::2])
        return self.fma(x, odd, even)

    def polynomials(self, x: Value, first: Sequence[float], second: Sequence[float]) -> Pair:
        """Two sums of c[k] x**k at one x, the second not longer than the first; a scalar takes both through one vector of two lanes."""
        if self.width > 1:
            return self._estrin(x, [self.number(c) for c in first]), self._estrin(x, [self.number(c) for c in second])
        padded = [*second, *[0.0] * (len(first) - len(second))]
        terms = [Value(f"<double {double(a)}, double {double(b)}>", 2) for a, b in zip(first, padded, strict=True)]
        both = self._estrin(self.splat(x, 2), terms)
        return self.lane(both, 0), self.lane(both, 1)

    def _estrin(self, x: Value, terms: list[Value]) -> Value:
        """Neighbours are joined, then pairs of neighbours, so that the chain of operations is short."""
        while len(terms) > 1:
            pairs = [self.fma(x, terms[k + 1], terms[k]) for k in range(0, len(terms) - 1, 2)]
            terms = pairs + terms[len(terms) - len(terms) % 2 :]
            x = self.mul(x, x) if len(terms) > 1 else x
        return terms[0]

    def ordered_sum(self, a: Value, b: Value) -> Pair:
        """A + b and its rounding error, exact where |a| >= |b| or a is zero (Dekker)."""
        total = self.add(a, b)
        return total, self.sub(b, self.sub(total, a))

    def product(self, a: Value, b: Value) -> Pair:
        """A * b and its rounding error, exact."""
        total = self.mul(a, b)
        return total, self.fma(a, b, self.neg(total))

    def quotient(self, a: tuple[Value, Value | None], b: tuple[Value, Value | None]) -> Pair:
        """A / b as a ratio and its excess, to be subtracted: one division, and the remainder."""
        inverse = self.div(self.number(1.0), b[0])
        ratio = self.mul(a[0], inverse)
        excess = self.fma(ratio, b[0], self.neg(a[0]))
        excess = excess if b[1] is None else self.fma(ratio, b[1], excess)
        excess = excess if a[1] is None else self.sub(excess, a[1])
        return ratio, self.mul(excess, inverse)

    def nearest(self, a: Value, factor: float) -> Pair:
        """The whole number nearest to a * factor, and the same plus SHIFT."""
        shifted = self.fma(a, self.number(factor), self.number(SHIFT))
        return self.sub(shifted, self.number(SHIFT)), shifted

    def power_of_two(self, exponent: Value) -> Value:
        """2**exponent for a whole number from -1022 to 1023."""
        return self.real(self.shifted("shl", self.bits(self.add(exponent, self.number(SHIFT + 1023))), 52))

    # bits ---------------------------------------------------------------------------------------------------------------------------

    def bits(self, a: Value) -> Value:
        """The bits of a double."""
        return self.convert("bitcast", a, "i64")

    def real(self, bits: Value) -> Value:
        """The double with these bits."""
        return self.convert("bitcast", bits, "double")

    def shifted(self, instruction: str, bits: Value, places: int) -> Value:
        """The bits moved by so many places: "shl" or "lshr"."""
        return self.integer(instruction, bits, whole(places, self.width))

    def masked(self, bits: Value, mask: int) -> Value:
        """The bits that a mask of 64 bits keeps."""
        return self.integer("and", bits, whole(mask if mask < 1 << 63 else mask - (1 << 64), self.width))

    def sign_of(self, a: Value) -> Value:
        """The sign bit alone."""
        return self.masked(self.bits(a), 1 << 63)

    def with_sign(self, a: Value, sign: Value) -> Value:
        """A with its sign changed where the sign bit is set."""
        return self.real(self.integer("xor", self.bits(a), sign))

    # control ------------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def detour(self, condition: Value, values: list[Value]) -> Iterator[None]:
        """Write a block that runs only when the condition holds in some lane; what it puts into `values` is valid after it."""
        with detour(self, self.any(condition), values):
            yield
