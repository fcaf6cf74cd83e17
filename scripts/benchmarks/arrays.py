"""A sized system as NumPy source over whole arrays, the way a person writes Lorenz 1996: `x[ahead] - x[behind2]`, not forty scalars."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.expressions.tape import Node, Tape

from .translate import Dialect, function, load

_FUNCTIONS = (
    "abs, arccos as acos, arcsin as asin, arctan as atan, arctan2 as atan2, cos, cosh, exp, floor, log, sign, sin, sinh, sqrt, tan, tanh, where"
)
_REST = "maximum, minimum, concatenate, ravel, full, array"
NUMPY = Dialect(f"import numpy as np\nfrom numpy import {_FUNCTIONS}, {_REST}", {"min": "minimum({0}, {1})", "max": "maximum({0}, {1})"})
JAX = Dialect(NUMPY.imports.replace("from numpy", "from jax.numpy"), NUMPY.forms)


def suits(tape: Tape) -> bool:
    """Return whether the tape has cells and needs no matrix."""
    return tape.size > 0 and not any(node.axes == "ij" for node in tape.nodes)


def array_function(tape: Tape, parameters: np.ndarray, dialect: Dialect, head: str, rolled: bool) -> Callable[..., Any]:
    """Return rates(head), head containing the flat state `s`; rolled: shift cells by `roll` instead of by index arrays."""
    writer = _Writer(tape, [float(value) for value in parameters], dialect, rolled)
    parts = []
    for variable, place in zip(tape.variables, tape.outputs, strict=True):
        value, axes = writer.texts[place], tape.nodes[place].axes
        parts.append(value if axes else f"full({variable.slots}, {value})")
    closing = f"return {parts[0]}" if len(parts) == 1 else f"return concatenate(({', '.join(parts)}))"
    source = "\n".join([dialect.imports, *writer.constants, "", "", function("rates", head, [], writer.lines, closing)])
    return load(source.replace("from jax.numpy import", "from jax.numpy import roll,") if rolled else source, "rates")


class _Writer:
    """The running indices i and j name the same arrays of cells; only a sum tells them apart, and it removes j."""

    def __init__(self, tape: Tape, parameters: list[float], dialect: Dialect, rolled: bool) -> None:
        self.tape, self.parameters, self.dialect, self.rolled = tape, parameters, dialect, rolled
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.known: dict[str, str] = {}
        self.texts: list[str] = []
        for node in tape.nodes:
            self.texts.append(self.write(node))

    def named(self, text: str, store: list[str], letter: str) -> str:
        if text not in self.known:
            self.known[text] = f"{letter}{len(self.known)}"
            store.append(f"{self.known[text]} = {text}")
        return self.known[text]

    def write(self, node: Node) -> str:
        size = self.tape.size
        if node.op == "constant":
            return f"({node.value!r})"
        if node.op == "index":
            return self.named(f"np.arange({size}.0)", self.constants, "k")
        if node.op == "parameter":
            if not node.axes:
                return f"({self.parameters[node.slot]!r})"
            cells = [self.parameters[node.slot + (k + node.offset) % size] for k in range(size)]
            return self.named(f"np.array({cells})", self.constants, "k")
        if node.op == "state":
            return self.named(self.state(node), self.lines, "v")
        args = [self.texts[arg] for arg in node.args]
        if node.op == "sum":
            inner = self.tape.nodes[node.args[0]]
            return self.named(f"{args[0]}.sum()" if inner.axes else f"({args[0]} * {size})", self.lines, "v")
        return self.named(self.dialect.write(node.op, args), self.lines, "v")

    def state(self, node: Node) -> str:
        if not node.axes:
            return f"s[{node.slot}]"
        size, start = self.tape.size, node.slot
        places = [(k + node.offset) % size for k in range(size)]
        inside = [0 <= k + node.offset < size for k in range(size)]
        if self.rolled:
            text = f"roll(s[{start}:{start + size}], {-node.offset})"
        elif node.offset == 0:
            text = f"s[{start}:{start + size}]"
        else:
            text = f"s[{self.named(f'np.array({[start + p for p in places]})', self.constants, 'k')}]"
        if self.tape.boundary == "zero" and not all(inside):
            text = f"({text} * {self.named(f'np.array({[float(k) for k in inside]})', self.constants, 'k')})"
        return text
