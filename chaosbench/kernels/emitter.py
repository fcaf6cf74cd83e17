"""A small writer of LLVM assembly: doubles, vectors of doubles, fused multiply-adds, counted loops.

Text is written directly: building the same instructions as llvmlite objects and printing them costs 27 microseconds each, fifteen times
more, and straight-line kernels have thousands. No instruction ever carries a fast-math flag, so LLVM may not change a single bit.

Every `Value` knows its number of lanes, and every operation works at any width; width 1 is a plain double.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chaosbench.kernels.values import Index, Value, double

# Calls that LLVM knows as intrinsics of every width; all other functions of the C library are called lane by lane.
VECTOR_INTRINSICS = frozenset({"fabs", "sqrt", "floor", "fma"})
SCALAR_INTRINSICS = frozenset({"sin", "cos", "exp", "log", "pow"})

# The parameters of every exported function, all pointers to double.
KERNEL_POINTERS = ("u", "p", "a", "past", "work", "out")

# Registers of 256 bits where there is a choice: loads at the offsets of neighbouring cells mostly cross a cache line in 512 bits. Measured on
# a ring of 40 cells (Zen 4): steps 15 % faster, but the continuous extension, whose loads have no offsets, 25 % slower; that one is "wide".
_ATTRIBUTES = """attributes #0 = { nounwind "prefer-vector-width"="256" "min-legal-vector-width"="0" }
attributes #1 = { nounwind willreturn memory(none) }
attributes #2 = { nounwind }
"""


class Assembly:
    """A module being written: finished functions and what they declare."""

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._definitions: dict[str, str] = {}
        self._declarations: dict[str, str] = {}

    def declare(self, name: str, result: str, parameters: Sequence[str]) -> None:
        """Declare an external function that only computes."""
        self._declarations[name] = f"declare {result} @{name}({', '.join(parameters)}) #1"

    def add(self, text: str) -> None:
        """Add a finished function."""
        self._functions.append(text)

    def define(self, name: str, text: str) -> None:
        """Add a ready-made function once."""
        self._definitions[name] = text

    def text(self) -> str:
        """Return the whole module as LLVM assembly."""
        return "\n".join([*self._functions, *self._definitions.values(), *self._declarations.values(), _ATTRIBUTES])


class Loop:
    """A counted loop being written; `carry` gives it values that pass from one round to the next."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.carried: list[tuple[Value, Value, Value]] = []  # (name in the body, value before, value after a round)

    def close(self, after: Sequence[Value]) -> None:
        """Name the values that the carried ones take after a round."""
        self.carried = [(phi, before, new) for (phi, before, _), new in zip(self.carried, after, strict=True)]


