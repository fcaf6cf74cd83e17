"""Kernels of systems without axes, whole in registers: value, Runge-Kutta step and continuous extension."""

from chaosbench.kernels.dense import write_dense_rows
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.formulas import advance, error_norm, scaled_errors
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.straight import StraightEvaluator
from chaosbench.kernels.sweeps import sum_of_squares
from chaosbench.kernels.tableau import Tableau


def straight_work_size(graph: Graph, tableau: Tableau | None) -> int:
    """Doubles of work: the stages, and those of the continuous extension."""
    return graph.size * (1 if tableau is None else tableau.stages + len(tableau.dense_c))


def write_straight_kernels(assembly: Assembly, graph: Graph, tableau: Tableau | None) -> None:
    """Write functions value and, with a tableau, step and dense."""
    write_value(assembly, graph)
    if tableau is not None:
        _write_step(assembly, graph, tableau)
        _write_dense(assembly, graph, tableau)


def write_value(assembly: Assembly, graph: Graph) -> None:
    """Write function value."""
    w = Writer(assembly, "value", KERNEL_POINTERS)
    evaluate = StraightEvaluator(w, graph)
    evaluate.lines.store(w, evaluate(evaluate.lines.load(w, "%u"), 0), "%out")
    w.finish()


def _write_step(assembly: Assembly, graph: Graph, tableau: Tableau) -> None:
    w = Writer(assembly, "step", KERNEL_POINTERS)
    evaluate = StraightEvaluator(w, graph)
    h, atol, rtol = (w.load("%a", k) for k in range(3))
    start = evaluate.lines.load(w, "%u")
    state, stages = start, [evaluate.lines.load(w, "%work")]
    for s in range(1, tableau.stages):
        state = [advance(w, line, h, tableau.a[s], rates) for line, *rates in zip(start, *stages, strict=True)]
        stages.append(evaluate(state, s))
        evaluate.lines.store(w, stages[s], "%work", s * graph.size)
    evaluate.lines.store(w, state, "%out")
    errors = [scaled_errors(w, tableau, start[d], state[d], (atol, rtol), [stage[d] for stage in stages]) for d in range(graph.dimension)]
    squares = [sum_of_squares(w, terms) for terms in zip(*errors, strict=True)]
    w.store(error_norm(w, h, squares, graph.dimension), "%out", graph.size)
    w.finish()


def _write_dense(assembly: Assembly, graph: Graph, tableau: Tableau) -> None:
    w = Writer(assembly, "dense", KERNEL_POINTERS, wide=True)
    h = w.load("%a")
    if tableau.dense_c:
        evaluate = StraightEvaluator(w, graph)
        start = evaluate.lines.load(w, "%u")
        stages = [evaluate.lines.load(w, "%work", s * graph.size) for s in range(tableau.stages)]
        for s, weights in enumerate(tableau.dense_a, start=tableau.stages):
            state = [advance(w, line, h, weights, rates) for line, *rates in zip(start, *stages, strict=True)]
            stages.append(evaluate(state, s))
            evaluate.lines.store(w, stages[s], "%work", s * graph.size)
    write_dense_rows(w, tableau, graph.size, h)
    w.finish()
