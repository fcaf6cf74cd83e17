"""The choice between the two kinds of kernels."""

from typing import NamedTuple

from chaosbench.expressions.separation import separated
from chaosbench.expressions.series import SeriesTape, series_tape
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.advance import Sizes, Step, write_advance, write_round
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.rolled_taylor import RolledTaylor
from chaosbench.kernels.rolled_taylor_memory import Memory
from chaosbench.kernels.rolled_taylor_plan import TaylorPlan
from chaosbench.kernels.rolled_taylor_size import expansion_operations
from chaosbench.kernels.samples import Shape, spill
from chaosbench.kernels.stages import RolledKernels
from chaosbench.kernels.steps import straight_work_size, write_straight_kernels
from chaosbench.kernels.straight import Lines
from chaosbench.kernels.straight_taylor import StraightTaylor
from chaosbench.kernels.tableau import Tableau

# Straight-line code is three to five times faster for three variables, one and a half times for eight, and no faster from twenty on (too many
# values for the registers). Its compile time is 40 microseconds per operation at first and grows faster than their number.
STRAIGHT_DIMENSION = 12
STRAIGHT_OPERATIONS = 5000

# Operations of a Taylor expansion: as straight-line code (110 microseconds each to compile), and with every order written out where cells are loops
# (70 microseconds each; up to a third faster than a loop over the orders).
STRAIGHT_EXPANSION = 10_000
UNROLLED_OPERATIONS = 2500


class Assembled(NamedTuple):
    """LLVM assembly of the kernels, and the doubles of work that they need."""

    text: str
    work_size: int


def straight_operations(graph: Graph, tableau: Tableau | None) -> int:
    """Estimate the operations of straight-line kernels: evaluations, stage combinations, and moving stages to and from memory."""
    value = len(graph.closure(graph.outputs))
    tangent = graph.closure(graph.tangent_outputs)
    column = sum(graph.column[n] for n in tangent)
    bundles = len(Lines(graph.dimension, graph.columns).bundles)
    evaluation = value + (len(tangent) - column) + bundles * column
    if tableau is None:
        return evaluation + 2 * graph.size
    rows = [*tableau.a, *tableau.dense_a]
    weights = sum(weight != 0.0 for row in rows for weight in row)
    estimates = sum(weight != 0.0 for row in (tableau.error, tableau.error_second or ()) for weight in row)
    lines = graph.dimension * (1 + bundles)
    moved = (len(rows) + (tableau.stages if tableau.dense_a else 0)) * 2 * graph.size
    return len(rows) * evaluation + lines * (weights + len(rows)) + graph.dimension * estimates + moved


def assemble(graph: Graph, tableau: Tableau | None, *, straight: bool | None = None) -> Assembled:
    """Write the kernels of a graph; `straight` forces one kind, by default small systems without cells are straight-line code."""
    if straight is None:
        small = graph.dimension <= STRAIGHT_DIMENSION and straight_operations(graph, tableau) <= STRAIGHT_OPERATIONS
        straight = small and not graph.has_axes
    assembly = Assembly()
    if straight:
        write_straight_kernels(assembly, graph, tableau)
        return Assembled(assembly.text(), straight_work_size(graph, tableau))
    rolled = RolledKernels(assembly, graph, tableau)
    rolled.write()
    return Assembled(assembly.text(), rolled.work_size)


def _series(tape: Tape) -> SeriesTape:
    return series_tape(separated(tape))


def rolled_series(tape: Tape, order: int) -> bool:
    """Return whether the Taylor kernels of a tape keep their coefficients in memory; such kernels take one trajectory at a time.

    So do those of systems with cells, and those of systems so large that the code of their expansions would take more than a second to compile.
    """
    if tape.size:
        return True
    few = len(tape.nodes) * order * (order + 1) < STRAIGHT_EXPANSION  # at most two sums of products a node
    return not few and expansion_operations(_series(tape), order) > STRAIGHT_EXPANSION


def assemble_taylor(tape: Tape, order: int, width: int, *, landing: bool = False) -> Assembled:
    """Write the Taylor kernels of a right-hand side for `width` trajectories at once; `landing`: their steps end on the samples."""
    assembly, series, lanes = Assembly(), _series(tape), Lanes(tape.dimension, width)

    def make(w: Writer) -> Step:
        if rolled_series(tape, order):
            rolled = RolledTaylor(w, TaylorPlan(series), order, running=expansion_operations(series, order) > UNROLLED_OPERATIONS)
            return Step(rolled.write, rolled.keep)
        step = StraightTaylor(w, series, order, width)
        return Step(step.write, step.keep)

    write_round(assembly, Shape(tape.dimension, tape.dimension, order), lanes, make, landing=landing)
    write_advance(assembly, lanes)
    return Assembled(assembly.text(), taylor_sizes(tape, order, width).work)


def taylor_sizes(tape: Tape, order: int, width: int) -> Sizes:
    """Return the doubles that the Taylor kernels need."""
    lanes = Lanes(tape.dimension, width)
    work = Memory(TaylorPlan(_series(tape)), order).size if rolled_series(tape, order) else (order + 1) * tape.dimension * width
    return Sizes(lanes.size, tape.n_parameters * width, spill(tape.dimension), work)
