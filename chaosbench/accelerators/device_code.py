"""The program of an ensemble as LLVM assembly: a tape with the loop of one trajectory, for a GPU or, to check it, for this processor."""

import re
from dataclasses import dataclass
from functools import lru_cache

from chaosbench.accelerators.device_loops import write_adaptive, write_equal, write_map
from chaosbench.accelerators.device_trajectory import POINTERS, Sizes
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.assemble import assemble
from chaosbench.kernels.emitter import Assembly
from chaosbench.kernels.graph import graph_of
from chaosbench.kernels.tableau import Tableau

_REMAINDER = re.compile(r"= frem double (\S+), (\S+)$", re.MULTILINE)

# A GPU has no frem that is exact. Long division in binary is: every difference and every halving is exact, and it runs only for |x/y| > 2**52.
_EXACT_REMAINDER = """define internal double @exact_remainder(double %x, double %y) #0 {
entry:
  %r = call double @llvm.fabs.f64(double %x)
  %d = call double @llvm.fabs.f64(double %y)
  %finite = fcmp olt double %r, 0x7FF0000000000000
  %positive = fcmp ogt double %d, 0.0
  %usual = and i1 %finite, %positive
  br i1 %usual, label %grow, label %odd
grow:
  %s = phi double [ %d, %entry ], [ %twice, %larger ]
  %beyond = fsub double %r, %s
  %room = fcmp ole double %s, %beyond
  br i1 %room, label %larger, label %shrink
larger:
  %twice = fadd double %s, %s
  br label %grow
shrink:
  %rest = phi double [ %r, %grow ], [ %next, %shrink ]
  %part = phi double [ %s, %grow ], [ %half, %shrink ]
  %minus = fsub double %rest, %part
  %fits = fcmp oge double %rest, %part
  %next = select i1 %fits, double %minus, double %rest
  %half = fmul double %part, 0.5
  %last = fcmp ole double %part, %d
  br i1 %last, label %done, label %shrink
done:
  %signed = call double @llvm.copysign.f64(double %next, double %x)
  ret double %signed
odd:
  %product = fmul double %x, %y
  %none = fdiv double %product, %product
  ret double %none
}
declare double @llvm.fabs.f64(double) #1
declare double @llvm.copysign.f64(double, double) #1
"""


@dataclass(frozen=True)
class Program:
    """What runs: the assembly of function trajectory with all that it calls, and its sizes."""

    text: str
    sizes: Sizes


@lru_cache(maxsize=64)
def program(tape: Tape, tableau: Tableau | None, equal: bool) -> Program:
    """Return the program of a tape: a map without a tableau, else a flow with error control or with equal steps."""
    kernels = assemble(graph_of(tape, 0), tableau)
    dimension = tape.dimension
    out = dimension if tableau is None else dimension + 1 + (tableau.degree + 1) * dimension
    sizes = Sizes(dimension, max(kernels.work_size, dimension), out)
    assembly = Assembly()
    if tableau is None:
        write_map(assembly, sizes)
    elif equal:
        write_equal(assembly, sizes, tableau)
    else:
        write_adaptive(assembly, sizes, tableau)
    text, replaced = _REMAINDER.subn(r"= call double @exact_remainder(double \1, double \2)", kernels.text)
    return Program(_merged(text, assembly.text(), _EXACT_REMAINDER if replaced else ""), sizes)


def _merged(*texts: str) -> str:
    """Return several modules as one: attributes and declarations stand once."""
    lines: dict[str, None] = {}
    bodies = []
    for text in texts:
        for line in text.splitlines():
            if line.startswith(("declare ", "attributes ")):
                lines[line] = None
            else:
                bodies.append(line)
    return "\n".join([*bodies, *lines])


def _entry(sizes: Sizes, lane: str) -> str:
    """Return the instructions that call `trajectory` for %lane."""
    places = {
        "u": f"mul i64 {lane}, {sizes.dimension}",
        "p": f"mul i64 {lane}, %p_stride",
        "times": f"mul i64 {lane}, %times_stride",
        "out": f"mul i64 {lane}, %out_stride",
        "record": f"mul i64 {lane}, {sizes.record}",
    }
    lines = []
    for name, offset in places.items():
        lines += [f"  %{name}.offset = {offset}", f"  %{name}.lane = getelementptr double, ptr %{name}, i64 %{name}.offset"]
    arguments = ", ".join(f"ptr %{name}" if name == "settings" else f"ptr %{name}.lane" for name in POINTERS)
    return "\n".join([*lines, f"  call void @trajectory({arguments})"])


def host_text(built: Program) -> str:
    """Return the module for this processor: ensemble(lanes first..beyond, ...) goes through the lanes."""
    pointers = ", ".join(f"ptr %{name}" for name in POINTERS)
    strides = ", ".join(f"i64 %{name}_stride" for name in ("p", "times", "out"))
    body = "\n".join(
        [
            f"define void @ensemble(i64 %first, i64 %beyond, {strides}, {pointers}) {{",
            "entry:\n  br label %head\nhead:",
            "  %lane = phi i64 [ %first, %entry ], [ %next, %head ]",
            _entry(built.sizes, "%lane"),
            "  %next = add i64 %lane, 1\n  %more = icmp slt i64 %next, %beyond",
            "  br i1 %more, label %head, label %leave\nleave:\n  ret void\n}",
        ]
    )
    return f"{built.text}\n{body}\n"


def device_text(built: Program) -> str:
    """Return the module for a GPU: kernel ensemble(lanes, strides, pointers), one thread a lane."""
    pointers = ", ".join(f"ptr addrspace(1) %{name}.global" for name in POINTERS)
    strides = ", ".join(f"i64 %{name}_stride" for name in ("p", "times", "out"))
    registers = ("ctaid.x", "ntid.x", "tid.x")
    reads = [f"  %{name} = call i32 @llvm.nvvm.read.ptx.sreg.{name}()" for name in registers]
    casts = [f"  %{name} = addrspacecast ptr addrspace(1) %{name}.global to ptr" for name in POINTERS]
    body = "\n".join(
        [
            f"define ptx_kernel void @ensemble(i64 %lanes, {strides}, {pointers}) {{",
            "entry:",
            *reads,
            "  %block = mul i32 %ctaid.x, %ntid.x\n  %thread = add i32 %block, %tid.x\n  %lane = zext i32 %thread to i64",
            "  %inside = icmp ult i64 %lane, %lanes\n  br i1 %inside, label %work, label %leave\nwork:",
            *casts,
            _entry(built.sizes, "%lane"),
            "  br label %leave\nleave:\n  ret void\n}",
            *(f"declare i32 @llvm.nvvm.read.ptx.sreg.{name}()" for name in registers),
        ]
    )
    return f"{built.text}\n{body}\n"
