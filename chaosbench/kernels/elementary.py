"""Calls of the elementary functions, which are functions of the module itself: the same bits on every machine and in every lane.

The C library's functions differ in the last bits between libraries, and between processors within one, and are called lane by lane. These
use nothing but exactly rounded operations, in a fixed order.

Sine and cosine, and sinh and cosh, are results of one function. A caller that asks for both of one argument gets both from one call: the
call written for the first is turned into one that computes both when the second is asked for in the same block.
"""

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import NamedTuple

from chaosbench.kernels.elementary_circular import write_sine_and_cosine, write_tangent
from chaosbench.kernels.elementary_exponential import write_exponential, write_hyperbolic, write_tanh
from chaosbench.kernels.elementary_inverse import write_arccosine, write_arcsine, write_arctangent, write_arctangent_of_two
from chaosbench.kernels.elementary_logarithm import write_logarithm, write_power
from chaosbench.kernels.elementary_writer import FunctionWriter, joined, pieces_of, result_type, split
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value

WIDEST = 8


class _Family(NamedTuple):
    """Functions of the same arguments with one source; `write(writer, wanted)` returns one result per member, None for those not wanted."""

    members: tuple[str, ...]
    arguments: int
    write: Callable[[FunctionWriter, Container[int]], list[Value | None]]
    inside: int = 1  # lanes to compute with at least; with one lane LLVM makes branches of selections, which are mispredicted


_FAMILIES = (
    _Family(("sin", "cos"), 1, write_sine_and_cosine),
    _Family(("sinh", "cosh"), 1, write_hyperbolic),
    _Family(("tan",), 1, write_tangent),
    _Family(("exp",), 1, write_exponential),
    _Family(("tanh",), 1, write_tanh),
    _Family(("log",), 1, write_logarithm),
    _Family(("pow",), 2, write_power),
    _Family(("atan",), 1, write_arctangent, 2),
    _Family(("atan2",), 2, write_arctangent_of_two, 2),
    _Family(("asin",), 1, write_arcsine, 2),
    _Family(("acos",), 1, write_arccosine, 2),
)

ELEMENTARY: Mapping[str, _Family] = MappingProxyType({member: family for family in _FAMILIES for member in family.members})


def call_elementary(w: Writer, name: str, *arguments: Value) -> Value:
    """Call an elementary function at any width up to eight; other widths than 1, 2, 4 and 8 repeat their first lane."""
    asked = arguments[0].width
    width = next(size for size in (1, 2, 4, WIDEST) if size >= asked)
    family = ELEMENTARY[name]
    member = family.members.index(name)
    padded = [a if a.width == width else w.shuffle(a, a, [*range(asked), *[0] * (width - asked)]) for a in arguments]
    kind = result_type(width, len(family.members))
    key = (w.block, *family.members, *(f"{a.type} {a.text}" for a in arguments))
    known = w.calls.get(key)
    if known is None:
        pieces = ", ".join(piece.typed for a in padded for piece in split(w, a))
        call = w.put(f"call {kind} @{_defined(w, family, (member,), width)}({pieces})")
        w.calls[key] = (len(w.lines) - 1, call, member)
    else:
        place, call, first = known
        alone, both = (_defined(w, family, members, width) for members in ((first,), tuple(range(len(family.members)))))
        if first != member:
            w.lines[place] = w.lines[place].replace(f"@{alone}(", f"@{both}(")
    each = len(pieces_of(width))
    results = [piece._replace(text=w.put(f"extractvalue {kind} {call}, {each * member + k}")) for k, piece in enumerate(pieces_of(width))]
    total = joined(w, results)
    return total if asked == width else w.shuffle(total, total, range(asked))


def _defined(w: Writer, family: _Family, wanted: tuple[int, ...], width: int) -> str:
    """The name of the function that computes the wanted members, written into the module if it is not there."""
    name = "_".join(family.members[k] for k in wanted) + f"_{width}_lanes"
    if not w.assembly.defines(name):
        f = FunctionWriter(w.assembly, name, family.arguments, width, family.inside)
        f.finish_with(family.write(f, wanted))
    return name
