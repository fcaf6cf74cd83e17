"""Functions of the coordinates on the grid, by compiled kernels: the same bits on every processor, whatever its library's sines are."""

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.trace import trace_expressions
from chaosbench.expressions.tree import ZERO, Expression, to_data
from chaosbench.identity import sha256_of
from chaosbench.kernels.build import build


def values_at(
    trees: Sequence[Expression], names: Sequence[str], points: np.ndarray, parameters: Mapping[str, ParameterSlot], values: np.ndarray
) -> np.ndarray:
    """Return (n, len(trees)): real expressions of the variables `names` and the parameters at `points` (n, len(names)); values (P,)."""
    count = max(len(names), len(trees), 1)
    variables = tuple(Variable(names[place] if place < len(names) else f"@{place}", place) for place in range(count))
    scope = Scope(variables, parameters)
    tape = trace_expressions([*trees, *[ZERO] * (count - len(trees))], scope)
    kernels = build(tape, structure=sha256_of(["values_at", list(names), [to_data(tree) for tree in trees]]))
    pointer = ctypes.POINTER(ctypes.c_double)
    call = ctypes.CFUNCTYPE(None, *[pointer] * 6)(kernels.value)
    rows = np.zeros((len(points), count))
    rows[:, : len(names)] = points
    found = np.empty((len(points), kernels.out_size))
    given = np.array(values, dtype=np.float64) if len(values) else np.zeros(1)
    settings, past, work = np.zeros(3), np.zeros(1), np.zeros(max(kernels.work_size, 1))
    fixed = [array.ctypes.data_as(pointer) for array in (given, settings, past, work)]
    for row, out in zip(rows, found, strict=True):
        call(row.ctypes.data_as(pointer), *fixed, out.ctypes.data_as(pointer))
    return np.ascontiguousarray(found[:, : len(trees)])


def coordinates_of(shape: tuple[int, ...], lengths: tuple[float, ...]) -> np.ndarray:
    """Return the grid points (n, 1 or 2), x first, in row-major order of the grid; each coordinate is i * (length / points), in [0, length)."""
    along = [np.arange(points) * (length / points) for points, length in zip(reversed(shape), lengths, strict=True)]
    if len(along) == 1:
        return along[0][:, None]
    y, x = np.meshgrid(along[1], along[0], indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)
