"""The tape: one system's right-hand side as a list of single assignments, shared subterms written once.

Everything that runs a system (NumPy, torch, LLVM kernels, tangents, jets) reads this one structure.

Nodes may carry *axes*. A node without axes is one number. Axis "i" runs over the N cells of a sized system, axis "j" is the
running index of a `sum(j, ...)`. Axes are broadcast like NumPy's; only a "sum" node removes its "j". A system without a size has
no axes anywhere, so its tape is straight-line code.

The state is flattened to D numbers: variables in file order, a scalar variable takes one slot, an indexed one N consecutive slots.
The parameter vector is flattened in the same way (vectors N, matrices N*N in row-major order).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Axes = Literal["", "i", "j", "ij"]

LEAVES = frozenset({"constant", "index", "state", "tangent", "parameter", "delayed", "delayed_tangent"})
UNARY = frozenset({"neg", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs", "sign", "floor"})
BINARY = frozenset({"add", "sub", "mul", "div", "pow", "min", "max", "atan2", "mod"})
COMPARISONS = frozenset({"lt", "le", "gt", "ge"})


class Node(NamedTuple):
    """One assignment.

    op: one of LEAVES, UNARY, BINARY, COMPARISONS, "where" (condition, then, else) or "sum" (removes axis "j").
    args: positions of earlier nodes.
    value: the number of a "constant"; 0.0 otherwise.
    slot: for "state" and "tangent" the first flat slot of the variable; for "parameter" its first flat parameter slot; for "delayed" and
        "delayed_tangent" the number of the delayed slot (see Tape.delayed); 0 otherwise.
    offset: for an element with axes, what is added to the running index before the boundary rule: x[i+1] has axes "i", offset 1.
    axes: the axes of the result. Leaves: "" is a scalar at `slot`; "i" or "j" is element `slot + index + offset`; a matrix parameter
        has "ij" and is element `slot + i*N + j`. "index" is the running index itself as a float, axes "i" or "j".
    """

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    slot: int = 0
    offset: int = 0
    axes: Axes = ""


@dataclass(frozen=True)
class Variable:
    """One entry of the state table: `start` is its first flat slot, `length` 0 for a scalar and N for an indexed variable."""

    name: str
    start: int
    length: int = 0

    @property
    def slots(self) -> int:
        """Number of flat slots taken."""
        return self.length or 1


@dataclass(frozen=True)
class Tape:
    """A right-hand side, or with `tangent_outputs` its directional derivative as well.

    nodes: in an order in which every argument stands before its use.
    variables: the state table; outputs[k] is the node that gives the rate (flow, delay) or next value (map) of variables[k]. An indexed
        variable's output may lack axis "i" and is then broadcast.
    tangent_outputs: None, or for each variable the node of the directional derivative along the "tangent" leaves.
    size: N, or 0 for a system without a size.
    boundary: "periodic" (index modulo N) or "zero" (elements outside 0..N-1 are 0).
    delayed: one (flat state slot, lag number) per delayed slot; a delay of an indexed variable is not in the grammar.
    """

    nodes: tuple[Node, ...]
    variables: tuple[Variable, ...]
    outputs: tuple[int, ...]
    tangent_outputs: tuple[int, ...] | None = None
    size: int = 0
    boundary: Literal["periodic", "zero"] = "periodic"
    n_parameters: int = 0
    delayed: tuple[tuple[int, int], ...] = ()

    @property
    def dimension(self) -> int:
        """D, the number of flat state slots."""
        return sum(variable.slots for variable in self.variables)

    @property
    def smooth(self) -> bool:
        """False when a node has a kink or a jump (abs, sign, floor, mod, min, max, where, comparisons)."""
        rough = {"abs", "sign", "floor", "mod", "min", "max", "where"} | COMPARISONS
        return not any(node.op in rough for node in self.nodes)
