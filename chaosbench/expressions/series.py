"""A tape made ready for power series in time: every operation is one whose coefficients follow from those of its arguments.

If x(t) solves x' = f(x), the coefficients of x follow one order at a time from those of f(x(t)), and those of every node from its arguments
by a recurrence (`recurrences`). Some functions need a companion: the sine its cosine, the tangent 1 + tan^2, the arc sine sqrt(1 - a^2). They
are added here, so that a recurrence looks at the node's own arguments and nothing else.

Source: R. E. Moore, Interval Analysis (1966), chapter 11; A. Jorba and M. Zou, Experimental Mathematics 14, 99-117 (2005), section 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chaosbench.expressions.assemble import joined
from chaosbench.expressions.tape import COMPARISONS, LEAVES, Axes, Tape

MOVING_LEAVES = frozenset({"state", "tangent", "delayed", "delayed_tangent"})


class SeriesNode(NamedTuple):
    """One series.

    op: an operation of the tape; or "square" (a); "along" (a, g): f' = g a'; "across" (a, g): f' = a' / g; "angle" (y, x, g): f' = (x y' - y x') / g;
        "power" (a, c), c static. Of "along" and "across" `function` is the function that gives order 0, and `sign` multiplies the derivative.
    args: positions of nodes; g may stand later than the node itself, which needs its lower orders only.
    moving: whether it depends on the state; the series of all others end at order 0, as do those of comparisons, "sign" and "floor".
    """

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    slot: int = 0
    offset: int = 0
    axes: Axes = ""
    function: str = ""
    sign: float = 1.0
    moving: bool = False


class Switch(NamedTuple):
    """The branch changes where node a passes node b (0 if None), or with `whole` where it passes a whole number."""

    a: int
    b: int | None = None
    whole: bool = False


@dataclass(frozen=True)
class SeriesTape:
    """The nodes, in an order in which each can be computed once all have been computed to the order below; outputs as in the tape."""

    tape: Tape
    nodes: tuple[SeriesNode, ...]
    outputs: tuple[int, ...]

    @property
    def switches(self) -> tuple[Switch, ...]:
        """What decides which branch of the equations holds."""
        found = []
        for node in self.nodes:
            if node.moving and node.op in COMPARISONS:
                found.append(Switch(node.args[0], node.args[1]))
            elif node.moving and node.op in {"sign", "floor"}:
                found.append(Switch(node.args[0], whole=node.op == "floor"))
        return tuple(found)


def series_tape(tape: Tape) -> SeriesTape:
    """Return the series form of a tape; what the outputs do not need is left out."""
    builder = _Builder(tape)
    for place in range(len(tape.nodes)):
        builder.lower(place)
    return _pruned(builder, tape)


class _Builder:
    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.nodes: list[SeriesNode] = []
        self.place: dict[int, int] = {}  # tape node -> series node
        self.known: dict[SeriesNode, int] = {}
        self.functions: dict[tuple[str, int], int] = {}  # (function, argument) -> series node

    def add(self, op: str, *args: int, **fields: Any) -> int:
        """Return the position of a node whose arguments stand before it, written once."""
        axes: Axes = joined([self.nodes[a].axes for a in args])
        moving = any(self.nodes[a].moving for a in args) or op in MOVING_LEAVES
        node = SeriesNode(op, args, axes=axes, moving=moving)._replace(**fields)
        if node not in self.known:
            self.known[node] = len(self.nodes)
            self.nodes.append(node)
        return self.known[node]

    def append(self, function: str, a: int, g: int, sign: float = 1.0) -> None:
        """Write f' = sign g a', where g may come later."""
        self.functions[function, a] = len(self.nodes)
        self.nodes.append(SeriesNode("along", (a, g), axes=self.nodes[a].axes, function=function, sign=sign, moving=True))

    def constant(self, value: float) -> int:
        return self.add("constant", value=value)

    def lower(self, n: int) -> None:
        node = self.tape.nodes[n]
        args = tuple(self.place[a] for a in node.args)
        moving = any(self.nodes[a].moving for a in args)
        if node.op in LEAVES:
            self.place[n] = self.add(node.op, value=node.value, slot=node.slot, offset=node.offset, axes=node.axes)
        elif moving and node.op in _FAMILIES:
            self.place[n] = self.function(node.op, args[0])
        elif moving and node.op in _FORMS:
            self.place[n] = _FORMS[node.op](self, *args)
        else:
            self.place[n] = self.add(node.op, *args, axes=node.axes)

    def function(self, name: str, a: int) -> int:
        """Return the node of a function that comes with companions."""
        if (name, a) not in self.functions:
            _FAMILIES[name](self, a)
        return self.functions[name, a]


def _pair(first: str, second: str, sign: float) -> Callable[[_Builder, int], None]:
    """Two functions that are each other's derivative; the second one's is multiplied by `sign`."""

    def write(b: _Builder, a: int) -> None:
        n = len(b.nodes)
        b.append(first, a, n + 1)
        b.append(second, a, n, sign)

    return write


def _tangent(function: str, operation: str) -> Callable[[_Builder, int], None]:
    """tan and tanh: f' = (1 +- f^2) a'."""

    def write(b: _Builder, a: int) -> None:
        one = b.constant(1.0)
        n = len(b.nodes)
        b.append(function, a, n + 2)
        b.add(operation, one, b.add("square", n))

    return write


def _exponential(b: _Builder, a: int) -> None:
    b.append("exp", a, len(b.nodes))


def _product(b: _Builder, a: int, c: int) -> int:
    """A product, its constant factors and signs taken out: b*x*z and x*z then share the series of x*z, and signs and constants cost nothing."""
    factor, negative, moving = None, False, []
    for place in (a, c):
        while b.nodes[place].op == "neg" and b.nodes[place].moving:
            place, negative = b.nodes[place].args[0], not negative
        node = b.nodes[place]
        parts = node.args if node.op == "mul" else (place,)
        if node.moving and all(b.nodes[part].moving for part in parts):
            parts = (place,)
        for part in parts:
            if b.nodes[part].moving:
                moving.append(part)
            else:
                factor = part if factor is None else b.add("mul", factor, part)
    f = moving[0]
    if len(moving) == 2:
        f = b.add("square", f) if f == moving[1] else b.add("mul", min(moving), max(moving))
    f = f if factor is None else b.add("mul", factor, f)
    return b.add("neg", f) if negative else f


def _arc(function: str, sign: float) -> "_Form":
    """asin and acos: f' = +- a' / sqrt(1 - a^2)."""

    def lower(b: _Builder, a: int) -> int:
        root = b.add("sqrt", b.add("sub", b.constant(1.0), b.add("square", a)))
        return b.add("across", a, root, function=function, sign=sign)

    return lower


def _arc_tangent(b: _Builder, a: int) -> int:
    return b.add("across", a, b.add("add", b.constant(1.0), b.add("square", a)), function="atan")


def _angle(b: _Builder, y: int, x: int) -> int:
    return b.add("angle", y, x, b.add("add", _product(b, x, x), _product(b, y, y)))


def _power(b: _Builder, a: int, c: int) -> int:
    if not b.nodes[c].moving:
        return b.add("power", a, c)
    logarithm = b.add("across", a, a, function="log") if b.nodes[a].moving else b.add("log", a)
    return b.function("exp", _product(b, c, logarithm))


def _chosen(comparison: str) -> "_Form":
    return lambda b, a, c: b.add("where", b.add(comparison, a, c), a, c)


def _absolute(b: _Builder, a: int) -> int:
    return b.add("where", b.add("lt", a, b.constant(0.0)), b.add("neg", a), a)


def _modulo(b: _Builder, a: int, m: int) -> int:
    return b.add("sub", a, b.add("mul", m, b.add("floor", b.add("div", a, m))))


_Form = Callable[..., int]
_FAMILIES: Mapping[str, Callable[[_Builder, int], None]] = {
    "sin": _pair("sin", "cos", -1.0),
    "cos": _pair("sin", "cos", -1.0),
    "sinh": _pair("sinh", "cosh", 1.0),
    "cosh": _pair("sinh", "cosh", 1.0),
    "tan": _tangent("tan", "add"),
    "tanh": _tangent("tanh", "sub"),
    "exp": _exponential,
}
_FORMS: Mapping[str, _Form] = {
    "log": lambda b, a: b.add("across", a, a, function="log"),
    "atan": _arc_tangent,
    "asin": _arc("asin", 1.0),
    "acos": _arc("acos", -1.0),
    "atan2": _angle,
    "mul": _product,
    "pow": _power,
    "min": _chosen("le"),
    "max": _chosen("ge"),
    "abs": _absolute,
    "mod": _modulo,
}


def _pruned(builder: _Builder, tape: Tape) -> SeriesTape:
    outputs = [builder.place[n] for n in tape.outputs]
    needed: set[int] = set()
    stack = list(outputs)
    while stack:
        n = stack.pop()
        if n not in needed:
            needed.add(n)
            stack.extend(builder.nodes[n].args)
    kept = sorted(needed)
    new = {old: k for k, old in enumerate(kept)}
    nodes = [builder.nodes[n]._replace(args=tuple(new[a] for a in builder.nodes[n].args)) for n in kept]
    return SeriesTape(tape, tuple(nodes), tuple(new[n] for n in outputs))
