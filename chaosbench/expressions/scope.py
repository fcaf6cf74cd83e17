"""What names mean: the symbol table of one system, and the check that an expression uses it correctly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.tree import Call, Delay, Element, Expression, Name, Sum, children

Shape = Literal["", "N", "NN"]


@dataclass(frozen=True)
class ParameterSlot:
    """Where a parameter lies in the flat parameter vector."""

    start: int
    shape: Shape = ""


@dataclass(frozen=True)
class Scope:
    """The symbol table: state and parameter slots, the size and the distinct lags."""

    variables: tuple[Variable, ...] = ()
    parameters: Mapping[str, ParameterSlot] = field(default_factory=dict)
    size_name: str = ""
    size: int = 0
    boundary: Literal["periodic", "zero"] = "periodic"
    lags: tuple[Expression, ...] = ()

    def variable(self, name: str) -> Variable | None:
        """Return the state variable called `name`, or None."""
        return next((variable for variable in self.variables if variable.name == name), None)

    @property
    def n_parameters(self) -> int:
        """Length of the flat parameter vector."""
        return sum({"": 1, "N": self.size, "NN": self.size * self.size}[slot.shape] for slot in self.parameters.values())


@dataclass(frozen=True)
class Use:
    """What an expression may contain besides parameters, the size and pi.

    state: state variables. index: `i` is bound (the right-hand side of an indexed variable). time: `t`. delays: delay(x, tau).
    """

    state: bool = True
    index: bool = False
    time: bool = False
    delays: bool = False


def check(tree: Expression, scope: Scope, where: str, use: Use) -> None:
    """Raise DefinitionError, starting with `where`, for an unknown name or one used against its kind."""
    _Check(scope, where, use).visit(tree, summed=False)


class _Check:
    def __init__(self, scope: Scope, where: str, use: Use) -> None:
        self.scope, self.where, self.use = scope, where, use

    def fail(self, message: str) -> DefinitionError:
        return DefinitionError(f"{self.where}: {message}")

    def visit(self, tree: Expression, *, summed: bool) -> None:
        match tree:
            case Name(name):
                self.name(name, summed)
                return
            case Element(name, _, _, second):
                self.element(name, second, ("i" if second else tree.index, "j" if second else ""), summed)
                return
            case Call("mean", (Name(name),)):
                self.mean(name)
                return
            case Sum(body):
                self.need_size("sum(j, ...)")
                if summed:
                    raise self.fail("sum inside sum; only one running index exists; write a matrix product over two equations or a product of sums")
                self.visit(body, summed=True)
                return
            case Delay(variable, lag):
                self.delay(variable, lag)
                return
        for part in children(tree):
            self.visit(part, summed=summed)

    def name(self, name: str, summed: bool) -> None:
        variable = self.scope.variable(name)
        slot = self.scope.parameters.get(name)
        if name == "pi" or (name == self.scope.size_name and self.scope.size):
            return
        if variable and self.use.state:
            if variable.length:
                raise self.fail(
                    f"{name!r} is indexed and stands without an index; rule: one cell is x[i], all cells are sum or mean; write {name}[i]"
                )
        elif slot:
            if slot.shape:
                raise self.fail(f"{name!r} is a {_KIND[slot.shape]} and stands without an index; write {name}{_INDEX[slot.shape]}")
        elif name == "t":
            if not self.use.time:
                raise self.fail("'t' is not known here; equations are autonomous unless forced; give forcing_period, or remove t")
        elif name in ("i", "j") and self.scope.size:
            if not (self.use.index if name == "i" else summed):
                raise self.fail(
                    f"{name!r} is not bound here; i runs in the equation of an indexed variable, j inside sum(j, ...); rewrite it with those"
                )
        else:
            raise self.unknown(name)

    def unknown(self, name: str) -> DefinitionError:
        names = list(self.known())
        return self.fail(f"unknown name {name!r}; names here are {', '.join(names) or 'none'}{nearest(name, names)}")

    def known(self) -> Iterable[str]:
        yield from self.scope.parameters
        if self.use.state:
            yield from (variable.name for variable in self.scope.variables)
        if self.scope.size:
            yield self.scope.size_name
        if self.use.time:
            yield "t"

    def element(self, name: str, second: str | None, used: tuple[str, str], summed: bool) -> None:
        variable = self.scope.variable(name) if self.use.state else None
        slot = self.scope.parameters.get(name)
        if variable is None and slot is None:
            raise self.unknown(name)
        shape = ("N" if variable.length else "") if variable else (slot.shape if slot else "")
        if not shape:
            raise self.fail(f"{name!r} is one number and is used with an index; only indexed variables, vectors and matrices have one; write {name}")
        if (shape == "NN") != (second is not None):
            raise self.fail(f"{name!r} is a {_KIND[shape]}; it is written {name}{_INDEX[shape]}; correct the index")
        if "i" in used and not self.use.index:
            raise self.fail(
                f"{name}[i] stands where i is not bound; i runs only in the equation of an indexed variable; use sum(j, ...) with {name}[j]"
            )
        if "j" in used and not summed:
            raise self.fail(f"{name} is indexed by j outside sum(j, ...); j runs only inside it; write sum(j, ...) or use i")

    def mean(self, name: str) -> None:
        self.need_size(f"mean({name})")
        variable = self.scope.variable(name) if self.use.state else None
        slot = self.scope.parameters.get(name)
        if variable is None and slot is None:
            raise self.unknown(name)
        if not (variable.length if variable else slot and slot.shape == "N"):
            raise self.fail(f"mean({name}): {name!r} has no cells; mean takes an indexed variable or a vector; write {name}")

    def delay(self, name: str, lag: Expression) -> None:
        if not self.use.delays:
            raise self.fail(
                f"delay({name}, ...) is not allowed here; delays stand only in the equations of a system of kind 'delays'; move the file there"
            )
        variable = self.scope.variable(name)
        if variable is None:
            raise self.unknown(name)
        if variable.length:
            raise self.fail(f"delay({name}, ...): {name!r} is indexed; only scalar variables can be delayed; use scalar variables")
        _Check(self.scope, f"{self.where}: lag of delay({name}, ...)", Use(state=False)).visit(lag, summed=False)

    def need_size(self, what: str) -> None:
        if not self.scope.size:
            raise self.fail(f"{what} needs cells; only a system with a size has them; add [size] with N = ... or write the terms out")


_KIND = {"N": "vector", "NN": "matrix", "": "number"}
_INDEX = {"N": "[i]", "NN": "[i,j]", "": ""}
