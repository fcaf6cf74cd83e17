"""The operations of a tape in double-double arithmetic."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from chaosbench.errors import KernelError
from chaosbench.kernels.double_double import DoubleDouble, Pair
from chaosbench.kernels.double_double_functions import Functions
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import constant


class ExtendedArithmetic(DoubleDouble):
    """Double-double arithmetic with all functions; `scratch` points to memory that their calls may use, see `Functions.memory`."""

    def __init__(self, w: Writer, width: int, functions: Functions, scratch: str) -> None:
        super().__init__(w, width)
        self._functions = functions
        self._scratch = scratch

    def function(self, name: str, *args: Pair) -> Any:
        """Return an operation of the tape, a number, or a comparison, a value of truth in every lane."""
        if name in _COMPARISONS:
            return self.compare(_COMPARISONS[name], *args)
        if name in _CALLS:
            function, result = _CALLS[name]
            return self._functions.call(self.w, self._scratch, function, *args)[result]
        if name not in _SIMPLE:
            known = ", ".join(sorted({*_COMPARISONS, *_CALLS, *_SIMPLE}))
            raise KernelError(f"operation {name!r} is not known in double-double arithmetic; operations are {known}")
        return _SIMPLE[name](self, *args)

    def floor(self, a: Pair) -> Pair:
        """Return the largest whole number up to a."""
        w = self.w
        whole = w.call("floor", a.high)
        rest = w.select(w.compare("oeq", whole, a.high), w.call("floor", a.low), constant(0.0, self.width))
        return self.fast_two_sum(whole, rest)

    def absolute(self, a: Pair) -> Pair:
        """Return |a|."""
        return self.select(self.w.compare("olt", a.high, constant(0.0, self.width)), self.neg(a), a)

    def sign(self, a: Pair) -> Pair:
        """Return -1, 0 or 1; not a number stays."""
        w, zero = self.w, constant(0.0, self.width)
        negative = w.select(w.compare("olt", a.high, zero), constant(-1.0, self.width), w.add(a.high, zero))
        return self.exact(w.select(w.compare("ogt", a.high, zero), constant(1.0, self.width), negative))

    def modulo(self, a: Pair, m: Pair) -> Pair:
        """Return a - m floor(a / m), in [0, m) for m > 0 and in (m, 0] for m < 0."""
        w, zero = self.w, constant(0.0, self.width)
        r = self.sub(a, self.mul(m, self.floor(self.div(a, m))))
        opposite = w.compare(
            "olt", w.mul(r.high, w.select(w.compare("olt", m.high, zero), constant(-1.0, self.width), constant(1.0, self.width))), zero
        )
        r = self.select(opposite, self.add(r, m), r)
        return self.select(self.compare("oge", self.absolute(r), self.absolute(m)), self.sub(r, m), r)

    def lesser(self, predicate: str, a: Pair, b: Pair) -> Pair:
        """Return a where it is on the given side of b or is not a number, else b."""
        return self.select(self.w.either(self.compare(predicate, a, b), self.w.compare("uno", a.high, a.high)), a, b)


_COMPARISONS: Mapping[str, str] = MappingProxyType({"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"})

# Operation -> the function to call and which of its results.
_CALLS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "exp": ("exponential", 0),
        "log": ("logarithm", 0),
        "sin": ("circle", 0),
        "cos": ("circle", 1),
        "tan": ("tan", 0),
        "asin": ("arc", 0),
        "acos": ("arc", 1),
        "atan": ("atan", 0),
        "atan2": ("atan2", 0),
        "sinh": ("hyperbolic", 0),
        "cosh": ("hyperbolic", 1),
        "tanh": ("tanh", 0),
        "pow": ("pow", 0),
    }
)

_SIMPLE: Mapping[str, Callable[..., Pair]] = MappingProxyType(
    {
        "add": ExtendedArithmetic.add,
        "sub": ExtendedArithmetic.sub,
        "mul": ExtendedArithmetic.mul,
        "div": ExtendedArithmetic.div,
        "neg": ExtendedArithmetic.neg,
        "sqrt": ExtendedArithmetic.sqrt,
        "floor": ExtendedArithmetic.floor,
        "abs": ExtendedArithmetic.absolute,
        "sign": ExtendedArithmetic.sign,
        "mod": ExtendedArithmetic.modulo,
        "min": lambda a, x, y: a.lesser("olt", x, y),
        "max": lambda a, x, y: a.lesser("ogt", x, y),
        "where": ExtendedArithmetic.select,
    }
)
