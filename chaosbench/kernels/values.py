"""Operands of LLVM assembly: typed values, indices and exact literals."""

import struct
from typing import NamedTuple


class Value(NamedTuple):
    """An SSA name or a literal, with its number of lanes and the LLVM type of one lane: double, i1 (a comparison), i64 or ptr."""

    text: str
    width: int = 1
    element: str = "double"

    @property
    def boolean(self) -> bool:
        """Whether the lanes are results of a comparison."""
        return self.element == "i1"

    @property
    def type(self) -> str:
        """The LLVM type."""
        return self.element if self.width == 1 else f"<{self.width} x {self.element}>"

    @property
    def typed(self) -> str:
        """Type and name, as an operand is written."""
        return f"{self.type} {self.text}"


class Index(NamedTuple):
    """A run-time index plus a constant; an empty name is a constant alone."""

    name: str = ""
    constant: int = 0


def double(number: float) -> str:
    """Return the LLVM literal of exactly this double."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def constant(number: float, width: int = 1) -> Value:
    """Return a literal, repeated over the lanes."""
    text = double(number)
    return Value(text if width == 1 else "<" + ", ".join([f"double {text}"] * width) + ">", width)


def whole(number: int, width: int = 1) -> Value:
    """Return a literal whole number, repeated over the lanes."""
    return Value(str(number) if width == 1 else "<" + ", ".join([f"i64 {number}"] * width) + ">", width, "i64")
