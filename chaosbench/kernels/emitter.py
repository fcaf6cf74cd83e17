"""A small writer of LLVM assembly: doubles, vectors of doubles, fused multiply-adds; loops and branches stand in `control`.

Text is written directly: building the same instructions as llvmlite objects and printing them costs 27 microseconds each, fifteen times
more, and straight-line kernels have thousands. No instruction ever carries a fast-math flag, so LLVM may not change a single bit.

Every `Value` knows its number of lanes, and every operation works at any width; width 1 is a plain double.
"""

from collections.abc import Sequence

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
attributes #3 = { nounwind willreturn memory(none) "prefer-vector-width"="256" "min-legal-vector-width"="0" }
attributes #4 = { nounwind willreturn memory(none) cold }
"""


class Assembly:
    """A module being written: finished functions and what they declare."""

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._definitions: dict[str, str] = {}
        self._declarations: dict[str, str] = {}
        self.tables: dict[str, tuple[str, str]] = {}  # constant numbers -> name, definition

    def declare(self, name: str, result: str, parameters: Sequence[str]) -> None:
        """Declare an external function that only computes."""
        self._declarations[name] = f"declare {result} @{name}({', '.join(parameters)}) #1"

    def add(self, text: str) -> None:
        """Add a finished function."""
        self._functions.append(text)

    def define(self, name: str, text: str) -> None:
        """Add a ready-made function once."""
        self._definitions[name] = text

    def defines(self, name: str) -> bool:
        """Whether a ready-made function of this name was added."""
        return name in self._definitions

    def text(self) -> str:
        """Return the whole module as LLVM assembly, without the ready-made functions that nothing calls."""
        parts, waiting = list(self._functions), dict(self._definitions)
        while called := [name for name in waiting if any(f"@{name}(" in part for part in parts)]:
            parts += [waiting.pop(name) for name in called]
        tables = [text for _, text in self.tables.values()]
        return "\n".join([*tables, *parts, *self._declarations.values(), _ATTRIBUTES])


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
        self.lines: list[str] = []
        self.block = "entry"
        self._count = 0
        self._splats: dict[tuple[str, str, int], Value] = {}  # valid in the block where they were written
        self.calls: dict[tuple[str, ...], tuple[int, str, int]] = {}  # see `elementary`: block, functions, arguments -> line, name, member
        # Internal functions are called with disjoint memory only; the exported ones leave a caller free to let `out` be `u`.
        pointer = "ptr noalias" if internal else "ptr"
        parameters = [f"{pointer} %{p}" for p in pointers] + [f"double %{d}" for d in doubles]
        self._head = f"{'internal ' if internal else ''}void @{name}({', '.join(parameters)}) #{2 if wide else 0}"

    def finish(self) -> None:
        """End the function and add it to the module."""
        body = "\n".join(self.lines)
        self.assembly.add(f"define {self._head} {{\nentry:\n{body}\n  ret void\n}}\n")

    def fresh(self, kind: str = "v") -> str:
        """A name that this function has not used yet."""
        self._count += 1
        return f"%{kind}{self._count}"

    def put(self, text: str) -> str:
        """Write one instruction with a result and return the result's name."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    # arithmetic -------------------------------------------------------------------------------------------------------------------

    def _binary(self, instruction: str, a: Value, b: Value) -> Value:
        return Value(self.put(f"{instruction} {a.typed}, {b.text}"), a.width, a.element)

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
        return Value(self.put(f"fneg {a.typed}"), a.width)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """A * b + c with one rounding."""
        return self.call("fma", a, b, c)

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """An LLVM floating-point comparison: "olt", "ole", "ogt", "oge", "oeq", "uno"."""
        return Value(self.put(f"fcmp {predicate} {a.typed}, {b.text}"), a.width, "i1")

    def either(self, a: Value, b: Value) -> Value:
        """Logical or of two comparisons."""
        return self._binary("or", a, b)

    def both(self, a: Value, b: Value) -> Value:
        """Logical and of two comparisons."""
        return self._binary("and", a, b)

    def complement(self, condition: Value) -> Value:
        """Logical not of a comparison in one lane."""
        return Value(self.put(f"xor i1 {condition.text}, true"), 1, "i1")

    def any(self, condition: Value) -> Value:
        """Whether a comparison holds in any lane."""
        if condition.width == 1:
            return condition
        symbol = f"llvm.vector.reduce.or.v{condition.width}i1"
        self.assembly.declare(symbol, "i1", [condition.type])
        return Value(self.put(f"call i1 @{symbol}({condition.typed})"), 1, "i1")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """A where the condition holds, else b; a condition of one lane decides for all."""
        return Value(self.put(f"select {condition.typed}, {a.typed}, {b.typed}"), a.width, a.element)

    def call(self, name: str, *arguments: Value) -> Value:
        """Call a function of the C library or its LLVM intrinsic, lane by lane where there is no vector form."""
        width = arguments[0].width
        if name in VECTOR_INTRINSICS or width == 1:
            kind = arguments[0].type
            symbol = name
            if name in VECTOR_INTRINSICS or name in SCALAR_INTRINSICS:
                symbol = f"llvm.{name}." + ("f64" if width == 1 else f"v{width}f64")
            self.assembly.declare(symbol, kind, [kind] * len(arguments))
            return Value(self.put(f"call {kind} @{symbol}({', '.join(a.typed for a in arguments)})"), width)
        return self.lanes([self.call(name, *(self.lane(a, k) for a in arguments)) for k in range(width)])

    def call_internal(self, name: str, *arguments: Value) -> Value:
        """Call a function of this module that takes and returns doubles, lane by lane."""
        width = arguments[0].width
        if width == 1:
            return Value(self.put(f"call double @{name}({', '.join(a.typed for a in arguments)})"))
        return self.lanes([self.call_internal(name, *(self.lane(a, k) for a in arguments)) for k in range(width)])

    def count(self, condition: Value) -> Value:
        """In how many lanes a comparison holds, as a whole number."""
        if condition.width == 1:
            return self.convert("zext", condition, "i64")
        packed = f"i{condition.width}"
        symbol = f"llvm.ctpop.{packed}"
        self.assembly.declare(symbol, packed, [packed])
        number = self.put(f"call {packed} @{symbol}({packed} {self.put(f'bitcast {condition.typed} to {packed}')})")
        return Value(self.put(f"zext {packed} {number} to i64"), 1, "i64")

    # whole numbers ----------------------------------------------------------------------------------------------------------------

    def integer(self, instruction: str, a: Value, b: Value) -> Value:
        """An LLVM instruction on two whole numbers: "add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr"."""
        return self._binary(instruction, a, b)

    def compare_integers(self, predicate: str, a: Value, b: Value) -> Value:
        """An LLVM comparison of whole numbers: "eq", "slt", "ult" and so on."""
        return Value(self.put(f"icmp {predicate} {a.typed}, {b.text}"), a.width, "i1")

    def convert(self, instruction: str, a: Value, element: str) -> Value:
        """An LLVM conversion, lane by lane: "bitcast", "sitofp", "fptosi", "zext"."""
        kind = Value("", a.width, element).type
        return Value(self.put(f"{instruction} {a.typed} to {kind}"), a.width, element)

    # lanes ------------------------------------------------------------------------------------------------------------------------

    def lane(self, a: Value, k: int) -> Value:
        """Lane k of a vector."""
        return a if a.width == 1 else Value(self.put(f"extractelement {a.typed}, i32 {k}"), 1, a.element)

    def lanes(self, values: Sequence[Value]) -> Value:
        """A vector of the given scalars."""
        if len(values) == 1:
            return values[0]
        kind = f"<{len(values)} x double>"
        text = "poison"
        for k, value in enumerate(values):
            text = self.put(f"insertelement {kind} {text}, {value.typed}, i32 {k}")
        return Value(text, len(values))

    def insert(self, a: Value, scalar: Value, k: int) -> Value:
        """The vector a with lane k replaced."""
        return Value(self.put(f"insertelement {a.typed}, {scalar.typed}, i32 {k}"), a.width)

    def splat(self, a: Value, width: int) -> Value:
        """A scalar repeated over `width` lanes; comparisons and values that have the width stay as they are."""
        if a.width == width or a.boolean:
            return a
        if not a.text.startswith("%"):
            return Value("<" + ", ".join([f"double {a.text}"] * width) + ">", width)
        key = (self.block, a.text, width)
        if key not in self._splats:
            first = self.put(f"insertelement <{width} x double> poison, double {a.text}, i32 0")
            kind = f"<{width} x double>"
            self._splats[key] = Value(self.put(f"shufflevector {kind} {first}, {kind} poison, <{width} x i32> zeroinitializer"), width)
        return self._splats[key]

    def shuffle(self, a: Value, b: Value, mask: Sequence[int]) -> Value:
        """Pick lanes from a (0 .. width-1) and b (width .. 2 width-1); -1 leaves a lane undefined."""
        if len(mask) == 1:
            return self.lane(a, mask[0]) if mask[0] < a.width else self.lane(b, mask[0] - a.width)
        lanes = ", ".join("i32 poison" if k < 0 else f"i32 {k}" for k in mask)
        return Value(self.put(f"shufflevector {a.typed}, {b.typed}, <{len(mask)} x i32> <{lanes}>"), len(mask))

    # memory -----------------------------------------------------------------------------------------------------------------------

    def address(self, base: str, offset: int = 0, *indices: Index) -> str:
        """Address of base[offset + indices]."""
        total = offset + sum(index.constant for index in indices)
        pointer = base
        for index in indices:
            if index.name:
                pointer = self.put(f"getelementptr double, ptr {pointer}, i64 {index.name}")
        return pointer if total == 0 else self.put(f"getelementptr double, ptr {pointer}, i64 {total}")

    def load(self, base: str, offset: int = 0, *indices: Index, width: int = 1) -> Value:
        """Load `width` consecutive doubles."""
        kind = Value("", width).type
        return Value(self.put(f"load {kind}, ptr {self.address(base, offset, *indices)}, align 8"), width)

    def store(self, value: Value, base: str, offset: int = 0, *indices: Index) -> None:
        """Store the lanes of a value consecutively."""
        self.lines.append(f"  store {value.typed}, ptr {self.address(base, offset, *indices)}, align 8")

    def times(self, index: Index, factor: int) -> Index:
        """Index * factor."""
        return Index(self.put(f"mul i64 {index.name}, {factor}") if index.name else "", index.constant * factor)

    def as_double(self, index: Index, width: int) -> Value:
        """The numbers index, index + 1, ... as doubles."""
        if not index.name:
            numbers = [double(float(index.constant + k)) for k in range(width)]
            return Value(numbers[0] if width == 1 else "<" + ", ".join(f"double {text}" for text in numbers) + ">", width)
        start = Value(self.put(f"uitofp i64 {index.name} to double"))
        return self.add(self.splat(start, width), self.as_double(Index("", index.constant), width))

    # control ----------------------------------------------------------------------------------------------------------------------

    def procedure(self, name: str, pointers: Sequence[str], doubles: Sequence[Value] = ()) -> None:
        """Call a void function of this module."""
        arguments = [f"ptr {p}" for p in pointers] + [d.typed for d in doubles]
        self.lines.append(f"  call void @{name}({', '.join(arguments)})")
