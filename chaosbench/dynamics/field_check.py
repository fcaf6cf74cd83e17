"""What an expression of fields may hold: the names it knows, where derivatives may stand, and what their arguments are."""

from collections.abc import Iterable
from dataclasses import dataclass

from chaosbench.dynamics.field_space import FieldSpace
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tree import FIELD_FUNCTIONS, FUNCTIONS, Call, Delay, Element, Expression, Name, Number, Sum, children, names_in

IMAGINARY = "I"
OPERATORS = ("dx", "dy", "laplacian", "inverse_laplacian", "inverse_helmholtz")
COMPLEX_FUNCTIONS = ("conj", "re", "im", "abs2")
MOST_DERIVATIVES = 16


@dataclass(frozen=True)
class FieldNames:
    """The names of one system of fields."""

    fields: tuple[str, ...]
    parameters: tuple[str, ...]
    space: FieldSpace

    @property
    def coordinates(self) -> tuple[str, ...]:
        """x, or x and y."""
        return tuple(axis.name for axis in self.space.axes)

    def reserved(self) -> frozenset[str]:
        """Return the names that have a meaning of their own."""
        return frozenset({*FUNCTIONS, *FIELD_FUNCTIONS, "t", "pi", "x", "y", IMAGINARY})

    def varies(self, tree: Expression) -> bool:
        """Whether `tree` depends on fields or coordinates."""
        return bool(names_in(tree) & {*self.fields, *self.coordinates})

    def holds_fields(self, tree: Expression) -> bool:
        """Whether `tree` depends on fields."""
        return bool(names_in(tree) & set(self.fields))


def check_fields(tree: Expression, names: FieldNames, where: str, *, fields: bool = True, coordinates: bool = True, means: bool = False) -> None:
    """Raise DefinitionError, starting with `where`, for what has no meaning in an expression of fields.

    fields, coordinates: whether they may stand here. means: spatial means may, and what varies in space stands only inside them.
    """
    _Check(names, where, fields, coordinates, means).visit(tree, inside=not means)


class _Check:
    def __init__(self, names: FieldNames, where: str, fields: bool, coordinates: bool, means: bool) -> None:
        self.names, self.where, self.means = names, where, means
        space = names.space
        varying = (*(names.fields if fields else ()), *(names.coordinates if coordinates else ()))
        self.varying = frozenset(varying)
        self.known = (*names.parameters, *varying, "pi", *((IMAGINARY,) if space.complex else ()))

    def fail(self, message: str) -> DefinitionError:
        return DefinitionError(f"{self.where}: {message}")

    def visit(self, tree: Expression, inside: bool) -> None:
        match tree:
            case Name(name):
                if name not in self.known:
                    raise self.fail(f"unknown name {name!r}; names here are {', '.join(self.known)}{nearest(name, self.known)}")
                if name in self.varying and not inside:
                    raise self.fail(f"{name!r} varies in space and stands outside mean(...); this quantity is one number; write its mean")
            case Element() | Sum() | Delay():
                raise self.fail("cells, sums and delays have no meaning for fields; derivatives are dx(u), dy(u), laplacian(u); rewrite it with them")
            case Call("mean", (body,)):
                if not self.means or inside:
                    raise self.fail("mean(...) stands only in integrals and balances, and not inside another; an equation is local; rewrite it")
                self.visit(body, True)
            case Call(function, args):
                self.call(function, args)
                for arg in args[:1] if function in OPERATORS else args:
                    self.visit(arg, inside)
            case _:
                for part in children(tree):
                    self.visit(part, inside)

    def call(self, function: str, args: tuple[Expression, ...]) -> None:
        if function == "dy" and len(self.names.space.axes) < 2:
            raise self.fail("dy(...) is used, but the domain has only x; write dx, or give [domain] a y")
        if function in COMPLEX_FUNCTIONS and not self.names.space.complex:
            raise self.fail(f"{function}(...) is for complex fields; no field of this system is; leave it out, or mark the fields complex = true")
        if function in ("dx", "dy", "laplacian") and len(args) == 2:
            most = MOST_DERIVATIVES // (2 if function == "laplacian" else 1)
            order = args[1].value if isinstance(args[1], Number) else 0.0
            if order != int(order) or not 1 <= order <= most:
                raise self.fail(f"the order of {function} is not allowed; rule: a whole number from 1 to {most}, written out; write {function}(u, 2)")
        if function == "inverse_helmholtz":
            check_fields(args[1], self.names, f"{self.where}: second argument of {function}", fields=False, coordinates=False)


def first_unused(parameters: Iterable[str], trees: Iterable[Expression]) -> str | None:
    """Return the first of `parameters` that occurs in none of `trees`, or None."""
    used = frozenset().union(*(names_in(tree) for tree in trees))
    return next((name for name in parameters if name not in used), None)
