"""Tapes written by hand, with their tangents; loaded by the conftest of this folder."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chaosbench.expressions.tape import Node, Tape, Variable

Array = np.ndarray


class Term:
    """A node with its directional derivative (None = zero), so that writing a formula writes both."""

    def __init__(self, tape: "Writing", node: int, tangent: int | None = None) -> None:
        self.tape, self.node, self.tangent = tape, node, tangent

    def _lift(self, other: "Term | float") -> "Term":
        return other if isinstance(other, Term) else self.tape.constant(other)

    def _derive(self, op: str, *args: "Term", slopes: "tuple[Term | float, ...]") -> "Term":
        put = self.tape.put
        total: int | None = None
        for arg, slope in zip(args, slopes, strict=True):
            if arg.tangent is not None:
                part = put("mul", self._lift(slope).node, arg.tangent)
                total = part if total is None else put("add", total, part)
        return Term(self.tape, put(op, *(a.node for a in args)), total)

    def __add__(self, other: "Term | float") -> "Term":
        return self._linear("add", self._lift(other))

    def __sub__(self, other: "Term | float") -> "Term":
        return self._linear("sub", self._lift(other))

    def _linear(self, op: str, other: "Term") -> "Term":
        put, a, b = self.tape.put, self.tangent, other.tangent
        tangent = a
        if b is not None:
            tangent = put(op, a, b) if a is not None else b if op == "add" else put("neg", b)
        return Term(self.tape, put(op, self.node, other.node), tangent)

    def __radd__(self, other: float) -> "Term":
        return self._lift(other) + self

    def __rsub__(self, other: float) -> "Term":
        return self._lift(other) - self

    def __mul__(self, other: "Term | float") -> "Term":
        other = self._lift(other)
        return self._derive("mul", self, other, slopes=(other, self))

    __rmul__ = __mul__

    def __truediv__(self, other: "Term | float") -> "Term":
        other = self._lift(other)
        one = self.tape.constant(1.0)
        inverse = Term(self.tape, self.tape.put("div", one.node, other.node))
        ratio = Term(self.tape, self.tape.put("div", self.node, other.node))
        minus = Term(self.tape, self.tape.put("neg", self.tape.put("mul", ratio.node, inverse.node)))
        return self._derive("div", self, other, slopes=(inverse, minus))

    def __neg__(self) -> "Term":
        return Term(self.tape, self.tape.put("neg", self.node), None if self.tangent is None else self.tape.put("neg", self.tangent))

    def call(self, op: str) -> "Term":
        def bare(name: str) -> Term:
            return Term(self.tape, self.tape.put(name, self.node))

        value = bare(op)
        slopes: dict[str, Callable[[], Term]] = {
            "sin": lambda: bare("cos"),
            "cos": lambda: -bare("sin"),
            "exp": lambda: value,
            "log": lambda: self.tape.constant(1.0) / Term(self.tape, self.node),
            "sqrt": lambda: self.tape.constant(0.5) / value,
            "tanh": lambda: self.tape.constant(1.0) - value * value,
            "abs": lambda: bare("sign"),
            "sign": lambda: self.tape.constant(0.0),
        }
        slope = slopes[op]()
        slope.tangent = None
        return self._derive(op, self, slopes=(slope,))

    def sum(self) -> "Term":
        return Term(self.tape, self.tape.put("sum", self.node), None if self.tangent is None else self.tape.put("sum", self.tangent))


class Writing:
    """A tape being written; equal nodes are written once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.known: dict[Node, int] = {}

    def put(self, op: str, *args: int, value: float = 0.0, slot: int = 0, offset: int = 0, axes: str | None = None) -> int:
        if axes is None:
            found = set("".join(self.nodes[a].axes for a in args)) - ({"j"} if op == "sum" else set())
            axes = "".join(sorted(found))
        node = Node(op, args, value, slot, offset, axes)  # type: ignore[arg-type]
        if node not in self.known:
            self.known[node] = len(self.nodes)
            self.nodes.append(node)
        return self.known[node]

    def constant(self, value: float) -> Term:
        return Term(self, self.put("constant", value=float(value), axes=""))

    def state(self, slot: int, offset: int = 0, axes: str = "") -> Term:
        return Term(self, self.put("state", slot=slot, offset=offset, axes=axes), self.put("tangent", slot=slot, offset=offset, axes=axes))

    def parameter(self, slot: int, offset: int = 0, axes: str = "") -> Term:
        return Term(self, self.put("parameter", slot=slot, offset=offset, axes=axes))

    def delayed(self, slot: int) -> Term:
        return Term(self, self.put("delayed", slot=slot, axes=""), self.put("delayed_tangent", slot=slot, axes=""))

    def index(self, axes: str) -> Term:
        return Term(self, self.put("index", axes=axes))

    def where(self, comparison: str, a: Term, b: Term, then: Term, otherwise: Term) -> Term:
        test, zero = self.put(comparison, a.node, b.node), self.constant(0.0).node
        tangents = [zero if t.tangent is None else t.tangent for t in (then, otherwise)]
        return Term(self, self.put("where", test, then.node, otherwise.node), self.put("where", test, *tangents))

    def tape(self, outputs: list[Term], variables: list[Variable], **settings: object) -> Tape:
        zero = self.constant(0.0).node
        tangents = tuple(zero if o.tangent is None else o.tangent for o in outputs)
        return Tape(tuple(self.nodes), tuple(variables), tuple(o.node for o in outputs), tangents, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sample:
    """A tape with parameters to run it with; `smooth` ones can be differentiated with a complex step."""

    name: str
    tape: Tape
    parameters: Array
    smooth: bool = True


def _numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def _polynomial() -> Sample:
    t = Writing()
    (x, y, z), (sigma, rho, beta) = (t.state(k) for k in range(3)), (t.parameter(k) for k in range(3))
    tape = t.tape([sigma * (y - x), x * (rho - z) - y, x * y - beta * z], [Variable(n, k) for k, n in enumerate("xyz")], n_parameters=3)
    return Sample("polynomial", tape, np.array([10.0, 28.0, 8 / 3]))


def _trigonometric() -> Sample:
    t = Writing()
    x, y, a, b = t.state(0), t.state(1), t.parameter(0), t.parameter(1)
    first = (a * x).call("sin") * (-(x * x)).call("exp") + y.call("cos") / (2.0 + x.call("cos"))
    second = y.call("tanh") - (1.0 + x * x).call("sqrt") * (a * b).call("sin") + (2.0 + x.call("sin")).call("log")
    return Sample("trigonometric", t.tape([first, second], [Variable("x", 0), Variable("y", 1)], n_parameters=2), np.array([1.5, 0.7]))


def _kinked() -> Sample:
    t = Writing()
    x, y, m = t.state(0), t.state(1), t.parameter(0)
    folded = Term(t, t.put("mod", (x + 3.0 * y).node, m.node), (x + 3.0 * y).tangent)
    least = t.where("lt", x, y, x, y)
    first = t.where("ge", x, t.constant(0.25), x.call("abs") * y, folded) + least
    second = Term(t, t.put("max", t.put("min", x.node, y.node), t.constant(-0.5).node))
    second = t.where("gt", second, t.constant(-0.5), least, t.constant(-0.5)) + x.call("sign") * y
    return Sample("kinked", t.tape([first, second], [Variable("x", 0), Variable("y", 1)], n_parameters=1), np.array([0.8]), smooth=False)


def _ring(size: int, boundary: str) -> Sample:
    t = Writing()
    tape = t.tape(
        [(t.state(0, 1, "i") - t.state(0, -2, "i")) * t.state(0, -1, "i") - t.state(0, 0, "i") + t.parameter(0)],
        [Variable("x", 0, size)],
        size=size,
        boundary=boundary,
        n_parameters=1,
    )
    return Sample(f"ring of {size}, {boundary}", tape, np.array([8.0]))


def _coupled(size: int) -> Sample:
    """Oscillators x, y on a ring and scalars a, b: everything a tape with cells can hold.

    Sums over cells and over pairs, each also nested; a matrix; a shifted parameter vector; the index; a fixed cell; delays; what can be
    computed once per call (the inverse distances) or once per cell (the tanh).
    """
    t = Writing()
    start = {"a": 0, "x": 1, "y": 1 + size, "b": 1 + 2 * size}
    xi, xj, yj = t.state(start["x"], 0, "i"), t.state(start["x"], 0, "j"), t.state(start["y"], 0, "j")
    a, b = t.state(start["a"]), t.state(start["b"])
    strength, omega, shifted = t.parameter(0), t.parameter(1, 0, "i"), t.parameter(1, 1, "i")
    matrix = t.parameter(1 + size, 0, "ij")
    mean = xj.sum() * (1.0 / size)
    spread = ((xj - mean) * (xj - mean)).sum()
    pairs = (matrix * (xj - xi).call("sin")).sum()
    activity = (matrix * (yj * strength).call("tanh")).sum()
    distance = (t.index("i") - t.index("j")) * (t.index("i") - t.index("j")) + 1.0
    decay = (xj * (t.constant(0.1) / distance)).sum()
    twice = ((xj - xi) * pairs / distance).sum()
    x = omega + strength * pairs + decay + 0.01 * twice - (strength * strength).call("exp") * t.state(start["x"], 3, "i")
    y = -t.state(start["y"], 0, "i") * t.delayed(0) + activity + mean.call("cos") * shifted + a * t.state(start["y"], -1, "i")
    tape = t.tape(
        [mean - a * b, x, y, spread.call("sin") - 0.1 * t.state(start["x"] + 2) * t.delayed(1)],
        [Variable("a", 0), Variable("x", start["x"], size), Variable("y", start["y"], size), Variable("b", start["b"])],
        size=size,
        n_parameters=1 + size + size * size,
        delayed=((0, 0), (0, 1)),
    )
    return Sample(f"coupled ring of {size}", tape, np.concatenate([[0.6], 0.3 * _numbers(size + size * size)]))


def _delay() -> Sample:
    t = Writing()
    x, y, late, later = t.state(0), t.state(1), t.delayed(0), t.delayed(1)
    first = t.parameter(0) * late / (1.0 + late * late) - 0.1 * x
    tape = t.tape([first, later * x - y], [Variable("x", 0), Variable("y", 1)], n_parameters=1, delayed=((0, 0), (1, 1)))
    return Sample("delays", tape, np.array([0.2]))


def _large(size: int) -> Sample:
    """A chain without axes that is too long for straight-line code once it carries columns."""
    t = Writing()
    states = [t.state(k) for k in range(size)]
    rates = [(states[(k + 1) % size] - states[k - 2]) * states[k - 1] - t.parameter(0) * states[k].call("sin") for k in range(size)]
    return Sample("large", t.tape(rates, [Variable(f"x{k}", k) for k in range(size)], n_parameters=1), np.array([1.3]))


def samples() -> list[Sample]:
    rings = [_ring(size, boundary) for size in (3, 5, 21, 40) for boundary in ("periodic", "zero")]
    return [_polynomial(), _trigonometric(), _kinked(), *rings, _coupled(5), _coupled(19), _delay(), _large(20)]
