"""The loops of a trajectory in LLVM assembly, around the kernels of `kernels/`: what `integrators/_drivers.py` does, in the same order."""

from chaosbench.accelerators.device_trajectory import RUNNING, Sizes, Trajectory
from chaosbench.integrators.base import Status
from chaosbench.kernels.control import counted, repeat, when
from chaosbench.kernels.emitter import Assembly
from chaosbench.kernels.step_control import controlled, exp2, fitted, greatest, later, least, least_step, log2
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.values import Value, constant


def write_adaptive(assembly: Assembly, sizes: Sizes, tableau: Tableau) -> None:
    """Write a trajectory with error control and continuous output; settings.fixed > 0 takes steps of that size whatever the error."""
    t = Trajectory(assembly, sizes)
    w = t.w
    t.begin(lambda: _first_step(t, tableau))

    def body() -> None:
        spent = w.compare("oge", t["steps"], t.setting("max_steps"))
        status = w.select(w.compare("ogt", t["step"], least_step(w, t["time"])), constant(RUNNING), constant(float(Status.STEP_UNDERFLOW)))
        t["status"] = w.select(spent, constant(float(Status.TOO_MANY_STEPS)), status)
        with when(w, t.is_status(RUNNING)):
            _attempt(t, tableau)

    t.rounds(body)


def _first_step(t: Trajectory, tableau: Tableau) -> None:
    """Hairer's first step; see `trial_step` and `first_step` of the compiled control."""
    w, end = t.w, t.time_at(t.w.sub(t.setting("samples"), constant(1.0)))
    room, zero = w.sub(end, t["time"]), constant(0.0)
    for k, value in enumerate((zero, t.setting("atol"), t.setting("rtol"))):
        w.store(value, t.a, k)
    t.kernel("value", t.state, t.rate)
    d0 = greatest(w, t.norm(lambda i: w.load(t.state, 0, i)), constant(1.0))
    d1 = t.norm(lambda i: w.load(t.rate, 0, i))
    h = w.select(w.compare("ogt", d1, zero), least(w, w.mul(constant(0.01), w.div(d0, d1)), room), room)
    with counted(w, t.sizes.dimension, 1) as loop:
        w.store(w.add(w.load(t.state, 0, loop.index), w.mul(h, w.load(t.rate, 0, loop.index))), t.trial, 0, loop.index)
        loop.close([])
    t.kernel("value", t.trial, t.result)
    d2 = w.div(t.norm(lambda i: w.sub(w.load(t.result, 0, i), w.load(t.rate, 0, i))), h)
    steepest = greatest(w, d1, d2)
    second = exp2(w, w.div(log2(w, w.div(constant(0.01), steepest)), constant(float(tableau.error_order + 1))))
    second = w.select(w.compare("ogt", steepest, constant(1e-15)), second, room)
    finite = w.compare("olt", w.call("fabs", steepest), constant(float("inf")))
    h = w.select(finite, least(w, w.mul(constant(100.0), h), second), h)
    h = least(w, greatest(w, h, w.mul(constant(2.0), least_step(w, t["time"]))), room)
    fixed = t.setting("fixed")
    t["step"] = w.select(w.compare("ogt", fixed, zero), fixed, h)
    t["evaluations"] = constant(2.0)
    t.copy(t.rate, t.work)


def _attempt(t: Trajectory, tableau: Tableau) -> None:
    w, one = t.w, constant(1.0)
    end = t.time_at(w.sub(t.setting("samples"), one))
    room = w.sub(w.sub(end, t["time"]), t["carry"])
    step = fitted(w, t["step"], room)
    for k, value in enumerate((step, t.setting("atol"), t.setting("rtol"))):
        w.store(value, t.a, k)
    t.kernel("step", t.state, t.result)
    error = w.load(t.result, t.sizes.dimension)
    t.increase("steps", 1)
    t.increase("evaluations", tableau.stages - 1)
    fixed = w.compare("ogt", t.setting("fixed"), constant(0.0))
    accepted = w.either(w.compare("ole", error, one), fixed)
    count = w.select(accepted, one, constant(0.0))
    factor, before = controlled(w, error, (t["before"], t["again"]), accepted, tableau.error_order)
    with when(w, w.compare("olt", count, one)):
        t.increase("rejected", 1)
        t["step"], t["again"] = w.mul(step, factor), one
    with when(w, accepted):
        lost = t.escaped()
        with when(w, lost):
            t["status"] = constant(float(Status.BLOW_UP))
        with when(w, t.is_status(RUNNING)):
            last = w.compare("oge", step, room)
            _write_samples(t, tableau, step, last)
            t.copy(t.result, t.state)
            t.copy(t.work, t.work, (tableau.stages - 1) * t.sizes.dimension, 0)
            t["time"], t["carry"] = later(w, t["time"], t["carry"], step)
            t["step"] = w.select(fixed, t["step"], w.mul(step, factor))
            t["before"], t["again"] = before, constant(0.0)
            t["status"] = w.select(last, constant(float(Status.OK)), constant(RUNNING))


