"""One step of an explicit Runge-Kutta pair for up to eight trajectories at once, each with a step of its own, as straight-line code.

The arithmetic is that of `steps` lane by lane, so a trajectory has the same bits whether it runs alone or in lanes. A lane whose error is above
the tolerance stays where it is and tries a shorter step in the next round, while the others go on.
"""

import math
from collections.abc import Sequence

from chaosbench.kernels.advance import Limits, Sizes, Step, Stepped, write_advance, write_round
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.formulas import advance, combination, error_norm, scaled_errors
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.radius import greater
from chaosbench.kernels.samples import Shape, spill
from chaosbench.kernels.step_control import controlled, fitted, least_step
from chaosbench.kernels.steps import write_value
from chaosbench.kernels.straight import StraightEvaluator
from chaosbench.kernels.sweeps import sum_of_squares
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.values import Value, constant

# What a lane keeps from step to step, besides the derivative at its state [D]: the next step, log2 of the error of the last accepted step, and
# whether the last one was rejected (0 or 1).
KEPT = ("next", "before", "again")


def pair_lanes(graph: Graph, width: int) -> Lanes:
    """Return the record of the lanes."""
    return Lanes(graph.dimension, width, len(KEPT) + graph.dimension)


def pair_sizes(graph: Graph, tableau: Tableau, width: int) -> Sizes:
    """Return the doubles that `advance` needs; work holds the coefficients [degree + 1][D][W]."""
    dimension = graph.dimension
    return Sizes(pair_lanes(graph, width).size, graph.tape.n_parameters * width, spill(dimension), (tableau.degree + 1) * dimension * width)


def pair_text(graph: Graph, tableau: Tableau, width: int) -> str:
    """Return functions value, of one trajectory, and advance, of `width`."""
    assembly, lanes = Assembly(), pair_lanes(graph, width)
    write_value(assembly, graph)

    def make(w: Writer) -> Step:
        step = PairStep(w, graph, tableau, lanes)
        return Step(step.write, step.keep, step.polynomial)

    write_round(assembly, Shape(graph.dimension, graph.dimension, tableau.degree), lanes, make)
    write_advance(assembly, lanes)
    return assembly.text()


class PairStep:
    """The step of a system without cells, written into the loop of an advance."""

    def __init__(self, w: Writer, graph: Graph, tableau: Tableau, lanes: Lanes) -> None:
        self._w = w
        self._tableau = tableau
        self._lanes = lanes
        self._evaluate = StraightEvaluator(w, graph, lanes.width)
        self._start: list[Value] = []
        self._reached: list[Value] = []
        self._stages: list[list[Value]] = []
        self._h = constant(0.0, lanes.width)

    def write(self, limits: Limits) -> Stepped:
        """Write the stages and the state that they lead to; leave the next step in the record."""
        w, tableau, width = self._w, self._tableau, self._lanes.width
        following, before, again = (self._load(number) for number in range(len(KEPT)))
        self._h = fitted(w, following, limits.room)
        self._start = [w.load("%u", d * width, width=width) for d in range(self._lanes.dimension)]
        self._stages = [[self._load(len(KEPT) + d) for d in range(self._lanes.dimension)]]
        for weights in tableau.a[1:]:
            self._reached, rates = self._follow(weights, self._stages)
            self._stages.append(rates)
        error = self._error(limits)
        accepted = w.compare("ole", error, constant(1.0, width))
        factor, before = controlled(w, error, (before, again), accepted, tableau.error_order)
        zero, one = constant(0.0, width), constant(1.0, width)
        for number, value in enumerate((w.mul(self._h, factor), before, w.select(accepted, zero, one))):
            w.store(value, "%u", self._lanes.memory(number))
        possible = w.compare("ogt", following, least_step(w, w.load("%u", self._lanes.field("time"), width=width)))
        largest = w.call("fabs", self._reached[0])
        for value in self._reached[1:]:
            largest = greater(w, largest, w.call("fabs", value))
        largest = w.select(possible, w.select(accepted, largest, zero), constant(math.nan, width))
        rejected = w.select(w.both(possible, w.compare("ugt", error, one)), one, zero)
        return Stepped(self._h, rejected, largest, possible, accepted)

    def keep(self, good: Value) -> None:
        """Write the new state and its derivative to u where the step is good."""
        w, width, first = self._w, self._lanes.width, len(KEPT)
        newest = self._stages[self._tableau.stages - 1]
        for d, (reached, start, rate, earlier) in enumerate(zip(self._reached, self._start, newest, self._stages[0], strict=True)):
            w.store(w.select(good, reached, start), "%u", d * width)
            w.store(w.select(good, rate, earlier), "%u", self._lanes.memory(first + d))

    def polynomial(self) -> Value:
        """Write the continuous extension to work [degree + 1][D][W], a polynomial in time / h, and return 1 / h."""
        w, width, dimension = self._w, self._lanes.width, self._lanes.dimension
        stages = list(self._stages)
        for weights in self._tableau.dense_a:
            stages.append(self._follow(weights, stages)[1])
        for d, value in enumerate(self._start):
            w.store(value, "%work", d * width)
            rates = [stage[d] for stage in stages]
            for q, row in enumerate(self._tableau.dense, start=1):
                total = combination(w, row, rates)
                coefficient = constant(0.0, width) if total is None else w.mul(self._h, total)
                w.store(coefficient, "%work", (q * dimension + d) * width)
        return w.div(constant(1.0, width), self._h)

    def _load(self, number: int) -> Value:
        return self._w.load("%u", self._lanes.memory(number), width=self._lanes.width)

    def _follow(self, weights: Sequence[float], stages: Sequence[Sequence[Value]]) -> tuple[list[Value], list[Value]]:
        """The state that some stages lead to, and the derivative there."""
        reached = [advance(self._w, line, self._h, weights, rates) for line, *rates in zip(self._start, *stages, strict=True)]
        return reached, self._evaluate(reached, 0)

    def _error(self, limits: Limits) -> Value:
        w, tableau = self._w, self._tableau
        errors = [
            scaled_errors(w, tableau, before, after, (limits.atol, limits.rtol), rates)
            for before, after, *rates in zip(self._start, self._reached, *self._stages, strict=True)
        ]
        squares = [sum_of_squares(w, terms) for terms in zip(*errors, strict=True)]
        return error_norm(w, self._h, squares, self._lanes.dimension)
