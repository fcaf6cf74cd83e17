"""Forward-mode differentiation of a tape: the same nodes plus the directional derivative along the "tangent" leaves.

Terms that are zero for every state are never written (structural zeros); factors 1 and summands 0 are dropped, which changes no bits.
At a kink the derivative of the side that `evaluate` takes is used: abs'(0) = 0, min and max take their first argument on a tie.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from chaosbench.expressions.assemble import TapeBuilder, pruned
from chaosbench.expressions.tape import Tape

Zero = None  # a tangent that vanishes identically
Tangent = int | None


def tangent_tape(tape: Tape) -> Tape:
    """Return `tape` with `tangent_outputs`: for each output its derivative along the "tangent" (and "delayed_tangent") leaves."""
    if tape.tangent_outputs is not None:
        raise ValueError("the tape has tangents already; only a right-hand side can be differentiated; pass the original tape")
    forward = _Forward(tape)
    tangents = [forward.tangent(place) for place in range(len(tape.nodes))]
    chosen = [tangents[output] for output in tape.outputs]
    rates = [forward.builder.constant(0.0) if place is None else place for place in chosen]
    nodes, wanted = pruned(forward.builder.nodes, [*tape.outputs, *rates])
    count = len(tape.outputs)
    return replace(tape, nodes=nodes, outputs=wanted[:count], tangent_outputs=wanted[count:])


class _Forward:
    def __init__(self, tape: Tape) -> None:
        self.nodes = tape.nodes
        self.builder = TapeBuilder(tape.size, tape.nodes)
        self.found: dict[int, Tangent] = {}

    def tangent(self, place: int) -> Tangent:
        node = self.nodes[place]
        if node.op == "state":
            result: Tangent = self.builder.leaf("tangent", slot=node.slot, offset=node.offset, axes=node.axes)
        elif node.op == "delayed":
            result = self.builder.leaf("delayed_tangent", slot=node.slot)
        elif all(self.found[arg] is None for arg in node.args):
            result = Zero
        else:
            result = _RULES[node.op](self, place, *node.args)
        self.found[place] = result
        return result

    # arithmetic that knows structural zeros and exact ones

    def apply(self, op: str, *args: int) -> int:
        return self.builder.apply(op, *args)

    def number(self, value: float) -> int:
        return self.builder.constant(value)

    def mul(self, factor: int, tangent: Tangent) -> Tangent:
        if tangent is None or self.builder.value(factor) == 0.0:
            return Zero
        if self.builder.value(factor) == 1.0:
            return tangent
        return self.apply("mul", factor, tangent)

    def add(self, left: Tangent, right: Tangent) -> Tangent:
        if left is None or right is None:
            return right if left is None else left
        return self.apply("add", left, right)

    def sub(self, left: Tangent, right: Tangent) -> Tangent:
        if right is None:
            return left
        return self.apply("neg", right) if left is None else self.apply("sub", left, right)

    def div(self, tangent: Tangent, by: int) -> Tangent:
        return Zero if tangent is None else self.apply("div", tangent, by)


def _product(f: _Forward, _: int, a: int, b: int) -> Tangent:
    if a == b:  # 2 a a' costs one product less and is exact
        return f.mul(f.apply("mul", f.number(2.0), a), f.found[a])
    return f.add(f.mul(a, f.found[b]), f.mul(b, f.found[a]))


def _quotient(f: _Forward, place: int, a: int, b: int) -> Tangent:
    return f.div(f.sub(f.found[a], f.mul(place, f.found[b])), b)


def _power(f: _Forward, place: int, a: int, b: int) -> Tangent:
    number = f.builder.value(b)
    below = f.number(number - 1.0) if number is not None else f.apply("sub", b, f.number(1.0))
    base = f.mul(f.apply("mul", b, f.builder.power(a, below)), f.found[a])
    return base if f.found[b] is None else f.add(base, f.mul(f.apply("mul", place, f.apply("log", a)), f.found[b]))


def _angle(f: _Forward, _: int, y: int, x: int) -> Tangent:
    square = f.apply("add", f.apply("mul", x, x), f.apply("mul", y, y))
    return f.div(f.sub(f.mul(x, f.found[y]), f.mul(y, f.found[x])), square)


def _modulo(f: _Forward, _: int, a: int, m: int) -> Tangent:
    turns = f.apply("floor", f.apply("div", a, m))
    return f.sub(f.found[a], f.mul(turns, f.found[m]))


def _chosen(comparison: str) -> "Rule":
    def rule(f: _Forward, _: int, a: int, b: int) -> Tangent:
        return _branch(f, f.apply(comparison, a, b), f.found[a], f.found[b])

    return rule


def _where(f: _Forward, _: int, condition: int, a: int, b: int) -> Tangent:
    return _branch(f, condition, f.found[a], f.found[b])


def _branch(f: _Forward, condition: int, a: Tangent, b: Tangent) -> Tangent:
    if a is None and b is None:
        return Zero
    zero = f.number(0.0)
    return f.apply("where", condition, zero if a is None else a, zero if b is None else b)


def _sum(f: _Forward, _: int, a: int) -> Tangent:
    inside = f.found[a]
    return Zero if inside is None else f.apply("sum", inside)


def _chain(slope: Callable[[_Forward, int, int], int]) -> "Rule":
    """Return the rule of a function whose derivative is `slope`(forward, function's node, argument's node)."""
    return lambda f, place, a: f.mul(slope(f, place, a), f.found[a])


def _one_plus(f: _Forward, sign: str, a: int) -> int:
    return f.apply(sign, f.number(1.0), f.apply("mul", a, a))


Rule = Callable[..., Tangent]
_RULES: Mapping[str, Rule] = {
    "neg": lambda f, _, a: f.sub(Zero, f.found[a]),
    "add": lambda f, _, a, b: f.add(f.found[a], f.found[b]),
    "sub": lambda f, _, a, b: f.sub(f.found[a], f.found[b]),
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "mod": _modulo,
    "atan2": _angle,
    "min": _chosen("le"),
    "max": _chosen("ge"),
    "where": _where,
    "sum": _sum,
    "sin": _chain(lambda f, _, a: f.apply("cos", a)),
    "cos": _chain(lambda f, _, a: f.apply("neg", f.apply("sin", a))),
    "tan": _chain(lambda f, place, _: _one_plus(f, "add", place)),
    "asin": lambda f, _, a: f.div(f.found[a], f.apply("sqrt", _one_plus(f, "sub", a))),
    "acos": lambda f, _, a: f.sub(Zero, f.div(f.found[a], f.apply("sqrt", _one_plus(f, "sub", a)))),
    "atan": lambda f, _, a: f.div(f.found[a], _one_plus(f, "add", a)),
    "sinh": _chain(lambda f, _, a: f.apply("cosh", a)),
    "cosh": _chain(lambda f, _, a: f.apply("sinh", a)),
    "tanh": _chain(lambda f, place, _: _one_plus(f, "sub", place)),
    "exp": _chain(lambda _, place, __: place),
    "log": lambda f, _, a: f.div(f.found[a], a),
    "sqrt": lambda f, place, a: f.div(f.found[a], f.apply("mul", f.number(2.0), place)),
    "abs": _chain(lambda f, _, a: f.apply("sign", a)),
    "sign": lambda *_: Zero,
    "floor": lambda *_: Zero,
    "lt": lambda *_: Zero,
    "le": lambda *_: Zero,
    "gt": lambda *_: Zero,
    "ge": lambda *_: Zero,
}