class Writer:
    """One function being written. Parameters are pointers to double, then doubles; there is no result."""

    def __init__(
        self,
        assembly: Assembly,
        name: str,
        pointers: Sequence[str],
        doubles: Sequence[str] = (),
        *,
        internal: bool = False,
        wide: bool = False,
    ) -> None:
        self.assembly = assembly
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self._splats: dict[tuple[str, str, int], Value] = {}  # valid in the block where they were written
        # Internal functions are called with disjoint memory only; the exported ones leave a caller free to let `out` be `u`.
        pointer = "ptr noalias" if internal else "ptr"
        parameters = [f"{pointer} %{p}" for p in pointers] + [f"double %{d}" for d in doubles]
        self._head = f"{'internal ' if internal else ''}void @{name}({', '.join(parameters)}) #{2 if wide else 0}"

    def finish(self) -> None:
        """End the function and add it to the module."""
        body = "\n".join(self._lines)
        self.assembly.add(f"define {self._head} {{\nentry:\n{body}\n  ret void\n}}\n")

    def _fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _put(self, text: str) -> str:
        name = self._fresh()
        self._lines.append(f"  {name} = {text}")
        return name

    # arithmetic -------------------------------------------------------------------------------------------------------------------

    def _binary(self, instruction: str, a: Value, b: Value) -> Value:
        return Value(self._put(f"{instruction} {a.typed}, {b.text}"), a.width)

    def add(self, a: Value, b: Value) -> Value:
        """A + b."""
        return self._binary("fadd", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """A - b."""
        return self._binary("fsub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """A * b."""
        return self._binary("fmul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        """A / b."""
        return self._binary("fdiv", a, b)

    def remainder(self, a: Value, b: Value) -> Value:
        """The C library's fmod."""
        return self._binary("frem", a, b)

    def neg(self, a: Value) -> Value:
        """-a."""
        return Value(self._put(f"fneg {a.typed}"), a.width)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """A * b + c with one rounding."""
        return self.call("fma", a, b, c)

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """An LLVM floating-point comparison: "olt", "ole", "ogt", "oge", "oeq", "uno"."""
        return Value(self._put(f"fcmp {predicate} {a.typed}, {b.text}"), a.width, True)

    def either(self, a: Value, b: Value) -> Value:
        """Logical or of two comparisons."""
        return Value(self._put(f"or {a.typed}, {b.text}"), a.width, True)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """A where the condition holds, else b; a condition of one lane decides for all."""
        return Value(self._put(f"select {condition.typed}, {a.typed}, {b.typed}"), a.width)

    def call(self, name: str, *arguments: Value) -> Value:
        """Call a function of the C library or its LLVM intrinsic, lane by lane where there is no vector form."""
        width = arguments[0].width
        if name in VECTOR_INTRINSICS or width == 1:
            kind = arguments[0].type
            symbol = name
            if name in VECTOR_INTRINSICS or name in SCALAR_INTRINSICS:
                symbol = f"llvm.{name}." + ("f64" if width == 1 else f"v{width}f64")
            self.assembly.declare(symbol, kind, [kind] * len(arguments))
            return Value(self._put(f"call {kind} @{symbol}({', '.join(a.typed for a in arguments)})"), width)
        return self.lanes([self.call(name, *(self.lane(a, k) for a in arguments)) for k in range(width)])

    def call_internal(self, name: str, *arguments: Value) -> Value:
        """Call a function of this module that takes and returns doubles, lane by lane."""
        width = arguments[0].width
        if width == 1:
            return Value(self._put(f"call double @{name}({', '.join(a.typed for a in arguments)})"))
        return self.lanes([self.call_internal(name, *(self.lane(a, k) for a in arguments)) for k in range(width)])

    # lanes ------------------------------------------------------------------------------------------------------------------------

    def lane(self, a: Value, k: int) -> Value:
        """Lane k of a vector."""
        return a if a.width == 1 else Value(self._put(f"extractelement {a.typed}, i32 {k}"), 1, a.boolean)

    def lanes(self, values: Sequence[Value]) -> Value:
        """A vector of the given scalars."""
        if len(values) == 1:
            return values[0]
        kind = f"<{len(values)} x double>"
        text = "poison"
        for k, value in enumerate(values):
            text = self._put(f"insertelement {kind} {text}, {value.typed}, i32 {k}")
        return Value(text, len(values))

    def insert(self, a: Value, scalar: Value, k: int) -> Value:
        """The vector a with lane k replaced."""
        return Value(self._put(f"insertelement {a.typed}, {scalar.typed}, i32 {k}"), a.width)

    def splat(self, a: Value, width: int) -> Value:
        """A scalar repeated over `width` lanes; comparisons and values that have the width stay as they are."""
        if a.width == width or a.boolean:
            return a
        if not a.text.startswith("%"):
            return Value("<" + ", ".join([f"double {a.text}"] * width) + ">", width)
        key = (self._block, a.text, width)
        if key not in self._splats:
            first = self._put(f"insertelement <{width} x double> poison, double {a.text}, i32 0")
            kind = f"<{width} x double>"
            self._splats[key] = Value(self._put(f"shufflevector {kind} {first}, {kind} poison, <{width} x i32> zeroinitializer"), width)
        return self._splats[key]

    def shuffle(self, a: Value, b: Value, mask: Sequence[int]) -> Value:
        """Pick lanes from a (0 .. width-1) and b (width .. 2 width-1); -1 leaves a lane undefined."""
        if len(mask) == 1:
            return self.lane(a, mask[0]) if mask[0] < a.width else self.lane(b, mask[0] - a.width)
        lanes = ", ".join("i32 poison" if k < 0 else f"i32 {k}" for k in mask)
        return Value(self._put(f"shufflevector {a.typed}, {b.typed}, <{len(mask)} x i32> <{lanes}>"), len(mask))

    # memory -----------------------------------------------------------------------------------------------------------------------

    def address(self, base: str, offset: int = 0, *indices: Index) -> str:
        """Address of base[offset + indices]."""
        total = offset + sum(index.constant for index in indices)
        pointer = base
        for index in indices:
            if index.name:
                pointer = self._put(f"getelementptr double, ptr {pointer}, i64 {index.name}")
        return pointer if total == 0 else self._put(f"getelementptr double, ptr {pointer}, i64 {total}")

    def load(self, base: str, offset: int = 0, *indices: Index, width: int = 1) -> Value:
        """Load `width` consecutive doubles."""
        kind = Value("", width).type
        return Value(self._put(f"load {kind}, ptr {self.address(base, offset, *indices)}, align 8"), width)

    def store(self, value: Value, base: str, offset: int = 0, *indices: Index) -> None:
        """Store the lanes of a value consecutively."""
        self._lines.append(f"  store {value.typed}, ptr {self.address(base, offset, *indices)}, align 8")

    def times(self, index: Index, factor: int) -> Index:
        """Index * factor."""
        return Index(self._put(f"mul i64 {index.name}, {factor}") if index.name else "", index.constant * factor)

    def as_double(self, index: Index, width: int) -> Value:
        """The numbers index, index + 1, ... as doubles."""
        if not index.name:
            numbers = [double(float(index.constant + k)) for k in range(width)]
            return Value(numbers[0] if width == 1 else "<" + ", ".join(f"double {text}" for text in numbers) + ">", width)
        start = Value(self._put(f"uitofp i64 {index.name} to double"))
        return self.add(self.splat(start, width), self.as_double(Index("", index.constant), width))

    # control ----------------------------------------------------------------------------------------------------------------------

    def procedure(self, name: str, pointers: Sequence[str], doubles: Sequence[Value] = ()) -> None:
        """Call a void function of this module."""
        arguments = [f"ptr {p}" for p in pointers] + [d.typed for d in doubles]
        self._lines.append(f"  call void @{name}({', '.join(arguments)})")

    @contextmanager
    def loop(self, stop: int, step: int, carried: Sequence[Value] = ()) -> Iterator[Loop]:
        """Write a loop for index = 0, step, ... < stop, at least one round; the caller closes it with the carried values after a round."""
        self._count += 1
        head, index, before = f"head{self._count}", f"%i{self._count}", self._block
        following, leave = f"{index}.next", f"leave{self._count}"
        self._lines += [f"  br label %{head}", f"{head}:"]
        self._block, position = head, len(self._lines)
        loop = Loop(Index(index))
        loop.carried = [(Value(self._fresh(), value.width), value, value) for value in carried]
        yield loop
        phis = [f"  {index} = phi i64 [ 0, %{before} ], [ {following}, %{self._block} ]"]
        for phi, start, new in loop.carried:
            phis.append(f"  {phi.text} = phi {phi.type} [ {start.text}, %{before} ], [ {new.text}, %{self._block} ]")
        self._lines[position:position] = phis
        self._lines.append(f"  {following} = add nuw nsw i64 {index}, {step}")
        more = self._put(f"icmp ult i64 {following}, {stop}")
        self._lines += [f"  br i1 {more}, label %{head}, label %{leave}", f"{leave}:"]
        self._block = leave
