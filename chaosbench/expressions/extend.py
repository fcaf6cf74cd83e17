"""A state and its tangent columns as one larger state: the tape of the variational equations."""

from dataclasses import replace

from chaosbench.expressions.assemble import TapeBuilder, pruned
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.tape import Tape, Variable


def extended_tape(tape: Tape, columns: int) -> Tape:
    """Return the tape of [x, v_1, ..., v_K] with x' = f(x) and v_k' = J(x) v_k (a map: the next ones), D (1 + K) variables.

    What depends on the state alone is written once, the rest once a column. Raises ValueError for a tape with cells or delays.
    """
    if any(node.axes for node in tape.nodes) or any(variable.length for variable in tape.variables) or tape.delayed:
        raise ValueError("the tape has cells or delays; only numbers without axes can be repeated per column; use the tangent tape itself")
    tangents = tangent_tape(tape) if tape.tangent_outputs is None else tape
    builder = TapeBuilder()
    rates = _copied(builder, tangents, tangents.outputs, 0)
    for column in range(1, columns + 1):
        rates += _copied(builder, tangents, tangents.tangent_outputs or (), column * tape.dimension)
    nodes, outputs = pruned(builder.nodes, rates)
    names = [f"{variable.name}.{column}" if column else variable.name for column in range(columns + 1) for variable in tape.variables]
    return replace(
        tape,
        nodes=nodes,
        outputs=outputs,
        tangent_outputs=None,
        variables=tuple(Variable(name, slot) for slot, name in enumerate(names)),
    )


def _copied(builder: TapeBuilder, tape: Tape, wanted: tuple[int, ...], first: int) -> list[int]:
    """Write the nodes of `tape` with its tangent at slot `first`, and return the places of the wanted ones."""
    place: list[int] = []
    for node in tape.nodes:
        if node.op == "tangent":
            place.append(builder.leaf("state", slot=first + node.slot))
        elif node.op == "constant":
            place.append(builder.constant(node.value))
        elif not node.args:
            place.append(builder.leaf(node.op, slot=node.slot))
        else:
            place.append(builder.apply(node.op, *(place[a] for a in node.args)))
    return [place[output] for output in wanted]
