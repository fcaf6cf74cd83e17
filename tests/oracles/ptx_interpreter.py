"""A slow interpreter of the PTX that small systems give, one thread at a time: an oracle for what a GPU would do with it.

Registers hold 64 bits as whole numbers; doubles are made of them for arithmetic. Source: NVIDIA, Parallel Thread Execution ISA, version 7.0.
"""

import ctypes
import ctypes.util
import math
import operator
import re
import struct
from collections.abc import Callable

_MASK = 2**64 - 1
_UNSET = 0x7FF8_0000_0000_0001  # a register that was never written may be stored, and shows as not a number wherever it matters
_fma = ctypes.CDLL(ctypes.util.find_library("m")).fma
_fma.restype, _fma.argtypes = ctypes.c_double, [ctypes.c_double] * 3
_INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([a-z][\w.]*)\s*(.*)$")
_ORDER = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


def double(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(number: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def signed(bits: int, size: int = 64) -> int:
    bits &= 2**size - 1
    return bits - 2**size if bits >> (size - 1) else bits


def divided(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


_REAL: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "fma": _fma,
    "div": divided,
    "rcp": lambda a: divided(1.0, a),
    "sqrt": lambda a: math.sqrt(a) if a >= 0.0 else math.nan,
    "neg": operator.neg,
    "abs": abs,
    "min": lambda a, b: b if math.isnan(a) else a if math.isnan(b) else min(a, b),
    "max": lambda a, b: b if math.isnan(a) else a if math.isnan(b) else max(a, b),
}
_WHOLE: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul.lo": operator.mul,
    "mad.lo": lambda a, b, c: a * b + c,
    "shl": lambda a, b: a << b,
    "shr": lambda a, b: a >> b,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}


class Kernel:
    """A module with one kernel, ready to run thread by thread."""

    def __init__(self, ptx: str) -> None:
        body = re.sub(r"//.*", "", ptx[ptx.index("{") + 1 : ptx.rindex("}")])
        self.instructions: list[tuple[str, str, str, list[str]]] = []
        self.labels: dict[str, int] = {}
        for line in (part.strip().rstrip(";") for part in body.splitlines()):
            if line.endswith(":"):
                self.labels[line[:-1]] = len(self.instructions)
            elif line and not line.startswith("."):
                negated, predicate, opcode, operands = _INSTRUCTION.match(line).groups()
                self.instructions.append((negated or "", predicate or "", opcode, [part.strip() for part in operands.split(",")]))

    def run(self, arguments: list[int], special: dict[str, int]) -> None:
        """Run one thread; `special` gives %tid.x and the like."""
        self.registers: dict[str, int] = dict(special)
        self.arguments = arguments
        place = 0
        while True:
            negated, predicate, opcode, operands = self.instructions[place]
            place += 1
            if predicate and bool(self.registers[predicate]) == bool(negated):
                continue
            if opcode == "ret":
                return
            if opcode in {"bra", "bra.uni"}:
                place = self.labels[operands[0]]
            else:
                self.execute(opcode, operands)

    def value(self, operand: str) -> int:
        if operand.startswith("%"):
            return self.registers.get(operand, _UNSET)
        return int(operand[2:], 16) if operand.startswith("0d") else int(operand) & _MASK

    def address(self, operand: str) -> int:
        name, _, offset = operand.strip("[]").partition("+")
        return self.registers[name] + int(offset or 0)

    def execute(self, opcode: str, operands: list[str]) -> None:
        name, *parts = opcode.split(".")
        kind, target = parts[-1] if parts else "", operands[0]
        if opcode.startswith("st.global"):
            ctypes.c_uint64.from_address(self.address(target)).value = self.value(operands[1])
        elif opcode.startswith("ld.global"):
            self.registers[target] = ctypes.c_uint64.from_address(self.address(operands[1])).value
        elif opcode.startswith("ld.param"):
            self.registers[target] = self.arguments[int(operands[1].strip("[]").rpartition("_")[2])] & _MASK
        else:
            self.registers[target] = self.computed(name, parts, kind, [self.value(operand) for operand in operands[1:]])

    def computed(self, name: str, parts: list[str], kind: str, values: list[int]) -> int:
        if name == "mov":
            return values[0]
        if name == "selp":
            return values[0] if values[2] else values[1]
        if name == "setp":
            return int(self.compared(parts[0], kind, values))
        if name == "cvt":
            return self.converted(parts, values[0])
        if kind == "pred":
            return int(_WHOLE[name](*values))
        if kind == "f64":
            assert name in {"neg", "abs", "min", "max"} or parts[0] == "rn", f"{name}.{'.'.join(parts)} does not round to nearest"
            return bits_of(_REAL[name](*map(double, values)))
        size = int(kind[1:])
        numbers = [signed(value, size) for value in values] if kind[0] == "s" else [value & (2**size - 1) for value in values]
        return _WHOLE[f"{name}.lo" if "lo" in parts else name](*numbers) & (2**size - 1)

    def compared(self, order: str, kind: str, values: list[int]) -> bool:
        if kind == "f64":
            a, b = map(double, values)
            if math.isnan(a) or math.isnan(b):
                return len(order) == 3
            return _ORDER[order[:2]](a, b)
        return _ORDER[order](*(signed(value) if kind == "s64" else value for value in values))

    def converted(self, parts: list[str], value: int) -> int:
        if parts == ["rzi", "s64", "f64"]:
            number = double(value)
            return int(number) & _MASK if abs(number) < 2.0**63 else 2**63  # the GPU saturates; nothing depends on it
        if parts == ["rmi", "f64", "f64"]:
            number = double(value)
            return bits_of(math.floor(number)) if abs(number) < 2.0**52 and number != 0.0 else value
        if parts == ["rn", "f64", "s64"]:
            return bits_of(float(signed(value)))
        assert parts == ["u64", "u32"], parts
        return value & (2**32 - 1)
