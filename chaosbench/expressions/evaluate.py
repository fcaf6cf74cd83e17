"""The readable evaluator: walks a tape node by node with array operations. Slow, and the oracle for every fast version.

Each node is an array of shape (B, cells i, cells j) with length 1 where an axis is absent, so broadcasting does the rest. `walk_tape` is generic in
its table of operations; this file gives the NumPy table, which is also safe for complex steps (x + 1e-30j), the torch table stands in `torch`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chaosbench.expressions.tape import Node, Tape

Operations = Mapping[str, Callable[..., Any]]


def walk_tape(tape: Tape, leaf: Callable[[Node], Any], operations: Operations) -> list[Any]:
    """Return the value of every node; `leaf` supplies what has no arguments, `operations` everything else."""
    values: list[Any] = []
    for node in tape.nodes:
        values.append(operations[node.op](*(values[arg] for arg in node.args)) if node.args else leaf(node))
    return values


def outputs_of(
    tape: Tape,
    states: np.ndarray,
    parameters: np.ndarray,
    *,
    past: np.ndarray | None = None,
    tangents: np.ndarray | None = None,
    past_tangents: np.ndarray | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the arrays (B, cells i or 1) of the outputs and of the tangent outputs, one entry for each, not packed into a state.

    Parameters: states (B, D); parameters (P,) or (B, P); past (B, n_delayed) the delayed values; tangents (B, D) and past_tangents
    (B, n_delayed) the direction, needed by a tangent tape.
    """
    batch = len(states)
    sources = {
        "state": states,
        "tangent": tangents,
        "parameter": np.broadcast_to(parameters, (batch, parameters.shape[-1])),
        "delayed": past,
        "delayed_tangent": past_tangents,
    }
    with np.errstate(all="ignore"):  # a trajectory that has left the domain gives NaN or inf, which callers test for
        values = walk_tape(tape, lambda node: _leaf(node, tape, sources, batch), FUNCTIONS)
    primal = [_flat(values[place], batch) for place in tape.outputs]
    return primal, [_flat(values[place], batch) for place in tape.tangent_outputs or ()]


def evaluate(
    tape: Tape,
    states: np.ndarray,
    parameters: np.ndarray,
    *,
    past: np.ndarray | None = None,
    tangents: np.ndarray | None = None,
    past_tangents: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the right-hand side (B, D) and, for a tangent tape, its derivative (B, D) along `tangents`; None otherwise.

    Parameters as in `outputs_of`. The results are float64, or complex128 if the states or parameters are.
    """
    primal, tangent = outputs_of(tape, states, parameters, past=past, tangents=tangents, past_tangents=past_tangents)
    return _packed(primal, tape), _packed(tangent, tape) if tape.tangent_outputs is not None else None


def _packed(parts: Sequence[np.ndarray], tape: Tape) -> np.ndarray:
    columns = [np.broadcast_to(part, (len(part), variable.slots)) for part, variable in zip(parts, tape.variables, strict=True)]
    return np.concatenate(columns, axis=1)


def _flat(value: Any, batch: int) -> np.ndarray:
    array: np.ndarray = value[:, :, 0]
    return np.broadcast_to(array, (batch, array.shape[1]))


def _leaf(node: Node, tape: Tape, sources: Mapping[str, np.ndarray | None], batch: int) -> np.ndarray:
    if node.op == "constant":
        return np.full((1, 1, 1), node.value)
    if node.op == "index":
        return _axis(np.arange(tape.size, dtype=float)[None, :], node.axes)
    source = sources[node.op]
    if source is None:
        raise ValueError(f"the tape needs {node.op!r} values and got none; pass past for delays, tangents and past_tangents for a tangent tape")
    if node.axes == "":
        return source[:, node.slot][:, None, None]
    if node.axes == "ij":
        return source[:, node.slot : node.slot + tape.size**2].reshape(batch, tape.size, tape.size)
    places = np.arange(tape.size) + node.offset
    cells = source[:, node.slot + places % tape.size]
    if tape.boundary == "zero":
        cells = np.where((places >= 0) & (places < tape.size), cells, 0.0)
    return _axis(cells, node.axes)


def _axis(cells: np.ndarray, axes: str) -> np.ndarray:
    return np.expand_dims(cells, 2 if axes == "i" else 1)


def _real(value: np.ndarray) -> np.ndarray:
    return np.real(value)


def _sign(value: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(_real(value)))


def _modulo(value: np.ndarray, modulus: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(value) or np.iscomplexobj(modulus):
        return np.asarray(value - modulus * np.floor(_real(value) / _real(modulus)))
    rest = np.mod(value, modulus)
    return np.where(rest == modulus, 0.0, rest)  # -1e-20 % 1 rounds to 1, which is outside [0, 1)


def _lesser(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    complex_step = np.iscomplexobj(a) or np.iscomplexobj(b)
    return np.where(_real(a) <= _real(b), a, b) if complex_step else np.minimum(a, b)  # minimum passes NaN on


def _greater(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    complex_step = np.iscomplexobj(a) or np.iscomplexobj(b)
    return np.where(_real(a) >= _real(b), a, b) if complex_step else np.maximum(a, b)


def _angle(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    angle = np.arctan2(_real(y), _real(x))
    if not (np.iscomplexobj(y) or np.iscomplexobj(x)):
        return np.asarray(angle)
    y, x = y + 0j, x + 0j  # first order in the imaginary step, which is all a complex step needs
    return np.asarray(angle + 1j * (x.real * y.imag - y.real * x.imag) / (x.real**2 + y.real**2))


FUNCTIONS: Operations = {
    "neg": np.negative,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": lambda a: a * _sign(a) if np.iscomplexobj(a) else np.abs(a),
    "sign": _sign,
    "floor": lambda a: np.floor(_real(a)),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "min": _lesser,
    "max": _greater,
    "atan2": _angle,
    "mod": _modulo,
    "lt": lambda a, b: _real(a) < _real(b),
    "le": lambda a, b: _real(a) <= _real(b),
    "gt": lambda a, b: _real(a) > _real(b),
    "ge": lambda a, b: _real(a) >= _real(b),
    "where": np.where,
    "sum": lambda a: np.sum(a, axis=2, keepdims=True),
}
