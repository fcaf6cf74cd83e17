"""The coefficients of the continuous extension, from the stages in memory: the same code for every system of one size."""

from collections.abc import Sequence

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.formulas import combination
from chaosbench.kernels.sweeps import sweep
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.values import Index, Value


def write_dense_rows(w: Writer, tableau: Tableau, size: int, h: Value) -> None:
    """Write out[E+1 : E+1+(degree+1)E] from u and the S + extra stages in work; row q multiplies theta**q."""
    total = tableau.stages + len(tableau.dense_c)
    needed = [s for s in range(total) if any(row[s] != 0.0 for row in tableau.dense)]

    def body(index: Index, width: int, _: Sequence[Value]) -> list[Value]:
        w.store(w.load("%u", 0, index, width=width), "%out", size + 1, index)
        rates = [w.load("%work", s * size, index, width=width) for s in needed]
        for q, row in enumerate(tableau.dense, start=1):
            rate = combination(w, [row[s] for s in needed], rates)
            if rate is not None:
                w.store(w.mul(w.splat(h, width), rate), "%out", (q + 1) * size + 1, index)
        return []

    sweep(w, size, body)
