"""The number that a constant expression stands for: parameter values as text, angles' periods, lags, formulas in i and j."""

import math
from collections.abc import Callable, Mapping

from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tree import Binary, Call, Compare, Expression, Name, Number, Unary


def modulo(value: float, modulus: float) -> float:
    """Return `value` modulo `modulus` in [0, modulus)."""
    rest = math.fmod(value, modulus)
    if rest and (rest < 0) != (modulus < 0):
        rest += modulus
    return 0.0 if rest == modulus else rest  # -1e-20 % 1 rounds to 1, which is outside [0, 1)


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


SCALAR: Mapping[str, Callable[..., float]] = {
    "neg": lambda a: -a,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "sign": _sign,
    "floor": lambda a: float(math.floor(a)),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: math.pow(a, b),
    "min": min,
    "max": max,
    "atan2": math.atan2,
    "mod": modulo,
    "lt": lambda a, b: float(a < b),
    "le": lambda a, b: float(a <= b),
    "gt": lambda a, b: float(a > b),
    "ge": lambda a, b: float(a >= b),
    "where": lambda condition, a, b: a if condition else b,
}


def constant_value(tree: Expression, names: Mapping[str, float], *, where: str) -> float:
    """Return the value of `tree` with `names` (and pi) filled in.

    Raises DefinitionError, starting with `where`, for a name outside `names`, for cells and delays, and for a result that is not finite.
    """
    try:
        value = _value(tree, names, where)
    except DefinitionError:  # also a ValueError
        raise
    except (ArithmeticError, ValueError) as reason:
        raise DefinitionError(f"{where}: has no finite value ({reason}); the expression must be a real number; correct it") from None
    if not math.isfinite(value):
        raise DefinitionError(f"{where}: has the value {value}; the expression must be a finite number; correct it")
    return value


def _value(tree: Expression, names: Mapping[str, float], where: str) -> float:
    match tree:
        case Number(value, _):
            return value
        case Name(name):
            if name in names:
                return float(names[name])
            if name == "pi":
                return math.pi
            known = ", ".join([*names, "pi"])
            raise DefinitionError(f"{where}: unknown name {name!r}; names here are {known}{nearest(name, [*names, 'pi'])}")
        case Unary(op, arg):
            return SCALAR[op](_value(arg, names, where))
        case Binary(op, left, right) | Compare(op, left, right):
            return SCALAR[op](_value(left, names, where), _value(right, names, where))
        case Call(function, args) if function != "mean":
            return SCALAR[function](*(_value(arg, names, where) for arg in args))
        case _:
            raise DefinitionError(f"{where}: uses cells or a delay; a constant is made of numbers and plain names; write it without them")
