"""Equations of fields taken apart: what is linear with constant coefficients, products to be formed on the grid, and sources.

A sum is taken apart, constants and operators are moved in front of it, and so is a division by a constant. Products of fields are not multiplied out:
u*(1 - u) is one product, u - u**2 a linear term and a product.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chaosbench.dynamics.field_check import OPERATORS, FieldNames
from chaosbench.dynamics.field_operator import IDENTITY, Operator
from chaosbench.errors import DefinitionError
from chaosbench.expressions.tree import ONE, Binary, Call, Compare, Expression, Name, Number, Unary, children, rebuild

Combination = tuple[tuple[Expression, Operator], ...]  # a sum of constant * operator
Entry = TypeVar("Entry")
INPUT, GRID = "@", "#"  # first characters of the names of inputs and grid functions, which no author can use


@dataclass(frozen=True)
class Part:
    """coefficient * operator(body): the coefficient is constant; the body is a field's Name, ONE, or anything else that varies in space."""

    coefficient: Expression
    operator: Operator
    body: Expression


@dataclass(frozen=True)
class FieldForm:
    """The equations of one system taken apart, for all parameter values.

    linear: (equation, field, coefficient, operator). inputs: (field, combination). products: trees in the names @0, @1, ... of inputs, #0, #1, ...
    of grid functions and parameters. outputs: (equation, product, coefficient, operator). sources: (equation, coefficient, operator, tree in x, y).
    grid: trees in x and y, the grid functions. degree: of the products as polynomials in the fields and grid functions, inf if one is none.
    """

    linear: tuple[tuple[int, int, Expression, Operator], ...]
    inputs: tuple[tuple[int, Combination], ...]
    products: tuple[Expression, ...]
    outputs: tuple[tuple[int, int, Expression, Operator], ...]
    sources: tuple[tuple[int, Expression, Operator, Expression], ...]
    grid: tuple[Expression, ...]
    degree: float

    @property
    def dealias(self) -> str:
        """The rule that removes aliases of the products; beyond three factors it leaves some."""
        return "none" if self.degree <= 1 else "2/3" if self.degree == 2 else "1/2"


def take_apart(equations: Mapping[str, Expression], names: FieldNames, label: str) -> FieldForm:
    """Return the parts of `equations`, one for each field, in order. Raises DefinitionError for an operator of a product inside a product."""
    pointwise = _Pointwise(names)
    places = {field: place for place, field in enumerate(names.fields)}
    linear, outputs, sources = [], [], []
    products: dict[Expression, int] = {}
    for place, field in enumerate(names.fields):
        pointwise.where = f"{label}: equations.{field}"
        grouped: dict[Operator, list[tuple[Expression, Expression]]] = {}
        for part in split(equations[field], names):
            if isinstance(part.body, Name) and part.body.name in places:
                linear.append((place, places[part.body.name], part.coefficient, part.operator))
            elif not names.holds_fields(part.body):
                sources.append((place, part.coefficient, part.operator, part.body))
            else:
                grouped.setdefault(part.operator, []).append((part.coefficient, pointwise.visit(part.body)))
        for operator, terms in grouped.items():
            coefficient, body = terms[0] if len(terms) == 1 else (ONE, _added(terms))
            outputs.append((place, products.setdefault(body, len(products)), coefficient, operator))
    degree = max((_degree(body) for body in products), default=0.0)
    return FieldForm(tuple(linear), tuple(pointwise.inputs), tuple(products), tuple(outputs), tuple(sources), tuple(pointwise.grid), degree)


