"""The expanded form of an expression: a sum of monomials with exact coefficients, independent of how the author ordered and bracketed it.

Products are multiplied out, equal terms collected, quotients become negative exponents, `mean` becomes a sum, factors that do not depend on j leave
a sum. Identities between functions (sin(-x) = -sin(x), exp(a)exp(b) = exp(a+b), ...) are not used, and a product or power that would
have more than MAX_TERMS terms stays closed.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from chaosbench.expressions.tree import Binary, Call, Compare, Delay, Element, Expression, Name, Number, Sum, Unary

MAX_TERMS = 500

# An atom is ("name", s), ("cell", s, index, offset, second), ("group", Terms) and so on: a tag and hashable parts. No order among them is used.
Atom: TypeAlias = tuple[Any, ...]
Monomial: TypeAlias = frozenset[tuple[Atom, int]]  # atoms with their exponents
Terms: TypeAlias = frozenset[tuple[Monomial, Fraction]]

_UNIT: Monomial = frozenset()
ZERO: Terms = frozenset()


def normal_form(tree: Expression, size_name: str = "") -> Terms:
    """Return the expanded form of `tree`; `size_name` is the name of the number of cells, whatever the author called it."""
    return _Normal(size_name).visit(tree)


def _constant(value: Fraction) -> Terms:
    return frozenset({(_UNIT, value)}) if value else ZERO


def _single(atom: Atom, exponent: int = 1) -> Terms:
    return frozenset({(frozenset({(atom, exponent)}), Fraction(1))})


def _added(*parts: Terms) -> Terms:
    total: dict[Monomial, Fraction] = {}
    for terms in parts:
        for monomial, factor in terms:
            total[monomial] = total.get(monomial, Fraction(0)) + factor
    return frozenset((monomial, factor) for monomial, factor in total.items() if factor)


def _joined(left: Monomial, right: Monomial) -> Monomial:
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return frozenset((atom, exponent) for atom, exponent in exponents.items() if exponent)


def _multiplied(left: Terms, right: Terms) -> Terms:
    if len(left) * len(right) > MAX_TERMS:
        left, right = _single(("group", left)), _single(("group", right))
    return _added(*(frozenset({(_joined(a, b), x * y)}) for a, x in left for b, y in right))


def _raised(base: Terms, exponent: int) -> Terms:
    if exponent == 0:
        return _constant(Fraction(1))
    if len(base) == 1:
        [(monomial, factor)] = base
        return frozenset({(frozenset((atom, power * exponent) for atom, power in monomial), factor**exponent)})
    if exponent < 0 or len(base) ** exponent > MAX_TERMS:
        return _single(("group", base), exponent)
    result = base
    for _ in range(exponent - 1):
        result = _multiplied(result, base)
    return result


def _whole(terms: Terms) -> int | None:
    """Return the whole number that `terms` is, or None."""
    if not terms:
        return 0
    if len(terms) == 1:
        [(monomial, factor)] = terms
        if monomial == _UNIT and factor.denominator == 1:
            return int(factor)
    return None


def _exact(number: Number) -> Fraction:
    try:
        return Fraction(number.text)
    except ValueError:  # hexadecimal and the like
        return Fraction(number.value)


class _Normal:
    def __init__(self, size_name: str) -> None:
        self.size_name = size_name

    def visit(self, tree: Expression) -> Terms:
        match tree:
            case Number():
                return _constant(_exact(tree))
            case Name(name):
                return _single(("size",) if self.size_name and name == self.size_name else ("name", name))
            case Element(name, index, offset, second):
                return _single(("cell", name, index, offset, second))
            case Unary(_, arg):
                return _multiplied(_constant(Fraction(-1)), self.visit(arg))
            case Binary(op, left, right):
                return _BINARY[op](self.visit(left), self.visit(right))
            case Compare(op, left, right):
                difference = _added(self.visit(left), _multiplied(_constant(Fraction(-1)), self.visit(right)))
                return self.comparison(op, difference)
            case Call("mean", (Name(name),)):
                return _multiplied(_summed(_single(("cell", name, "j", 0, None))), _single(("size",), -1))
            case Call("sqrt", (arg,)):
                return _power(self.visit(arg), _constant(Fraction(1, 2)))
            case Call(function, args):
                parts = tuple(self.visit(arg) for arg in args)
                return _single(("call", function, frozenset(parts) if function in ("min", "max") else parts))
            case Sum(body):
                return _summed(self.visit(body))
            case Delay(variable, lag):
                return _single(("delay", variable, self.visit(lag)))
        raise TypeError(f"{tree!r} is not an expression")

    def comparison(self, op: str, difference: Terms) -> Terms:
        """a > b is b < a: only "less than" and "at most" zero remain."""
        if op in ("gt", "ge"):
            difference = _multiplied(_constant(Fraction(-1)), difference)
        return _single(("call", "lt" if op in ("lt", "gt") else "le", (difference,)))


def _power(base: Terms, exponent: Terms) -> Terms:
    whole = _whole(exponent)
    if whole is not None and (base or whole > 0):
        return _raised(base, whole)
    return _single(("power", base, exponent))


def _quotient(left: Terms, right: Terms) -> Terms:
    return _multiplied(left, _raised(right, -1) if right else _single(("group", right), -1))


def _summed(body: Terms) -> Terms:
    parts = []
    for monomial, factor in body:
        inside = frozenset(pair for pair in monomial if _runs(pair[0]))
        total = _single(("sum", frozenset({(inside, Fraction(1))}))) if inside else _single(("size",))
        parts.append(_multiplied(frozenset({(monomial - inside, factor)}), total))
    return _added(*parts)


def _runs(part: Any) -> bool:
    """Whether an atom, or anything inside it, depends on the running index j."""
    if isinstance(part, tuple) and part[:1] == ("cell",):
        return "j" in part[2:]
    if part == ("name", "j"):
        return True
    return isinstance(part, tuple | frozenset) and any(_runs(item) for item in part)


_BINARY: Mapping[str, Callable[[Terms, Terms], Terms]] = {
    "add": _added,
    "sub": lambda left, right: _added(left, _multiplied(_constant(Fraction(-1)), right)),
    "mul": _multiplied,
    "div": _quotient,
    "pow": _power,
    "mod": lambda left, right: _single(("call", "mod", (left, right))),
}


def symbols_in(terms: Terms) -> frozenset[str]:
    """Return the names in a normal form, without the size, indices and pi."""
    found: set[str] = set()
    waiting: list[Any] = [terms]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple) and part and part[0] in ("name", "cell", "delay"):
            found.add(part[1])
            waiting.extend(part[2:])
        elif isinstance(part, tuple | frozenset):
            waiting.extend(part)
    return frozenset(found)
