"""Complex expressions as two real ones: what is evaluated on the grid of complex fields, and complex constants."""

from collections.abc import Mapping
from typing import NamedTuple

from chaosbench.dynamics.field_check import IMAGINARY
from chaosbench.errors import DefinitionError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.tree import ONE, ZERO, Binary, Call, Compare, Expression, Name, Number, Unary, names_in, rebuild

_LARGEST_POWER = 16


class Pair(NamedTuple):
    """re + i im; an imaginary part that vanishes identically is None."""

    re: Expression
    im: Expression | None = None


def to_pair(tree: Expression, variables: Mapping[str, Pair], where: str) -> Pair:
    """Return the real and imaginary part of `tree`; `variables` gives those of complex names, all other names are real.

    Raises DefinitionError, starting with `where`, for a function of a complex number that only exists for real ones.
    """
    return _Complex(variables, where).visit(tree)


def complex_constant(tree: Expression, names: Mapping[str, float], where: str) -> complex:
    """Return the value of a constant expression that may hold I. Raises DefinitionError."""
    if IMAGINARY not in names_in(tree):
        return complex(constant_value(tree, names, where=where))
    pair = to_pair(tree, {}, where)
    return complex(constant_value(pair.re, names, where=where), 0.0 if pair.im is None else constant_value(pair.im, names, where=where))


class _Complex:
    def __init__(self, variables: Mapping[str, Pair], where: str) -> None:
        self.variables, self.where = variables, where

    def visit(self, tree: Expression) -> Pair:
        match tree:
            case Name(name):
                return Pair(ZERO, ONE) if name == IMAGINARY else self.variables.get(name, Pair(tree))
            case Unary("neg", arg):
                value = self.visit(arg)
                return Pair(Unary("neg", value.re), None if value.im is None else Unary("neg", value.im))
            case Binary("pow", base, exponent):
                return self.power(self.visit(base), exponent, tree)
            case Binary(op, left, right):
                return self.binary(op, self.visit(left), self.visit(right))
            case Call("conj", (arg,)):
                value = self.visit(arg)
                return Pair(value.re, None if value.im is None else Unary("neg", value.im))
            case Call("re", (arg,)):
                return Pair(self.visit(arg).re)
            case Call("im", (arg,)):
                return Pair(self.visit(arg).im or ZERO)
            case Call("abs2", (arg,)):
                return Pair(_square(self.visit(arg)))
        return Pair(rebuild(tree, self.real))

    def real(self, tree: Expression) -> Expression:
        """The value of an argument that must be real."""
        if isinstance(tree, Compare):
            return rebuild(tree, self.real)
        value = self.visit(tree)
        if value.im is not None:
            rule = "complex numbers may be added, multiplied, divided, raised to whole powers, and given to conj, re, im and abs2"
            raise DefinitionError(f"{self.where}: a function or comparison is given a complex number; rule: {rule}; take re(...) or im(...) of it")
        return value.re

    def binary(self, op: str, left: Pair, right: Pair) -> Pair:
        match op:
            case "add" | "sub":
                im = right.im if left.im is None else left.im
                if left.im is not None and right.im is not None:
                    im = Binary("add" if op == "add" else "sub", left.im, right.im)
                elif left.im is None and op == "sub" and right.im is not None:
                    im = Unary("neg", right.im)
                return Pair(_combined("add" if op == "add" else "sub", left.re, right.re), im)
            case "mul":
                return _product(left, right)
            case "div":
                if right.im is None:
                    return Pair(Binary("div", left.re, right.re), None if left.im is None else Binary("div", left.im, right.re))
                turned = _product(left, Pair(right.re, Unary("neg", right.im)))
                size = _square(right)
                return Pair(Binary("div", turned.re, size), None if turned.im is None else Binary("div", turned.im, size))
        if left.im is not None or right.im is not None:
            raise DefinitionError(f"{self.where}: % is given a complex number; it is for real ones; take re(...) or im(...) of it")
        return Pair(Binary("mod", left.re, right.re))

    def power(self, base: Pair, exponent: Expression, tree: Expression) -> Pair:
        if base.im is None:
            return Pair(Binary("pow", base.re, self.real(exponent)))
        whole = isinstance(exponent, Number) and exponent.value == int(exponent.value) and 1 <= exponent.value <= _LARGEST_POWER
        if not whole or not isinstance(exponent, Number):
            raise DefinitionError(
                f"{self.where}: a power of a complex number is not a whole one; rule: 1 to {_LARGEST_POWER}, written out; take abs2(...) for |A|**2"
            )
        result = base
        for _ in range(int(exponent.value) - 1):
            result = _product(result, base)
        return result


def _combined(op: str, left: Expression, right: Expression) -> Expression:
    """left +- right without zeros, which stand for parts that vanish identically."""
    if right == ZERO:
        return left
    if left == ZERO:
        return right if op == "add" else Unary("neg", right)
    return Binary("add" if op == "add" else "sub", left, right)


def _times(left: Expression, right: Expression) -> Expression:
    if ZERO in (left, right):
        return ZERO
    if left == ONE:
        return right
    return left if right == ONE else Binary("mul", left, right)


def _product(left: Pair, right: Pair) -> Pair:
    if left.im is None and right.im is None:
        return Pair(_times(left.re, right.re))
    if left.im is None:
        return Pair(_times(left.re, right.re), _times(left.re, right.im or ZERO))
    if right.im is None:
        return Pair(_times(left.re, right.re), _times(left.im, right.re))
    re = _combined("sub", _times(left.re, right.re), _times(left.im, right.im))
    return Pair(re, _combined("add", _times(left.re, right.im), _times(left.im, right.re)))


def _square(value: Pair) -> Expression:
    square = Binary("mul", value.re, value.re)
    return square if value.im is None else Binary("add", square, Binary("mul", value.im, value.im))
