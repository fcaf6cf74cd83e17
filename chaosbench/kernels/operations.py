"""How each operation of a tape is written in LLVM assembly, at any width."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from chaosbench.errors import KernelError
from chaosbench.kernels.elementary import ELEMENTARY, call_elementary
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Value, constant

# The result lies in [0, m) for m > 0 and in (m, 0] for m < 0. While |x/m| < 2**52 the fused remainder is exact: the quotient is off by
# at most one and the remainder, off by at most one m, is representable. Beyond that the (slow, exact) fmod of the C library.
MODULO = """define internal double @modulo(double %x, double %m) #0 {
entry:
  %ratio = fdiv double %x, %m
  %quotient = call double @llvm.floor.f64(double %ratio)
  %size = call double @llvm.fabs.f64(double %quotient)
  %near = fcmp olt double %size, 4503599627370496.0
  br i1 %near, label %fused, label %library
fused:
  %minus = fneg double %quotient
  %difference = call double @llvm.fma.f64(double %minus, double %m, double %x)
  br label %fold
library:
  %remainder = frem double %x, %m
  br label %fold
fold:
  %r = phi double [ %difference, %fused ], [ %remainder, %library ]
  %r_negative = fcmp olt double %r, 0.0
  %m_negative = fcmp olt double %m, 0.0
  %opposite = xor i1 %r_negative, %m_negative
  %something = fcmp one double %r, 0.0
  %below = and i1 %opposite, %something
  %shifted = fadd double %r, %m
  %folded = select i1 %below, double %shifted, double %r
  %reach = call double @llvm.fabs.f64(double %folded)
  %modulus = call double @llvm.fabs.f64(double %m)
  %outside = fcmp oge double %reach, %modulus
  %inside = select i1 %outside, double 0.0, double %folded
  ret double %inside
}
"""

# Worth storing rather than computing again.
HEAVY = frozenset({"div", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "pow", "atan2", "mod"})

Emission = Callable[[Writer, Sequence[Value]], Value]


def _modulo(w: Writer, a: Sequence[Value]) -> Value:
    for name, count in (("floor", 1), ("fabs", 1), ("fma", 3)):
        w.assembly.declare(f"llvm.{name}.f64", "double", ["double"] * count)
    w.assembly.define("modulo", MODULO)
    return w.call_internal("modulo", a[0], a[1])


def _lesser(predicate: str) -> Emission:
    # A NaN on either side is passed on, so that a blow-up stays visible.
    def emit(w: Writer, a: Sequence[Value]) -> Value:
        first = w.either(w.compare(predicate, a[0], a[1]), w.compare("uno", a[0], a[0]))
        return w.select(first, a[0], a[1])

    return emit


def _sign(w: Writer, a: Sequence[Value]) -> Value:
    width = a[0].width
    zero = constant(0.0, width)
    negative = w.select(w.compare("olt", a[0], zero), constant(-1.0, width), w.add(a[0], zero))  # -0 + 0 is 0, and NaN stays
    return w.select(w.compare("ogt", a[0], zero), constant(1.0, width), negative)


def _power(w: Writer, a: Sequence[Value]) -> Value:
    return w.call("sqrt", a[0]) if a[1].text == constant(0.5, a[1].width).text else call_elementary(w, "pow", *a)


def _call(name: str) -> Emission:
    return lambda w, a: w.call(name, *a)


def _elementary(name: str) -> Emission:
    return lambda w, a: call_elementary(w, name, *a)


def _compare(predicate: str) -> Emission:
    return lambda w, a: w.compare(predicate, a[0], a[1])


OPERATIONS: Mapping[str, Emission] = MappingProxyType(
    {
        "add": lambda w, a: w.add(a[0], a[1]),
        "sub": lambda w, a: w.sub(a[0], a[1]),
        "mul": lambda w, a: w.mul(a[0], a[1]),
        "div": lambda w, a: w.div(a[0], a[1]),
        "neg": lambda w, a: w.neg(a[0]),
        "fma": lambda w, a: w.fma(a[0], a[1], a[2]),
        "fms": lambda w, a: w.fma(a[0], a[1], w.neg(a[2])),
        "fnma": lambda w, a: w.fma(w.neg(a[0]), a[1], a[2]),
        "abs": _call("fabs"),
        "pow": _power,
        "mod": _modulo,
        "sign": _sign,
        "min": _lesser("olt"),
        "max": _lesser("ogt"),
        "where": lambda w, a: w.select(a[0], a[1], a[2]),
        "lt": _compare("olt"),
        "le": _compare("ole"),
        "gt": _compare("ogt"),
        "ge": _compare("oge"),
        "sqrt": _call("sqrt"),
        "floor": _call("floor"),
        **{name: _elementary(name) for name in ELEMENTARY if name != "pow"},
    }
)


def emit_operation(w: Writer, op: str, arguments: Sequence[Value]) -> Value:
    """Write one operation; its arguments have one width (comparisons may have one lane)."""
    if op not in OPERATIONS:
        raise KernelError(f"operation {op!r} cannot be compiled; operations are {', '.join(sorted(OPERATIONS))}")
    return OPERATIONS[op](w, arguments)
