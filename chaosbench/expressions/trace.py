"""Tree to tape: names become slots, the author's order of operations stays."""

import math
from collections.abc import Mapping, Sequence

from chaosbench.expressions.assemble import TapeBuilder, pruned
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tape import Axes, Tape
from chaosbench.expressions.tree import Binary, Call, Compare, Delay, Element, Expression, Name, Number, Sum, Unary


def trace(equations: Mapping[str, Expression], scope: Scope) -> Tape:
    """Return the tape of a right-hand side: one output for each variable of `scope`, parameters as run-time leaves."""
    return trace_expressions([equations[variable.name] for variable in scope.variables], scope)


def trace_expressions(trees: Sequence[Expression], scope: Scope) -> Tape:
    """Return a tape with one output for each of `trees`, which need not match the variables of `scope` (integrals, lags, ...).

    The trees have passed `scope.check`.
    """
    tracer = _Tracer(scope)
    wanted = [tracer.visit(tree) for tree in trees]
    nodes, outputs = pruned(tracer.builder.nodes, wanted)
    return Tape(
        nodes=nodes,
        variables=scope.variables,
        outputs=outputs,
        size=scope.size,
        boundary=scope.boundary,
        n_parameters=scope.n_parameters,
        delayed=tuple(tracer.delayed),
    )


class _Tracer:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.builder = TapeBuilder(scope.size)
        self.start = {variable.name: variable.start for variable in scope.variables}
        self.delayed: dict[tuple[int, int], int] = {}

    def visit(self, tree: Expression) -> int:
        builder = self.builder
        match tree:
            case Number(value, _):
                return builder.constant(value)
            case Name(name):
                return self.name(name)
            case Element(name, index, offset, second):
                return self.cell(name, "ij" if second else index, offset)
            case Unary(op, arg):
                return builder.apply(op, self.visit(arg))
            case Binary("pow", left, right):
                return builder.power(self.visit(left), self.visit(right))
            case Binary(op, left, right) | Compare(op, left, right):
                return builder.apply(op, self.visit(left), self.visit(right))
            case Call("mean", (Name(name),)):
                total = builder.apply("sum", self.cell(name, "j", 0))
                return builder.apply("div", total, builder.constant(float(self.scope.size)))
            case Call(function, args):
                return builder.apply(function, *(self.visit(arg) for arg in args))
            case Sum(body):
                return builder.apply("sum", self.visit(body))
            case Delay(variable, lag):
                slot = (self.start[variable], self.scope.lags.index(lag))
                return builder.leaf("delayed", slot=self.delayed.setdefault(slot, len(self.delayed)))
        raise TypeError(f"{tree!r} is not an expression")

    def name(self, name: str) -> int:
        if name in self.start:
            return self.builder.leaf("state", slot=self.start[name])
        if name in self.scope.parameters:
            return self.builder.leaf("parameter", slot=self.scope.parameters[name].start)
        if name == "pi":
            return self.builder.constant(math.pi)
        if self.scope.size and name == self.scope.size_name:
            return self.builder.constant(float(self.scope.size))
        if name == "i":
            return self.builder.leaf("index", axes="i")
        if name == "j":
            return self.builder.leaf("index", axes="j")
        raise KeyError(f"{name!r} is not in scope; check the expression before tracing it")

    def cell(self, name: str, axes: Axes, offset: int) -> int:
        if name in self.start:
            return self.builder.leaf("state", slot=self.start[name], offset=offset, axes=axes)
        return self.builder.leaf("parameter", slot=self.scope.parameters[name].start, offset=offset, axes=axes)
