"""One Taylor step of one trajectory of a system with cells: the coefficients stand in memory, loops go over the cells in vectors of eight.

The code of every order is written out, a few loops each; a product's sum over the lower orders is unrolled inside the loop. Step size, defect and
crossings are those of `taylor`; everything is taken over all components, in an order that no processor changes.
"""

from collections.abc import Callable, Sequence

from chaosbench.expressions.series import Switch
from chaosbench.kernels.advance import Limits, Stepped
from chaosbench.kernels.control import counted, repeat, when
from chaosbench.kernels.crossing import Crossing
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.radius import excess_of, fitted, greater, radius
from chaosbench.kernels.rolled_taylor_copies import write_copies
from chaosbench.kernels.rolled_taylor_memory import Memory, Order
from chaosbench.kernels.rolled_taylor_orders import OrderWriter
from chaosbench.kernels.rolled_taylor_plan import TaylorPlan
from chaosbench.kernels.rolled_taylor_values import Scope, Values
from chaosbench.kernels.straight_taylor import DEFECT
from chaosbench.kernels.sweeps import fold, sweep
from chaosbench.kernels.values import Index, Value, constant, whole

Join = Callable[[Value, Value], Value]


class RolledTaylor:
    """The Taylor step of a system with cells, written into the loop of an advance."""

    def __init__(self, w: Writer, plan: TaylorPlan, order: int, *, running: bool) -> None:
        self._w = w
        self._plan = plan
        self._order = order
        self._running = running
        self._dimension = plan.series.tape.dimension
        self._at = Memory(plan, order)

    def write(self, limits: Limits) -> Stepped:
        """Write the coefficients to work [N + 1][D] and find the step and the state at its end."""
        w, at = self._w, self._at
        self._write_start(limits)
        self._write_orders()
        h = fitted(w, radius(w, self._excess(), self._order, limits.factor), limits.room)
        with repeat(w, [h, constant(0.0)]) as loop:
            trial, halvings = loop.carried
            self._write_ends(trial)
            write_copies(w, self._plan, at.trial, 0)
            OrderWriter(w, self._plan, at, at.trial, 0).write(self._write_rate, trial=True)
            bad, largest = self._compare(trial)
            for switch in self._plan.series.switches:
                bad = w.either(bad, self._crossing(switch, trial))
            bad = w.both(bad, w.compare("ogt", trial, limits.least))
            shorter = w.select(bad, w.mul(trial, constant(0.5)), trial)
            loop.close([shorter, w.select(bad, w.add(halvings, constant(1.0)), halvings)], bad)
        return Stepped(trial, halvings, largest)

    def keep(self, good: Value) -> None:
        """Write the new state to u where the step is good."""
        with when(self._w, good):
            self._write_each(lambda index, width: self._w.store(self._w.load("%work", self._at.trial.flat, index, width=width), "%u", 0, index))

    def _write_each(self, body: Callable[[Index, int], None]) -> None:
        """Write `body(index, width)` over all components."""

        def swept(index: Index, width: int, _: Sequence[Value]) -> list[Value]:
            body(index, width)
            return []

        sweep(self._w, self._dimension, swept)

    # the coefficients -----------------------------------------------------------------------------------------------------------------

    def _write_start(self, limits: Limits) -> None:
        """Write what stays the same along a trajectory, when it begins, then order 0 of the state and the scales."""
        w, at, plan = self._w, self._at, self._plan
        steps = w.load("%u", Lanes(self._dimension, 1).field("steps"))
        with when(w, w.compare("oeq", steps, constant(0.0))):
            plan.parameters.write_copy(w, "%p", w.address("%work", at.static))
            OrderWriter(w, plan, at, at.series, 0).write_static()

        def body(index: Index, width: int) -> None:
            value = w.load("%u", 0, index, width=width)
            w.store(value, "%work", at.series.flat, index)
            scale = w.fma(w.splat(limits.rtol, width), w.call("fabs", value), w.splat(limits.atol, width))
            w.store(scale, "%work", at.scales, index)

        self._write_each(body)
        write_copies(w, plan, at.series, 0)

    def _write_orders(self) -> None:
        """Write orders 1 .. N, each from the rates of the order below."""
        w, view = self._w, self._at.series
        if not self._running:
            for n in range(self._order):
                self._write_order(n, constant(1.0 / n if n else 1.0), constant(1.0 / (n + 1)))
            return
        for n in range(min(2, self._order)):
            self._write_order(n, constant(1.0), constant(1.0 / (n + 1)))
        if self._order > 2:
            with repeat(w, [whole(2), constant(0.5)]) as loop:
                number, inverse = loop.carried
                following = w.integer("add", number, whole(1))
                lesser = w.div(constant(1.0), w.convert("sitofp", following, "double"))
                self._write_order(view.running(w, number), inverse, lesser)
                loop.close([following, lesser], w.compare_integers("slt", following, whole(self._order)))

    def _write_order(self, n: Order, inverse: Value, following: Value) -> None:
        """Write what the rates of order n give; `inverse` is 1 / n, `following` 1 / (n + 1)."""
        w, view = self._w, self._at.series
        state = view.state(n + 1)

        def deliver(variable: int, index: Index, width: int, rate: Value) -> None:
            value = rate if n == 0 else w.mul(rate, w.splat(following, width))
            w.store(value, "%work", state.offset + self._plan.series.tape.variables[variable].start, *state.indices, index)

        OrderWriter(w, self._plan, self._at, view, n, inverse).write(deliver)
        if n + 1 != self._order:  # where only the running code knows the order, those of order N go where the trial state will stand
            write_copies(w, self._plan, view, n + 1)

    def _write_rate(self, variable: int, index: Index, width: int, rate: Value) -> None:
        self._w.store(rate, "%work", self._at.rates + self._plan.series.tape.variables[variable].start, index)

    # the step -------------------------------------------------------------------------------------------------------------------------

    def _excess(self) -> list[Value]:
        """The largest terms of order N and N - 1 over their scales, see `excess_of`."""
        w, at, lowest = self._w, self._at, -(2**62)

        def body(index: Index, width: int, carried: Sequence[Value]) -> list[Value]:
            scale = w.load("%work", at.scales, index, width=width)
            found = [excess_of(w, w.load("%work", at.series.state(n).offset, index, width=width), scale) for n in (self._order, self._order - 1)]
            return [self._more(before, new) for before, new in zip(carried, found, strict=True)]

        pieces = fold(w, self._dimension, body, lambda width: [whole(lowest, width)] * 2)
        return [self._joined([piece[k] for piece in pieces], self._more) for k in range(2)]

    def _more(self, a: Value, b: Value) -> Value:
        return self._w.select(self._w.compare_integers("sgt", a, b), a, b)

    def _joined(self, vectors: Sequence[Value], join: Join) -> Value:
        """All lanes of some vectors joined, in pairs."""
        lanes = [self._w.lane(vector, k) for vector in vectors for k in range(vector.width)]
        while len(lanes) > 1:
            lanes = [join(*lanes[k : k + 2]) if k + 1 < len(lanes) else lanes[k] for k in range(0, len(lanes), 2)]
        return lanes[0]

    def _write_ends(self, h: Value) -> None:
        """The polynomials of all components and their derivatives at h."""
        w, at = self._w, self._at

        def body(index: Index, width: int) -> None:
            step = w.splat(h, width)
            value = w.load("%work", at.series.state(self._order).offset, index, width=width)
            slope = value
            for n in range(self._order - 1, -1, -1):
                slope = w.fma(slope, step, value) if n < self._order - 1 else slope
                value = w.fma(value, step, w.load("%work", at.series.state(n).offset, index, width=width))
            w.store(value, "%work", at.trial.flat, index)
            w.store(slope, "%work", at.slopes, index)

        self._write_each(body)

    def _compare(self, h: Value) -> tuple[Value, Value]:
        """Whether the polynomial disagrees with the equations at h, and the largest component there."""
        w, at = self._w, self._at

        def body(index: Index, width: int, carried: Sequence[Value]) -> list[Value]:
            slope, rate, scale, reached = (w.load("%work", place, index, width=width) for place in (at.slopes, at.rates, at.scales, at.trial.flat))
            defect = w.mul(w.call("fabs", w.sub(slope, rate)), w.splat(h, width))
            above = w.compare("ugt", defect, w.mul(constant(DEFECT, width), scale))
            size = w.fma(rate, constant(0.0, width), w.call("fabs", reached))
            return [w.either(carried[0], above), greater(w, carried[1], size)]

        def start(width: int) -> list[Value]:
            return [w.compare("olt", constant(0.0, width), constant(0.0, width)), constant(0.0, width)]

        pieces = fold(w, self._dimension, body, start)
        bad = [w.any(piece[0]) for piece in pieces]
        return self._joined(bad, w.either), self._joined([piece[1] for piece in pieces], lambda a, b: greater(w, a, b))

    def _crossing(self, switch: Switch, h: Value) -> Value:
        """Whether up to h there may be more than one crossing anywhere."""
        w, plan = self._w, self._plan
        places = [k for k in (switch.a, switch.b) if k is not None]
        axes = "".join(sorted({axis for k in places for axis in plan.nodes[k].axes}))
        values = Values(w, plan, self._at, self._at.series, 0)

        def possible(scope: Scope) -> Value:
            series: list[list[Value | None]] = [[] for _ in plan.nodes]
            for k in places:
                orders = self._order if plan.alive[plan.twin[k]] else 1
                series[k] = [values(k, n, scope) for n in range(orders)]
            return Crossing(w, switch, series, scope.width).possible(w.splat(h, scope.width))

        never = constant(0.0)
        if not axes:
            return possible(values.root)
        if axes != "ij":
            return self._anywhere(lambda index, width: possible(Scope("i", width, index)))
        w.store(never, "%work", self._at.slopes)
        with counted(w, plan.size, 1) as rows:
            line = w.times(rows.index, plan.size)
            found = self._anywhere(lambda index, width: possible(Scope("ij", width, index, rows.index, line)))
            before = w.load("%work", self._at.slopes)
            w.store(w.select(found, constant(1.0), before), "%work", self._at.slopes)
        return w.compare("ogt", w.load("%work", self._at.slopes), never)

    def _anywhere(self, condition: Callable[[Index, int], Value]) -> Value:
        """Whether a condition holds in any cell."""
        w = self._w

        def start(width: int) -> list[Value]:
            return [w.compare("olt", constant(0.0, width), constant(0.0, width))]

        def body(index: Index, width: int, carried: Sequence[Value]) -> list[Value]:
            return [w.either(carried[0], condition(index, width))]

        return self._joined([w.any(piece[0]) for piece in fold(w, self._plan.size, body, start)], w.either)
