"""The arrays that drivers take besides a request: what describes the kernels, and the working memory of one thread."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.kernels.build import Kernels, PairKernels, TaylorKernels


def kernel_arrays(kernels: "Kernels", tableau: Tableau | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the drivers' `address` and `sizes`."""
    address = np.array([kernels.value, kernels.step, kernels.dense], dtype=np.int64)
    if tableau is None:
        return address, np.array([kernels.size, 0, 0, 0, 0], dtype=np.int64)
    sizes = [kernels.size, tableau.stages, tableau.degree, len(tableau.dense_c), tableau.error_order]
    return address, np.array(sizes, dtype=np.int64)


def working_memory(kernels: "Kernels") -> tuple[np.ndarray, ...]:
    """Return the drivers' `buffers`: u, rate, trial, a, past, work, result."""
    lengths = (kernels.size, kernels.size, kernels.size, 3, kernels.past_rows * kernels.n_delayed, kernels.work_size, kernels.out_size)
    return tuple(np.zeros(max(length, 1)) for length in lengths)


def starting_memory(dimension: int) -> tuple[np.ndarray, ...]:
    """Return the `buffers` with which a driver finds a first step: as `working_memory`, for the right-hand side alone."""
    return tuple(np.zeros(length) for length in (dimension, dimension, dimension, 3, 1, dimension, dimension))


def lane_memory(kernels: "TaylorKernels | PairKernels") -> tuple[np.ndarray, ...]:
    """Return the `buffers` of a driver of lanes: u, p, past, work."""
    return tuple(aligned(size) for size in kernels.sizes)


def aligned(length: int) -> np.ndarray:
    """Return zeros that begin on a cache line, so that no vector of eight crosses one."""
    raw = np.zeros(length + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + length]