def split(tree: Expression, names: FieldNames) -> list[Part]:
    """Return the sum that `tree` is, part by part in the author's order."""
    if not names.varies(tree):
        return [Part(tree, IDENTITY, ONE)]
    match tree:
        case Unary("neg", arg):
            return [Part(_negative(part.coefficient), part.operator, part.body) for part in split(arg, names)]
        case Binary("add", left, right):
            return split(left, names) + split(right, names)
        case Binary("sub", left, right):
            return split(left, names) + split(Unary("neg", right), names)
        case Binary("mul", left, right) if not names.varies(left):
            return [Part(_times(left, part.coefficient), part.operator, part.body) for part in split(right, names)]
        case Binary("mul", left, right) if not names.varies(right):
            return [Part(_times(part.coefficient, right), part.operator, part.body) for part in split(left, names)]
        case Binary("div", left, right) if not names.varies(right):
            return [Part(Binary("div", part.coefficient, right), part.operator, part.body) for part in split(left, names)]
        case Call(function, (arg, *_)) if function in OPERATORS:
            return [Part(part.coefficient, part.operator.after(tree), part.body) for part in split(arg, names)]
    return [Part(ONE, IDENTITY, tree)]


def _times(left: Expression, right: Expression) -> Expression:
    if right == ONE:
        return left
    return right if left == ONE else Binary("mul", left, right)


def _negative(tree: Expression) -> Expression:
    return tree.arg if isinstance(tree, Unary) else Unary("neg", tree)


def _added(terms: Sequence[tuple[Expression, Expression]]) -> Expression:
    total: Expression | None = None
    for coefficient, body in terms:
        negative = isinstance(coefficient, Unary)
        term = _times(coefficient.arg if isinstance(coefficient, Unary) else coefficient, body)
        first = Unary("neg", term) if negative else term
        total = first if total is None else Binary("sub" if negative else "add", total, term)
    return total or ONE


class _Pointwise:
    """Turns bodies into trees over inputs and grid functions, collecting both."""

    def __init__(self, names: FieldNames) -> None:
        self.names = names
        self.where = ""
        self.inputs: list[tuple[int, Combination]] = []
        self.grid: list[Expression] = []

    def visit(self, tree: Expression) -> Expression:
        if not self.names.holds_fields(tree) and not isinstance(tree, Compare):
            return tree if not self.names.varies(tree) else Name(f"{GRID}{_numbered(self.grid, tree)}")
        match tree:
            case Name(name):
                return self.input(name, ((ONE, IDENTITY),))
            case Call(function, _) if function in OPERATORS:
                return self.operated(tree)
        return rebuild(tree, self.visit)

    def input(self, field: str, combination: Combination) -> Name:
        return Name(f"{INPUT}{_numbered(self.inputs, (self.names.fields.index(field), combination))}")

    def operated(self, tree: Call) -> Expression:
        """An operator inside a product: of each field one input, whatever is done to it."""
        found: dict[str, list[tuple[Expression, Operator]]] = {}
        for part in split(tree, self.names):
            if not isinstance(part.body, Name) or part.body.name not in self.names.fields:
                raise DefinitionError(
                    f"{self.where}: {tree.function}(...) of a product, a constant or a function of x and y stands inside a product; "
                    "rule: inside products operators apply to fields and sums of fields; multiply the derivative out"
                )
            found.setdefault(part.body.name, []).append((part.coefficient, part.operator))
        terms = []
        for field, combination in found.items():
            if len(combination) == 1:
                [(coefficient, operator)] = combination
                terms.append((coefficient, self.input(field, ((ONE, operator),))))
            else:
                terms.append((ONE, self.input(field, tuple(combination))))
        return _added(terms)


def _numbered(entries: list[Entry], entry: Entry) -> int:
    if entry not in entries:
        entries.append(entry)
    return entries.index(entry)


def _degree(tree: Expression) -> float:
    """Return the degree of a product in its inputs and grid functions, inf if it is no polynomial."""
    match tree:
        case Name(name):
            return float(name[0] in INPUT + GRID)
        case Binary("mul", left, right):
            return _degree(left) + _degree(right)
        case Binary("div", left, right) if _degree(right) == 0:
            return _degree(left)
        case Binary("pow", base, Number(exponent, _)) if exponent == int(exponent) and exponent >= 0:
            return _degree(base) * exponent
        case Call("abs2", (arg,)):
            return 2 * _degree(arg)
        case Unary() | Binary("add") | Binary("sub") | Call("conj") | Call("re") | Call("im"):
            return max(_degree(part) for part in children(tree))
    return math.inf if any(_degree(part) > 0 for part in children(tree)) else 0.0
