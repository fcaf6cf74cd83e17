"""Partial derivatives of trees: how a Hamiltonian becomes equations, and what info pages print.

The derived trees are kept small by structural zeros and ones and by joining numeric factors; nothing else is simplified.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from chaosbench.errors import DefinitionError
from chaosbench.expressions.tree import ONE, ZERO, Binary, Call, Compare, Delay, Element, Expression, Name, Number, Sum, Unary, number, rebuild, walk


@dataclass(frozen=True)
class Target:
    """What is differentiated by: the scalar `name`, or if `indexed` the cell name[i] (then only cells inside sums depend on it)."""

    name: str
    indexed: bool = False
    boundary: Literal["periodic", "zero"] = "periodic"
    size_name: str = "N"


def derivative(tree: Expression, by: Target, *, where: str, negative: bool = False) -> Expression:
    """Return the partial derivative of the scalar expression `tree`, or its negative.

    For an indexed target, d/dx[i] of sum(j, f(x[j], x[j+1], ...)) is the sum over the offsets a of (df/dx[j+a]) at j = i - a; with a zero
    boundary a term whose j would lie outside 0..N-1 is left out by a `where`.
    Raises DefinitionError, starting with `where`, for a delay.
    """
    slope = _Derivative(by, where).visit(tree)
    return _tidy(neg(slope) if negative else slope)


class _Derivative:
    def __init__(self, by: Target, where: str, offset: int | None = None) -> None:
        self.by = by
        self.where = where
        self.offset = offset  # inside a sum: the cell x[j+offset] is the variable

    def visit(self, tree: Expression) -> Expression:
        match tree:
            case Number():
                return ZERO
            case Name(name):
                return ONE if name == self.by.name and not self.by.indexed else ZERO
            case Element(name, _, offset, _):
                return ONE if name == self.by.name and offset == self.offset else ZERO
            case Unary(_, arg):
                return neg(self.visit(arg))
            case Binary(op, left, right):
                return _BINARY[op](left, right, self.visit(left), self.visit(right))
            case Call("mean", (Name(name),)):
                return div(ONE, Name(self.by.size_name)) if name == self.by.name else ZERO
            case Call("where", (condition, first, second)):
                return branch(condition, self.visit(first), self.visit(second))
            case Call(function, args) if len(args) == 1:
                return mul(_slope(function, args[0]), self.visit(args[0]))
            case Call(function, (first, second)):
                return _TWO[function](first, second, self.visit(first), self.visit(second))
            case Sum(body):
                return self.cells(body) if self.by.indexed else total(self.visit(body), self.by.size_name)
            case Delay():
                raise DefinitionError(f"{self.where}: a delay cannot stand in an expression that is differentiated; remove it")
        raise TypeError(f"{tree!r} is not an expression")

    def cells(self, body: Expression) -> Expression:
        offsets = sorted({part.offset for part in walk(body) if isinstance(part, Element) and part.name == self.by.name})
        result: Expression = ZERO
        for offset in offsets:
            term = self.moved(_Derivative(self.by, self.where, offset).visit(body), offset)
            if offset and self.by.boundary == "zero" and term != ZERO:
                term = branch(self.inside(offset), term, ZERO)
            result = add(result, term)
        return result

    def moved(self, tree: Expression, offset: int) -> Expression:
        """Return the term of a sum at j = i - offset: a function of i."""
        match tree:
            case Element(name, _, there, _):
                return Element(name, "i", there - offset)
            case Name("j"):
                cell = sub(Name("i"), number(offset)) if offset > 0 else add(Name("i"), number(-offset))
                return Binary("mod", cell, Name(self.by.size_name)) if offset and self.by.boundary == "periodic" else cell
            case _:
                return rebuild(tree, lambda part: self.moved(part, offset))

    def inside(self, offset: int) -> Compare:
        if offset > 0:
            return Compare("ge", Name("i"), number(offset))
        return Compare("lt", Name("i"), sub(Name(self.by.size_name), number(-offset)))


def add(left: Expression, right: Expression) -> Expression:
    """Return left + right without structural zeros; a negative right is subtracted."""
    if left == ZERO or right == ZERO:
        return right if left == ZERO else left
    return Binary("sub", left, right.arg) if isinstance(right, Unary) else Binary("add", left, right)


def sub(left: Expression, right: Expression) -> Expression:
    """Return left - right without structural zeros."""
    if left == ZERO or right == ZERO:
        return neg(right) if left == ZERO else left
    return Binary("add", left, right.arg) if isinstance(right, Unary) else Binary("sub", left, right)


def neg(tree: Expression) -> Expression:
    """Return -tree without structural zeros or double signs; sums are negated term by term, which changes no bits."""
    match tree:
        case Number(0.0, _):
            return ZERO
        case Unary(_, arg):
            return arg
        case Binary("sub", left, right):
            return Binary("add", left.arg, right) if isinstance(left, Unary) else Binary("sub", right, left)
        case Binary("add", left, right):
            return Binary("sub", neg(left), right)
        case _:
            return Unary("neg", tree)


def mul(left: Expression, right: Expression) -> Expression:
    """Return left * right without structural zeros and ones; signs and numbers go to the front."""
    if left == ZERO or right == ZERO:
        return ZERO
    if isinstance(left, Unary):
        return neg(mul(left.arg, right))
    if isinstance(right, Unary):
        return neg(mul(left, right.arg))
    (first, left), (second, right) = _split(left), _split(right)
    rest = right if left == ONE else left if right == ONE else _chained(left, right)
    return _scaled(first * second, rest)


def _chained(left: Expression, right: Expression) -> Expression:
    """Return left * right grouped from the left, so that it prints without brackets."""
    if isinstance(right, Binary) and right.op == "mul":
        return Binary("mul", _chained(left, right.left), right.right)
    return Binary("mul", left, right)


def div(left: Expression, right: Expression) -> Expression:
    """Return left / right without structural zeros and ones; (2*x)/2 is x."""
    if left == ZERO or right == ONE:
        return left
    if isinstance(left, Unary):
        return neg(div(left.arg, right))
    factor, rest = _split(left)
    if isinstance(right, Number) and factor % right.value == 0:
        return _scaled(factor / right.value, rest)
    return Binary("div", left, right)


def _split(tree: Expression) -> tuple[float, Expression]:
    """Return the leading number of a product and what it multiplies."""
    match tree:
        case Number(value, _):
            return value, ONE
        case Binary("mul", left, right):
            factor, rest = _split(left)
            return factor, right if rest == ONE else Binary("mul", rest, right)
        case _:
            return 1.0, tree


def _scaled(factor: float, tree: Expression) -> Expression:
    """Return factor * tree with the number as the first factor of a product."""
    if factor == 1.0 or tree == ONE:
        return tree if factor == 1.0 else number(factor)
    if isinstance(tree, Binary) and tree.op == "mul":
        return Binary("mul", _scaled(factor, tree.left), tree.right)
    return Binary("mul", number(factor), tree)


def _tidy(tree: Expression) -> Expression:
    """Write -(a*b) as -a*b, which is how one writes it."""
    match tree:
        case Unary(_, Binary("mul" | "div" as op, left, right)):
            return Binary(op, _tidy(neg(left)), _tidy(right))
        case _:
            return rebuild(tree, _tidy)


def branch(condition: Expression, first: Expression, second: Expression) -> Expression:
    """Return where(condition, first, second), or the common value."""
    return first if first == second else Call("where", (condition, first, second))


def total(body: Expression, size_name: str) -> Expression:
    """Return sum(j, body) without structural zeros."""
    if body == ZERO:
        return ZERO
    return mul(Name(size_name), body) if isinstance(body, Number) else Sum(body)


def power(base: Expression, exponent: Expression) -> Expression:
    """Return base**exponent; exponents 0 and 1 vanish."""
    if isinstance(exponent, Number) and exponent.value in (0.0, 1.0):
        return base if exponent.value else ONE
    return Binary("pow", base, exponent)


def _power(base: Expression, exponent: Expression, dbase: Expression, dexponent: Expression) -> Expression:
    lower: Expression
    match exponent:
        case Number(value, _):
            lower = number(value - 1) if value >= 1 else neg(number(1 - value))
        case Unary(_, Number(value, _)):
            lower = neg(number(value + 1))
        case _:
            lower = sub(exponent, ONE)
    slope = mul(mul(exponent, power(base, lower)), dbase)
    return add(slope, mul(mul(power(base, exponent), Call("log", (base,))), dexponent))


def _angle(y: Expression, x: Expression, dy: Expression, dx: Expression) -> Expression:
    square = Binary("add", power(x, number(2)), power(y, number(2)))
    return div(sub(mul(x, dy), mul(y, dx)), square)


def _modulo(a: Expression, m: Expression, da: Expression, dm: Expression) -> Expression:
    return sub(da, mul(Call("floor", (Binary("div", a, m),)), dm))


def _slope(function: str, x: Expression) -> Expression:
    square = power(x, number(2))
    one_minus = Call("sqrt", (Binary("sub", ONE, square),))
    slopes: dict[str, Callable[[], Expression]] = {
        "sin": lambda: Call("cos", (x,)),
        "cos": lambda: neg(Call("sin", (x,))),
        "tan": lambda: Binary("add", ONE, power(Call("tan", (x,)), number(2))),
        "asin": lambda: div(ONE, one_minus),
        "acos": lambda: neg(div(ONE, one_minus)),
        "atan": lambda: div(ONE, Binary("add", ONE, square)),
        "sinh": lambda: Call("cosh", (x,)),
        "cosh": lambda: Call("sinh", (x,)),
        "tanh": lambda: Binary("sub", ONE, power(Call("tanh", (x,)), number(2))),
        "exp": lambda: Call("exp", (x,)),
        "log": lambda: div(ONE, x),
        "sqrt": lambda: div(ONE, mul(number(2), Call("sqrt", (x,)))),
        "abs": lambda: Call("sign", (x,)),
        "sign": lambda: ZERO,
        "floor": lambda: ZERO,
    }
    return slopes[function]()


_Rule = Callable[[Expression, Expression, Expression, Expression], Expression]
_BINARY: Mapping[str, _Rule] = {
    "add": lambda a, b, da, db: add(da, db),
    "sub": lambda a, b, da, db: sub(da, db),
    "mul": lambda a, b, da, db: add(mul(da, b), mul(a, db)),
    "div": lambda a, b, da, db: sub(div(da, b), div(mul(a, db), power(b, number(2)))),
    "pow": _power,
    "mod": _modulo,
}
_TWO: Mapping[str, _Rule] = {
    "min": lambda a, b, da, db: branch(Compare("le", a, b), da, db),
    "max": lambda a, b, da, db: branch(Compare("ge", a, b), da, db),
    "atan2": _angle,
}
