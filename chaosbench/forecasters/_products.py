"""Matrix products whose rows do not know each other: the forecast of a window must not change by one bit with the batch it is in.

A library's matrix-matrix product chooses its blocking by the number of rows, so the last bits of a row depend on how many others there are.
Here each row is multiplied alone (a stack of vector-matrix products), and sparse products always take the many-columns path.
"""

import numpy as np
import scipy.sparse


def rowwise(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return rows (W, F) times matrix (F, D) as (W, D), bit for bit the same for every W."""
    product: np.ndarray = np.matmul(np.ascontiguousarray(rows)[:, None, :], matrix)[:, 0, :]
    return product


def columnwise(matrix: scipy.sparse.csr_array, columns: np.ndarray) -> np.ndarray:
    """Return a sparse matrix (N, M) times columns (M, W) as (N, W), bit for bit the same for every W.

    A single column would take another routine than two, so it is doubled.
    """
    single = columns.shape[1] == 1
    product: np.ndarray = matrix @ (np.repeat(columns, 2, axis=1) if single else np.ascontiguousarray(columns))
    return product[:, :1] if single else product