def _write_samples(t: Trajectory, tableau: Tableau, step: Value, last: Value) -> None:
    """Fill the rows whose times lie inside the step; the last row is the new state itself."""
    w, size = t.w, t.sizes.dimension

    def since() -> Value:
        return w.sub(w.sub(t.time_at(t["index"]), t["time"]), t["carry"])

    with when(w, w.either(last, w.compare("ole", since(), step))):
        t.kernel("dense", t.state, t.result)
        t.increase("evaluations", len(tableau.dense_c))
        scale = w.div(constant(1.0), step)
        with repeat(w, []) as loop:
            theta, row = w.mul(since(), scale), t.row(t["index"])
            with counted(w, size, 1) as components:
                value = w.load(t.result, size + 1 + tableau.degree * size, components.index)
                for q in range(tableau.degree - 1, -1, -1):
                    value = w.fma(value, theta, w.load(t.result, size + 1 + q * size, components.index))
                w.store(value, row, 0, components.index)
                components.close([])
            t.increase("index", 1)
            # The time after the last one is not read: the index stays on it, and it never lies inside a step that is not the last.
            more = w.compare("olt", t["index"], t.setting("samples"))
            held = least(w, t["index"], w.sub(t.setting("samples"), constant(1.0)))
            inside = w.compare("ole", w.sub(w.sub(t.time_at(held), t["time"]), t["carry"]), step)
            loop.close([], w.both(more, w.either(last, inside)))
        with when(w, last):
            t.copy(t.result, t.row(w.sub(t.setting("samples"), constant(1.0))))


def write_equal(assembly: Assembly, sizes: Sizes, tableau: Tableau) -> None:
    """Write a trajectory of settings.steps equal steps from each sample time to the next; a round is one such interval."""
    t = Trajectory(assembly, sizes)
    w = t.w

    def first() -> None:
        t.kernel("value", t.state, t.work)
        t["evaluations"] = constant(1.0)

    t.begin(first)

    def body() -> None:
        spent = w.compare("ogt", w.mul(t["index"], t.setting("steps")), t.setting("max_steps"))
        t["status"] = w.select(spent, constant(float(Status.TOO_MANY_STEPS)), constant(RUNNING))
        with when(w, t.is_status(RUNNING)):
            interval = w.sub(t.time_at(t["index"]), t.time_at(w.sub(t["index"], constant(1.0))))
            for k, value in enumerate((w.div(interval, t.setting("steps")), t.setting("atol"), t.setting("rtol"))):
                w.store(value, t.a, k)  # the estimate is not used, but subnormal numbers in it would be slow on a processor
            t.copy(t.state, t.trial)
            with repeat(w, [t.setting("steps")]) as loop:
                t.kernel("step", t.trial, t.result)
                t.copy(t.result, t.trial)
                t.copy(t.work, t.work, (tableau.stages - 1) * sizes.dimension, 0)
                left = w.sub(loop.carried[0], constant(1.0))
                loop.close([left], w.compare("ogt", left, constant(0.0)))
            t["evaluations"] = w.add(t["evaluations"], w.mul(t.setting("steps"), constant(tableau.stages - 1.0)))
            _next_sample(t)

    t.rounds(body)


def write_map(assembly: Assembly, sizes: Sizes) -> None:
    """Write the iteration of a map; time counts the iterations since the start, a round is one of them."""
    t = Trajectory(assembly, sizes)
    w = t.w

    def nothing() -> None:
        t["time"] = constant(0.0)

    t.begin(nothing)

    def body() -> None:
        spent = w.compare("oge", t["evaluations"], t.setting("max_steps"))
        t["status"] = w.select(spent, constant(float(Status.TOO_MANY_STEPS)), constant(RUNNING))
        with when(w, t.is_status(RUNNING)):
            t.kernel("value", t.state, t.result)
            t.increase("evaluations", 1)
            t.increase("time", 1)
            due = w.compare("oeq", t["time"], w.sub(t.time_at(t["index"]), w.load("%times")))
            _advance(t, due)

    t.rounds(body)


def _next_sample(t: Trajectory) -> None:
    _advance(t, t.w.compare("oeq", constant(0.0), constant(0.0)))


def _advance(t: Trajectory, due: Value) -> None:
    """Take the result as the new state, and store it if its row is due; nothing of it if it has escaped."""
    w = t.w
    with when(w, t.escaped()):
        t["status"] = constant(float(Status.BLOW_UP))
    with when(w, t.is_status(RUNNING)):
        t.copy(t.result, t.state)
        with when(w, due):
            t.copy(t.result, t.row(t["index"]))
            t.increase("index", 1)
            done = w.compare("oge", t["index"], t.setting("samples"))
            t["status"] = w.select(done, constant(float(Status.OK)), constant(RUNNING))
