"""The arrays that the drivers of Rosenbrock methods take besides a request; see `_rosenbrock_drivers`."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._jacobian import jacobian_plan
from chaosbench.integrators._memory import working_memory
from chaosbench.integrators._rodas5p_tableau import Rosenbrock

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

Arrays = tuple[np.ndarray, ...]


def method_arrays(system: "CompiledSystem", coefficients: Rosenbrock) -> tuple[np.ndarray, np.ndarray, Arrays]:
    """Return the drivers' `address`, `sizes` and `method`."""
    plan = jacobian_plan(system)
    address = np.array([system.kernels().value, system.kernels(columns=plan.columns).value], dtype=np.int64)
    sizes = np.array([system.dimension, coefficients.stages, 4, 0, coefficients.error_order, plan.columns, plan.band], dtype=np.int64)
    weights, couplings = np.zeros((2, coefficients.stages, coefficients.stages))
    for s, (row, other) in enumerate(zip(coefficients.a, coefficients.c, strict=True)):
        weights[s, :s], couplings[s, :s] = row, other
    return address, sizes, (np.array([coefficients.gamma]), weights, couplings, np.array(coefficients.dense))


def stiff_memory(system: "CompiledSystem", coefficients: Rosenbrock) -> tuple[Arrays, Arrays]:
    """Return the drivers' `buffers` and `linear`; the first is working memory of one thread, and so are all but the first two of the second."""
    size, plan = system.dimension, jacobian_plan(system)
    u, rate, trial, a, past, work, _ = working_memory(system.kernels())
    *_, column_work, slopes = working_memory(system.kernels(columns=plan.columns))
    linear = (
        plan.entries,
        plan.place,
        np.concatenate([np.zeros(size), plan.seeds.ravel()]),
        slopes,
        column_work,
        np.zeros((size, size)),
        np.zeros(size, dtype=np.int64),
        np.zeros(size),
        np.zeros((coefficients.stages, size)),
    )
    return (u, rate, trial, a, past, work, np.zeros(size + 1 + 5 * size)), linear
