"""Which entries of the Jacobian of a tape can differ from zero, read from the tape's structure."""

from functools import reduce
from typing import Any

import numpy as np

from chaosbench.expressions.evaluate import walk_tape
from chaosbench.expressions.tape import BINARY, COMPARISONS, UNARY, Node, Tape

Reach = Any  # (D, cells i or 1) bool, or None for what no state reaches


def jacobian_pattern(tape: Tape) -> np.ndarray | None:
    """Return (D, D) bool, entry [k, l] whether output k may depend on the present state l; None if all may, as with sums over cells.

    An entry is False only if the derivative vanishes for every state. Delayed values do not count.
    """
    if any(node.op == "sum" or "j" in node.axes for node in tape.nodes):
        return None
    dimension = tape.dimension
    with_arguments = UNARY | BINARY | COMPARISONS | {"where"}
    reached = walk_tape(tape, lambda node: _leaf(node, tape), dict.fromkeys(with_arguments, _union))
    pattern = np.zeros((dimension, dimension), dtype=bool)
    for variable, output in zip(tape.variables, tape.outputs, strict=True):
        if reached[output] is not None:
            pattern[variable.start : variable.start + variable.slots] = reached[output].T
    return pattern


def _union(*arguments: Reach) -> Reach:
    moving = [argument for argument in arguments if argument is not None]
    return reduce(np.logical_or, moving) if moving else None


def _leaf(node: Node, tape: Tape) -> Reach:
    if node.op != "state":
        return None
    cells = tape.size if node.axes else 1
    places = np.arange(cells) + node.offset
    inside = np.ones(cells, dtype=bool) if tape.boundary == "periodic" else (places >= 0) & (places < cells)
    reached = np.zeros((tape.dimension, cells), dtype=bool)
    reached[node.slot + places[inside] % cells, np.flatnonzero(inside)] = True
    return reached
