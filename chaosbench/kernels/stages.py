"""Kernels that keep their stages in memory: systems with cells, and those too large for straight-line code.

All stages of the state come first, then each tangent column goes through all stages by itself: what one column touches fits the fastest
cache, where going stage by stage through all columns would stream every stage of the whole extended state from the next one. That needs what
the columns share once per stage; where it is a number for every pair of cells, the columns are taken stage by stage and it is kept once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaosbench.kernels.control import counted
from chaosbench.kernels.dense import write_dense_rows
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.formulas import advance, error_norm, scaled_errors
from chaosbench.kernels.graph import Graph
from chaosbench.kernels.layout import Layout, parameter_layout, state_layout
from chaosbench.kernels.plan import Plan, plan_of
from chaosbench.kernels.rolled import Memory, RegionWriter
from chaosbench.kernels.sweeps import sweep
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.values import Index, Value


@dataclass(frozen=True)
class Offsets:
    """Where things stand in `work`: the stages, then `copies` padded states and as many areas that the columns share, then the rest."""

    static: int
    padded_parameters: int
    states: int
    shared: int
    tangent: int
    column: int
    end: int


class RolledKernels:
    """Writes the kernels of one graph and tableau."""

    def __init__(self, assembly: Assembly, graph: Graph, tableau: Tableau | None) -> None:
        self._assembly = assembly
        self._graph = graph
        self._tableau = tableau
        self._plan: Plan = plan_of(graph)
        self._state: Layout = state_layout(graph)
        self._parameters: Layout = parameter_layout(graph)
        pairs = any(graph.nodes[n].axes == "ij" for n in self._plan.value.kept)
        self._column_by_column = graph.columns > 0 and not pairs
        self._at = self._arrange()

    @property
    def work_size(self) -> int:
        """Doubles of work."""
        return self._at.end

    def _arrange(self) -> Offsets:
        stages = 1 if self._tableau is None else self._tableau.stages + len(self._tableau.dense_c)
        copies = stages if self._column_by_column else 1
        static = stages * self._graph.size
        padded_parameters = static + self._plan.static.memory
        states = padded_parameters + self._parameters.size
        shared = states + copies * self._state.size
        tangent = shared + copies * self._plan.value.memory
        column = tangent + (self._state.size if self._graph.columns else 0)
        end = column + (0 if self._plan.column is None else self._plan.column.memory)
        return Offsets(static, padded_parameters, states, shared, tangent, column, end)

    def write(self) -> None:
        """Write functions value and, with a tableau, step and dense."""
        self._write_regions()
        self._write_value()
        if self._tableau is not None:
            rows = (*self._tableau.a, *self._tableau.dense_a)
            for s in range(1, len(rows)):
                self._write_stage(s, rows[s])
            self._write_step(self._tableau)
            self._write_dense(self._tableau)

    # regions ------------------------------------------------------------------------------------------------------------------------

    def _write_regions(self) -> None:
        graph, plan, at = self._graph, self._plan, self._at
        padding = at.padded_parameters - at.static
        w = Writer(self._assembly, "static_region", ("p", "kept"), internal=True)
        RegionWriter(w, graph, plan.static, self._state, self._parameters, Memory({}, "%kept", ("%kept", padding))).write()
        w.finish()
        found = {n: ("%static", offset) for n, offset in plan.static.kept.items()}
        memory = Memory(dict(found), "%kept", ("%static", padding))
        w = Writer(self._assembly, "value_region", ("state", "p", "static", "past", "kept", "out"), internal=True)
        RegionWriter(w, graph, plan.value, self._state, self._parameters, memory).write()
        w.finish()
        if plan.column is not None:
            found |= {n: ("%shared", offset) for n, offset in plan.value.kept.items()}
            memory = Memory(found, "%kept", ("%static", padding))
            pointers = ("tangent", "state", "p", "static", "shared", "past", "past_tangent", "kept", "out")
            w = Writer(self._assembly, "column_region", pointers, internal=True)
            RegionWriter(w, graph, plan.column, self._state, self._parameters, memory).write()
            w.finish()

    def _write_stage(self, s: int, weights: Sequence[float]) -> None:
        """Write function stage_s: the padded state u + h * sum of weight * rate, of the state or of one column."""
        w = Writer(self._assembly, f"stage_{s}", ("u", "rates", "state"), ("h",), internal=True)
        used = [j for j in range(s) if weights[j] != 0.0]

        def produce(flat: int, index: Index, width: int) -> Value:
            start = w.load("%u", flat, index, width=width)
            rates = [w.load("%rates", j * self._graph.size + flat, index, width=width) for j in used]
            return advance(w, start, Value("%h"), [weights[j] for j in used], rates)

        self._state.write(w, "%state", produce)
        w.finish()

    # calls of the regions -----------------------------------------------------------------------------------------------------------

    def _start(self, w: Writer) -> None:
        self._parameters.write_copy(w, "%p", w.address("%work", self._at.padded_parameters))
        if self._plan.static.kept:
            w.procedure("static_region", ["%p", w.address("%work", self._at.static)])

    def _state_at(self, w: Writer, s: int) -> str:
        return w.address("%work", self._at.states + (s * self._state.size if self._column_by_column else 0))

    def _shared_at(self, w: Writer, s: int) -> str:
        return w.address("%work", self._at.shared + (s * self._plan.value.memory if self._column_by_column else 0))

    def _call_value(self, w: Writer, s: int, out: str) -> None:
        past = w.address("%past", s * self._graph.past_row)
        static = w.address("%work", self._at.static)
        w.procedure("value_region", [self._state_at(w, s), "%p", static, past, self._shared_at(w, s), out])

    def _call_column(self, w: Writer, s: int, column: Index, out: str) -> None:
        graph = self._graph
        past = w.address("%past", s * graph.past_row)
        past_tangent = w.address(past, graph.n_delayed, w.times(column, graph.n_delayed))
        tangent, kept, static = (w.address("%work", offset) for offset in (self._at.tangent, self._at.column, self._at.static))
        w.procedure("column_region", [tangent, self._state_at(w, s), "%p", static, self._shared_at(w, s), past, past_tangent, kept, out])

    # kernels ------------------------------------------------------------------------------------------------------------------------

    def _write_value(self) -> None:
        graph = self._graph
        w = Writer(self._assembly, "value", KERNEL_POINTERS)
        self._start(w)
        self._state.write_copy(w, "%u", self._state_at(w, 0))
        self._call_value(w, 0, "%out")
        if graph.columns:
            with counted(w, graph.columns, 1) as columns:
                offset = w.times(columns.index, graph.dimension)
                self._state.write_copy(w, w.address("%u", graph.dimension, offset), w.address("%work", self._at.tangent))
                self._call_column(w, 0, columns.index, w.address("%out", graph.dimension, offset))
        w.finish()

    def _write_stages(self, w: Writer, stages: range, h: Value, last: int | None) -> None:
        """Write the given stages of the state and the columns; the state of stage `last` is the new state and goes to out."""
        for s in stages:
            w.procedure(f"stage_{s}", ["%u", "%work", self._state_at(w, s)], [h])
            self._call_value(w, s, w.address("%work", s * self._graph.size))
            if s == last:
                self._write_unpadded(w, self._state_at(w, s), "%out")
            if not self._column_by_column:
                self._write_columns(w, range(s, s + 1), h, last)
        if self._column_by_column:
            self._write_columns(w, stages, h, last)

    def _write_columns(self, w: Writer, stages: range, h: Value, last: int | None) -> None:
        graph = self._graph
        if not graph.columns:
            return
        with counted(w, graph.columns, 1) as columns:
            offset = w.times(columns.index, graph.dimension)
            start, rates = (w.address(base, graph.dimension, offset) for base in ("%u", "%work"))
            tangent = w.address("%work", self._at.tangent)
            for s in stages:
                w.procedure(f"stage_{s}", [start, rates, tangent], [h])
                self._call_column(w, s, columns.index, w.address(rates, s * graph.size))
                if s == last:
                    self._write_unpadded(w, tangent, w.address("%out", graph.dimension, offset))

    def _write_unpadded(self, w: Writer, source: str, target: str) -> None:
        for group in self._state.groups:

            def body(index: Index, width: int, _: Sequence[Value], flat: int = group.flat, padded: int = group.padded) -> list[Value]:
                w.store(w.load(source, padded, index, width=width), target, flat, index)
                return []

            sweep(w, group.length, body)

    def _write_step(self, tableau: Tableau) -> None:
        graph = self._graph
        w = Writer(self._assembly, "step", KERNEL_POINTERS)
        h, atol, rtol = (w.load("%a", k) for k in range(3))
        self._start(w)
        self._write_stages(w, range(1, tableau.stages), h, tableau.stages - 1)

        def body(index: Index, width: int, partial: Sequence[Value]) -> list[Value]:
            rates = [w.load("%work", s * graph.size, index, width=width) for s in range(tableau.stages)]
            before, after = (w.load(base, 0, index, width=width) for base in ("%u", "%out"))
            errors = scaled_errors(w, tableau, before, after, (atol, rtol), rates)
            return [w.fma(error, error, value) for error, value in zip(errors, partial, strict=True)]

        squares = sweep(w, graph.dimension, body, 1 if tableau.error_second is None else 2)
        w.store(error_norm(w, h, squares, graph.dimension), "%out", graph.size)
        w.finish()

    def _write_dense(self, tableau: Tableau) -> None:
        w = Writer(self._assembly, "dense", KERNEL_POINTERS, wide=True)
        h = w.load("%a")
        if tableau.dense_c:
            self._start(w)
            self._write_stages(w, range(tableau.stages, tableau.stages + len(tableau.dense_c)), h, None)
        write_dense_rows(w, tableau, self._graph.size, h)
        w.finish()
