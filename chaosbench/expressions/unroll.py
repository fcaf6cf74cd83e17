"""Cells written out: the tape of a sized system as one of plain numbers, for small systems."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chaosbench.expressions.assemble import TapeBuilder, pruned
from chaosbench.expressions.evaluate import walk_tape
from chaosbench.expressions.tape import BINARY, COMPARISONS, UNARY, Node, Tape, Variable


def unrolled_size(tape: Tape) -> int:
    """Return how many nodes `unrolled` writes at most, and the terms of sums among them."""
    inside = [tape.nodes[node.args[0]].axes if node.op == "sum" else node.axes for node in tape.nodes]
    return sum(max(1, tape.size) ** len(axes) for axes in inside)


def unrolled(tape: Tape) -> Tape:
    """Return the same right-hand side without axes: every node once a cell, D scalar variables. Sums over j are added up in pairs.

    Raises ValueError for a tape with tangents or delays.
    """
    if tape.tangent_outputs is not None or tape.delayed:
        raise ValueError("the tape has tangents or delays; only a plain right-hand side can be unrolled; unroll it before differentiating")
    if all(not node.axes for node in tape.nodes) and all(not variable.length for variable in tape.variables):
        return tape
    builder = TapeBuilder()
    operations: dict[str, Callable[..., Any]] = {op: partial(_each, builder, op) for op in UNARY | BINARY | COMPARISONS | {"where"}}
    operations["sum"] = partial(_summed, builder)
    places = walk_tape(tape, partial(_leaf, builder, tape), operations)
    wanted = [int(place) for output, variable in zip(tape.outputs, tape.variables, strict=True) for place in _cells(places[output], variable.slots)]
    nodes, outputs = pruned(builder.nodes, wanted)
    names = [f"{v.name}[{k}]" if v.length else v.name for v in tape.variables for k in range(v.slots)]
    return replace(tape, nodes=nodes, outputs=outputs, variables=tuple(Variable(name, slot) for slot, name in enumerate(names)), size=0)


def _cells(places: np.ndarray, slots: int) -> np.ndarray:
    return np.broadcast_to(places[:, 0], slots)


def _each(builder: TapeBuilder, op: str, *arguments: np.ndarray) -> np.ndarray:
    cells = np.broadcast_arrays(*arguments)
    flat = [builder.apply(op, *(int(place) for place in row)) for row in zip(*(cell.ravel() for cell in cells), strict=True)]
    return np.array(flat).reshape(cells[0].shape)


def _summed(builder: TapeBuilder, terms: np.ndarray) -> np.ndarray:
    columns = [terms[:, [j]] for j in range(terms.shape[1])]
    while len(columns) > 1:
        pairs = [_each(builder, "add", *columns[k : k + 2]) for k in range(0, len(columns) - 1, 2)]
        columns = pairs + columns[len(columns) - len(columns) % 2 :]
    return columns[0]


def _leaf(builder: TapeBuilder, tape: Tape, node: Node) -> np.ndarray:
    """Places of a leaf's cells, (cells i or 1, cells j or 1)."""
    numbers = range(tape.size)
    if not node.axes:
        return np.array([[_place(builder, tape, node, node.slot)]])
    if node.axes == "ij":
        return np.array([[builder.leaf(node.op, slot=node.slot + i * tape.size + j) for j in numbers] for i in numbers])
    cells = [_place(builder, tape, node, k + node.offset) for k in numbers]
    return np.array(cells)[:, None] if node.axes == "i" else np.array(cells)[None, :]


def _place(builder: TapeBuilder, tape: Tape, node: Node, cell: int) -> int:
    if node.op in {"constant", "index"}:
        return builder.constant(node.value if node.op == "constant" else float(cell))
    if not node.axes:
        return builder.leaf(node.op, slot=node.slot)
    inside = 0 <= cell < tape.size
    if not inside and tape.boundary == "zero":
        return builder.constant(0.0)
    return builder.leaf(node.op, slot=node.slot + cell % tape.size)
