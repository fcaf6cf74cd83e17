"""Kernels of a right-hand side that is no tape but a compiled function at an address: Runge-Kutta steps around calls of it.

The arithmetic is that of `formulas`, so a function that rounds like a tape gives the tape's bits. Stages stand in memory, because a call of an
unknown function empties the vector registers anyway.
"""

from collections.abc import Sequence
from typing import Any

from chaosbench.kernels.build import Kernels
from chaosbench.kernels.dense import write_dense_rows
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.formulas import advance, error_norm, scaled_errors
from chaosbench.kernels.sweeps import sweep
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.target import compile_assembly, load_object, processor
from chaosbench.kernels.values import Index, Value, constant

_POINTERS = ", ".join(f"ptr %{name}" for name in KERNEL_POINTERS)


def foreign_kernels(address: int, dimension: int, tableau: Tableau | None, library: Any) -> Kernels:
    """Return kernels whose right-hand side is the function (u, p, a, past, work, out) at `address`, which reads u and p and writes out.

    Parameters
    ----------
    tableau: the Runge-Kutta method of `step` and `dense`; None gives `value` alone.
    library: whatever keeps the function in memory.
    """
    assembly = Assembly()
    call = f"call void inttoptr (i64 {address} to ptr)({_POINTERS})"
    assembly.add(f"define internal void @rate({_POINTERS}) #2 {{\nentry:\n  {call}\n  ret void\n}}\n")
    rows = 1 if tableau is None else tableau.stages + len(tableau.dense_c)
    _write_value(assembly, dimension, rows)
    if tableau is not None:
        _write_step(assembly, dimension, tableau)
        _write_dense(assembly, dimension, tableau)
    loaded = load_object(compile_assembly(assembly.text(), processor()), ("value",) if tableau is None else ("value", "step", "dense"))
    addresses = (*loaded.addresses, 0, 0)
    return Kernels(
        value=addresses[0],
        step=addresses[1],
        dense=addresses[2],
        size=dimension,
        stages=0 if tableau is None else tableau.stages,
        degree=0 if tableau is None else tableau.degree,
        work_size=(rows + 1) * dimension,  # the last row holds a state that has no place elsewhere
        out_size=dimension if tableau is None else dimension + 1 + (tableau.degree + 1) * dimension,
        n_delayed=0,
        past_rows=0,
        library=(library, loaded.library),
    )


def _write_value(assembly: Assembly, dimension: int, rows: int) -> None:
    w = Writer(assembly, "value", KERNEL_POINTERS)
    state = w.address("%work", rows * dimension)  # the caller's `out` may be its `u`, and the function may write before it has read

    def body(index: Index, width: int, _: Sequence[Value]) -> list[Value]:
        w.store(w.load("%u", 0, index, width=width), state, 0, index)
        return []

    sweep(w, dimension, body)
    w.procedure("rate", [state, "%p", "%a", "%past", "%work", "%out"])
    w.finish()


def _write_stage(w: Writer, dimension: int, h: Value, s: int, weights: Sequence[float], state: str) -> None:
    """Write the state of stage s to `state` and the rate there to row s of work."""
    used = [j for j in range(s) if weights[j] != 0.0]

    def body(index: Index, width: int, _: Sequence[Value]) -> list[Value]:
        rates = [w.load("%work", j * dimension, index, width=width) for j in used]
        w.store(advance(w, w.load("%u", 0, index, width=width), h, [weights[j] for j in used], rates), state, 0, index)
        return []

    sweep(w, dimension, body)
    w.procedure("rate", [state, "%p", "%a", "%past", "%work", w.address("%work", s * dimension)])


def _write_step(assembly: Assembly, dimension: int, tableau: Tableau) -> None:
    w = Writer(assembly, "step", KERNEL_POINTERS)
    h, atol, rtol = (w.load("%a", k) for k in range(3))
    for s in range(1, tableau.stages):
        _write_stage(w, dimension, h, s, tableau.a[s], "%out")

    def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
        rates = [w.load("%work", s * dimension, index, width=width) for s in range(tableau.stages)]
        before, after = (w.load(base, 0, index, width=width) for base in ("%u", "%out"))
        errors = scaled_errors(w, tableau, before, after, (atol, rtol), rates)
        poison = constant(0.0, width)  # becomes NaN by any stage, also one without weight in the estimate: the function failed within the step
        for rate in rates:
            poison = w.fma(constant(0.0, width), rate, poison)
        errors[0] = w.add(errors[0], poison)
        return [w.fma(error, error, value) for error, value in zip(errors, partial, strict=True)]

    squares = sweep(w, dimension, body, 1 if tableau.error_second is None else 2)
    w.store(error_norm(w, h, squares, dimension), "%out", dimension)
    w.finish()


def _write_dense(assembly: Assembly, dimension: int, tableau: Tableau) -> None:
    w = Writer(assembly, "dense", KERNEL_POINTERS, wide=True)
    h = w.load("%a")
    state = w.address("%work", (tableau.stages + len(tableau.dense_c)) * dimension)
    for s, weights in enumerate(tableau.dense_a, start=tableau.stages):
        _write_stage(w, dimension, h, s, weights, state)
    write_dense_rows(w, tableau, dimension, h)
    w.finish()
