"""One trajectory as a function in LLVM assembly: its local arrays, its fields, its settings, and the frame of its loop.

A function trajectory(u, p, times, settings, out, record) carries the state at u (D) on, for some rounds at a time so that no launch is long. It
keeps in `record` what the next call needs: the fields below, then the rate (D). All local arrays have constant places once the small loops are
unrolled, so for small systems they become registers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chaosbench.integrators.base import Status
from chaosbench.kernels.control import counted, repeat, when
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.lanes import LIMIT
from chaosbench.kernels.values import Index, Value, constant

POINTERS = ("u", "p", "times", "settings", "out", "record")
FIELDS = ("status", "time", "carry", "step", "before", "again", "index", "steps", "evaluations", "rejected")
SETTINGS = ("rtol", "atol", "fixed", "max_steps", "rounds", "samples", "steps")
FRESH, RUNNING = -2.0, -1.0


@dataclass(frozen=True)
class Sizes:
    """D, and the doubles that the kernels need."""

    dimension: int
    work: int
    out: int

    @property
    def record(self) -> int:
        """Doubles of a record."""
        return len(FIELDS) + self.dimension


class Trajectory:
    """A function being written: its local arrays, its fields as variables in memory, its settings."""

    def __init__(self, assembly: Assembly, sizes: Sizes) -> None:
        self.w = Writer(assembly, "trajectory", POINTERS, internal=True)
        self.sizes = sizes
        size = sizes.dimension
        self.state, self.rate, self.trial = self._array(size), self._array(size), self._array(size)
        self.a, self.work, self.result = self._array(3), self._array(sizes.work), self._array(max(sizes.out, size))
        self._fields = self._array(len(FIELDS))
        self.copy("%u", self.state)
        for k in range(len(FIELDS)):
            self.w.store(self.w.load("%record", k), self._fields, k)

    def _array(self, length: int) -> str:
        return self.w.put(f"alloca [{max(length, 1)} x double], align 16")

    def __getitem__(self, field: str) -> Value:
        return self.w.load(self._fields, FIELDS.index(field))

    def __setitem__(self, field: str, value: Value) -> None:
        self.w.store(value, self._fields, FIELDS.index(field))

    def increase(self, field: str, by: int) -> None:
        """Add a whole number to a field."""
        self[field] = self.w.add(self[field], constant(float(by)))

    def setting(self, name: str) -> Value:
        """A setting, the same for all trajectories."""
        return self.w.load("%settings", SETTINGS.index(name))

    def is_status(self, status: float) -> Value:
        """Whether the status is this one."""
        return self.w.compare("oeq", self["status"], constant(status))

    def copy(self, source: str, target: str, source_offset: int = 0, target_offset: int = 0) -> None:
        """Copy D numbers."""
        w = self.w
        with counted(w, self.sizes.dimension, 1) as loop:
            w.store(w.load(source, source_offset, loop.index), target, target_offset, loop.index)
            loop.close([])

    def fold(self, start: Value, body: Callable[[Index, Value], Value]) -> Value:
        """Combine D numbers in order."""
        with counted(self.w, self.sizes.dimension, 1, [start]) as loop:
            after = body(loop.index, loop.carried[0])
            loop.close([after])
        return after

    def norm(self, vector: Callable[[Index], Value]) -> Value:
        """The root mean square of a vector over the tolerance at the state."""
        w, rtol, atol = self.w, self.setting("rtol"), self.setting("atol")

        def body(index: Index, total: Value) -> Value:
            scale = w.add(atol, w.mul(rtol, w.call("fabs", w.load(self.state, 0, index))))
            ratio = w.div(vector(index), scale)
            return w.add(total, w.mul(ratio, ratio))

        return w.call("sqrt", w.div(self.fold(constant(0.0), body), constant(float(self.sizes.dimension))))

    def escaped(self) -> Value:
        """Whether a component of the result is not finite or beyond the limit."""
        w = self.w

        def body(index: Index, count: Value) -> Value:
            inside = w.compare("ole", w.call("fabs", w.load(self.result, 0, index)), constant(LIMIT))
            return w.select(inside, count, constant(1.0))

        return w.compare("ogt", self.fold(constant(0.0), body), constant(0.0))

    def kernel(self, name: str, state: str, out: str) -> None:
        """Call a kernel; a system without delays never reads its past."""
        self.w.procedure(name, [state, "%p", self.a, "null", self.work, out])

    def row(self, index: Value) -> str:
        """The address of a row of the output."""
        offset = self.w.put(f"mul i64 {self.whole(index)}, {self.sizes.dimension}")
        return self.w.address("%out", 0, Index(offset))

    def time_at(self, index: Value) -> Value:
        """A sample time."""
        return self.w.load("%times", 0, Index(self.whole(index)))

    def whole(self, number: Value) -> str:
        """A whole double as an integer."""
        return self.w.put(f"fptosi double {number.text} to i64")

    def rounds(self, body: Callable[[], None]) -> None:
        """Repeat the body while the trajectory runs and rounds are left, then keep everything for the next call."""
        w = self.w
        with when(w, self.is_status(RUNNING)), repeat(w, [self.setting("rounds")]) as loop:
            body()
            left = w.sub(loop.carried[0], constant(1.0))
            loop.close([left], w.both(self.is_status(RUNNING), w.compare("ogt", left, constant(0.0))))
        self.copy(self.state, "%u")
        for k in range(len(FIELDS)):
            w.store(w.load(self._fields, k), "%record", k)
        self.copy(self.work, "%record", 0, len(FIELDS))
        w.finish()

    def begin(self, first: Callable[[], None]) -> None:
        """On the first call, write the first row and run `first`, which sets fields and leaves the rate in work; later calls take it up."""
        w = self.w
        with when(w, w.compare("one", self["status"], constant(FRESH))):
            self.copy("%record", self.work, len(FIELDS), 0)
        with when(w, self.is_status(FRESH)):
            self.copy(self.state, "%out")
            self["time"], self["index"] = w.load("%times"), constant(1.0)
            single = w.compare("ole", self.setting("samples"), constant(1.0))
            self["status"] = w.select(single, constant(float(Status.OK)), constant(RUNNING))
            with when(w, w.compare("ogt", self.setting("samples"), constant(1.0))):
                first()
