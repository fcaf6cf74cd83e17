"""Scalar assignments as the source of a Python function, in the dialect of a peer.

The source is written to a file of the benchmark's cache and imported like any module: peers that read or compile the source of a function find
what a person would have written. Values used once are written in place, values used more often are named.
"""

import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosbench.folders import cache_folder, write_whole

from .scalars import Scalar, Scalars

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True)
class Dialect:
    """How a peer writes operations: `imports` opens the module, `forms` replace the default form of an operation."""

    imports: str
    forms: Mapping[str, str] = field(default_factory=dict)

    def write(self, op: str, args: list[str]) -> str:
        """Return the expression of one operation, safe to be put inside another."""
        if op in self.forms:
            return self.forms[op].format(*args)
        if op in _INFIX:
            return f"({args[0]} {_INFIX[op]} {args[1]})"
        return f"(-{args[0]})" if op == "neg" else f"{op}({', '.join(args)})"


PYTHON = Dialect(
    "from math import acos, asin, atan, atan2, cos, cosh, exp, floor, log, sin, sinh, sqrt, tan, tanh",
    {
        "where": "({1} if {0} else {2})",
        "sign": "((0.0 < {0}) - ({0} < 0.0))",
        "mod": "({0} - {1} * floor({0} / {1}))",
        "abs": "abs({0})",
    },
)


def body(scalars: Scalars, dialect: Dialect, states: list[str]) -> tuple[list[str], list[str]]:
    """Return the assignments and the expressions of all nodes; `states` are the names of the flat state."""
    uses, texts, lines = scalars.uses(), [""] * len(scalars.nodes), []
    for place, node in enumerate(scalars.nodes):
        text = _leaf(node, states) or dialect.write(node.op, [texts[arg] for arg in node.args])
        deep = text.count("(") > 60  # Python reads no deeper than 200 brackets
        if node.args and (uses[place] > 1 or deep):
            lines.append(f"v{place} = {text}")
            text = f"v{place}"
        texts[place] = text
    return lines, texts


def _leaf(node: Scalar, states: list[str]) -> str:
    if node.op == "constant":
        if not math.isfinite(node.value):
            raise ValueError(f"a constant of the system is {node.value}; it cannot be written as a literal")
        return repr(node.value) if node.value >= 0 else f"({node.value!r})"
    return states[node.slot] if node.op == "state" else ""


def function(name: str, head: str, opening: list[str], lines: list[str], closing: str) -> str:
    """Return the source of one function."""
    return "\n".join([f"def {name}({head}):", *(f"    {line}" for line in [*opening, *lines, closing]), ""])


def load(source: str, name: str) -> Callable[..., Any]:
    """Return the function `name` of a module with this source, imported from the cache."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    path = cache_folder("benchmark", "translated", f"m{digest}.py")
    if not path.exists():
        write_whole(path, source)
    spec = importlib.util.spec_from_file_location(f"chaosbench_translated_{digest}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported; delete it and run again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: Callable[..., Any] = getattr(module, name)
    return loaded


def scalar_function(scalars: Scalars, dialect: Dialect, *, head: str, opening: str, states: list[str], closing: str) -> Callable[..., Any]:
    """Return `rates(head)`; `opening` names the states, `closing` is formatted with `rates`, the D expressions joined by commas."""
    lines, texts = body(scalars, dialect, states)
    rates = [texts[place] for place in scalars.outputs]
    opened = [opening] if opening else []
    return load(dialect.imports + "\n\n\n" + function("rates", head, opened, lines, closing.format(rates=", ".join(rates))), "rates")


def jacobian_function(scalars: Scalars, dialect: Dialect, *, head: str, opening: str, states: list[str]) -> Callable[..., Any]:
    """Return `jacobian(head)`, which fills the entries that are not zero of a NumPy matrix."""
    lines, texts = body(scalars, dialect, states)
    size = len(states)
    entries = [(i, k, column[i]) for k, column in enumerate(scalars.jacobian) for i in range(size)]
    filled = [f"J[{i}, {k}] = {texts[place]}" for i, k, place in entries if scalars.nodes[place] != Scalar("constant")]
    opened = [opening] if opening else []
    source = function("jacobian", head, [*opened, f"J = np.zeros(({size}, {size}))"], [*lines, *filled], "return J")
    return load(dialect.imports + "\n\n\n" + source, "jacobian")
