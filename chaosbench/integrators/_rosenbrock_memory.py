"""The arrays that the drivers of Rosenbrock methods take besides a request; see `_rosenbrock_drivers`."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._memory import working_memory
from chaosbench.integrators._rodas5p_tableau import Rosenbrock

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

Arrays = tuple[np.ndarray, ...]


def method_arrays(system: "CompiledSystem", coefficients: Rosenbrock) -> tuple[np.ndarray, np.ndarray, Arrays]:
    """Return the drivers' `address`, `sizes` and `method`."""
    address = np.array([system.kernels().value, system.kernels(columns=system.dimension).value], dtype=np.int64)
    sizes = np.array([system.dimension, coefficients.stages, 4, 0, coefficients.error_order], dtype=np.int64)
    weights, couplings = np.zeros((2, coefficients.stages, coefficients.stages))
    for s, (row, other) in enumerate(zip(coefficients.a, coefficients.c, strict=True)):
        weights[s, :s], couplings[s, :s] = row, other
    return address, sizes, (np.array([coefficients.gamma]), weights, couplings, np.array(coefficients.dense))


def stiff_memory(system: "CompiledSystem", coefficients: Rosenbrock) -> tuple[Arrays, Arrays]:
    """Return the drivers' `buffers` and `linear`, working memory of one thread."""
    size = system.dimension
    u, rate, trial, a, past, work, _ = working_memory(system.kernels())
    with_columns = working_memory(system.kernels(columns=size))
    extended = np.concatenate([np.zeros(size), np.eye(size).ravel()])
    linear = (
        extended,
        with_columns[6],
        with_columns[5],
        np.zeros((size, size)),
        np.zeros(size, dtype=np.int64),
        np.zeros((size, 2), dtype=np.int64),
        np.zeros((coefficients.stages, size)),
    )
    return (u, rate, trial, a, past, work, np.zeros(size + 1 + 5 * size)), linear
