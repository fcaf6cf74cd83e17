"""Expression trees: what the author wrote, in the author's order of operations, as frozen data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

BinaryOp: TypeAlias = Literal["add", "sub", "mul", "div", "pow", "mod"]
ComparisonOp: TypeAlias = Literal["lt", "le", "gt", "ge"]
Index: TypeAlias = Literal["i", "j"]

# Functions and their number of arguments. `sum`, `mean` and `delay` have rules of their own, `where` takes a comparison first.
FUNCTIONS: Mapping[str, int] = {
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "asin": 1,
    "acos": 1,
    "atan": 1,
    "atan2": 2,
    "sinh": 1,
    "cosh": 1,
    "tanh": 1,
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "abs": 1,
    "sign": 1,
    "floor": 1,
    "min": 2,
    "max": 2,
    "where": 3,
    "mean": 1,
    "sum": 2,
    "delay": 2,
}

# Functions of fields and how many arguments they may have; only texts of systems of fields know them. There `mean` is over space.
FIELD_FUNCTIONS: Mapping[str, tuple[int, ...]] = {
    "dx": (1, 2),
    "dy": (1, 2),
    "laplacian": (1, 2),
    "inverse_laplacian": (1,),
    "inverse_helmholtz": (2,),
    "mean": (1,),
    "abs2": (1,),
    "conj": (1,),
    "re": (1,),
    "im": (1,),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; `text` is how the author wrote it and plays no part in equality or identity."""

    value: float
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A scalar variable or parameter, the size, a running index used as a number, `t` or `pi`."""

    name: str


@dataclass(frozen=True, slots=True)
class Element:
    """x[i+offset], or with `second` the matrix element A[i,j]."""

    name: str
    index: Index
    offset: int = 0
    second: Literal["j"] | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """The negative of `arg`."""

    op: Literal["neg"]
    arg: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """An arithmetic operation; `mod` has its result in [0, right)."""

    op: BinaryOp
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS other than `sum` and `delay`."""

    function: str
    args: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison, found only as the first argument of `where`."""

    op: ComparisonOp
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Sum:
    """`body` added up over j = 0 .. N-1."""

    body: "Expression"


@dataclass(frozen=True, slots=True)
class Delay:
    """The value of a scalar state variable `lag` ago."""

    variable: str
    lag: "Expression"


Expression: TypeAlias = Number | Name | Element | Unary | Binary | Call | Compare | Sum | Delay

ZERO = Number(0.0, "0")
ONE = Number(1.0, "1")


def number(value: float) -> Number:
    """Return `value` as a literal; whole numbers are written without a point. Negative values are for internal trees only."""
    whole = value == int(value) and abs(value) < 1e15
    return Number(value, str(int(value)) if whole else repr(value))


def children(tree: Expression) -> tuple[Expression, ...]:
    """Return the direct parts of `tree`, in order."""
    if isinstance(tree, Name | Number | Element):  # most parts of most trees; isinstance because this is the hot spot of reading
        return ()
    if isinstance(tree, Binary | Compare):
        return (tree.left, tree.right)
    if isinstance(tree, Call):
        return tree.args
    if isinstance(tree, Unary):
        return (tree.arg,)
    return (tree.body if isinstance(tree, Sum) else tree.lag,)


def rebuild(tree: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Return `tree` with `change` applied to each direct part."""
    match tree:
        case Unary(op, arg):
            return Unary(op, change(arg))
        case Binary(op, left, right):
            return Binary(op, change(left), change(right))
        case Compare(op, left, right):
            return Compare(op, change(left), change(right))
        case Call(function, args):
            return Call(function, tuple(change(arg) for arg in args))
        case Sum(body):
            return Sum(change(body))
        case Delay(variable, lag):
            return Delay(variable, change(lag))
        case _:
            return tree


def walk(tree: Expression) -> Iterator[Expression]:
    """Yield every part of `tree`, itself first, left to right."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(children(part)))


def names_in(tree: Expression) -> frozenset[str]:
    """Return every name that occurs in `tree`: scalars, elements and delayed variables."""
    found = set()
    for part in walk(tree):
        if isinstance(part, Name | Element):
            found.add(part.name)
        elif isinstance(part, Delay):
            found.add(part.variable)
    return frozenset(found)


def substitute(tree: Expression, mapping: Mapping[str, Expression]) -> Expression:
    """Return `tree` with every scalar Name in `mapping` replaced."""
    if isinstance(tree, Name):
        return mapping.get(tree.name, tree)
    return rebuild(tree, lambda part: substitute(part, mapping))


def to_data(tree: Expression) -> Any:
    """Return `tree` as nested lists for canonical JSON: numbers as floats, names as text, everything else as [operation, parts...]."""
    match tree:
        case Number(value, _):
            return float(value)
        case Name(name):
            return name
        case Element(name, index, offset, second):
            return ["element", name, index, offset, second]
        case Sum(body):
            return ["sum", to_data(body)]
        case Delay(variable, lag):
            return ["delay", variable, to_data(lag)]
        case Call(function, args):
            return [function, *(to_data(arg) for arg in args)]
        case Unary(op, arg):
            return [op, to_data(arg)]
        case Binary(op, left, right) | Compare(op, left, right):
            return [op, to_data(left), to_data(right)]
