"""Tree to LaTeX, in the author's order of terms."""

import re
from collections.abc import Mapping

from chaosbench.expressions.tree import FIELD_FUNCTIONS, Binary, Call, Compare, Delay, Element, Expression, Name, Number, Sum, Unary

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_LETTERS: Mapping[str, str] = {**{name: f"\\{name}" for name in _GREEK.split()}, "lam": "\\lambda", "lamda": "\\lambda", "eps": "\\varepsilon"}
_FUNCTIONS: Mapping[str, str] = {
    **{name: f"\\{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "min", "max")},
    **{name: f"\\{name.replace('a', 'arc', 1)}" for name in ("asin", "acos", "atan")},
    "atan2": "\\operatorname{atan2}",
    "sign": "\\operatorname{sgn}",
}
_POWERED = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})
_FENCES = {"abs": ("\\left|", "\\right|"), "floor": ("\\left\\lfloor ", "\\right\\rfloor"), "mean": ("\\left\\langle ", "\\right\\rangle")}
_COMPARE = {"lt": "<", "le": "\\le", "gt": ">", "ge": "\\ge"}
_LEVEL = {"add": 1, "sub": 1, "mul": 2, "mod": 2, "div": 3, "neg": 1, "pow": 4}
_ATOM = 5


def latex(tree: Expression, names: Mapping[str, str] | None = None) -> str:
    """Return LaTeX for math mode; `names` overrides the symbols that `symbol` would choose."""
    return _Printer(names or {}).part(tree)[0]


def symbol(name: str, index: str = "") -> str:
    """Return the symbol of a name: Greek letters by name, trailing digits and what follows an underscore as subscript.

    `index` is a running index such as "i+1", put last.
    """
    head, *rest = name.split("_")
    match = re.fullmatch(r"([A-Za-z]+?)(\d*)", head)
    base, digits = match.groups() if match else (head, "")
    letter = _LETTERS.get(base) or (base if len(base) == 1 else f"\\mathrm{{{base}}}")
    parts = [part for part in (digits, *(symbol(part) if part.isalpha() else part for part in rest), index) if part]
    return f"{letter}_{{{','.join(parts)}}}" if parts else letter


class _Printer:
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def part(self, tree: Expression) -> tuple[str, int]:
        """Return the LaTeX and how tightly it binds."""
        match tree:
            case Number(_, text):
                return _number(text)
            case Name(name):
                return self.names.get(name, symbol(name)), _ATOM
            case Element(name, index, offset, second):
                place = f"{index},{second}" if second else index + (f"{offset:+d}" if offset else "")
                return f"{self.names[name]}_{{{place}}}" if name in self.names else symbol(name, place), _ATOM
            case Unary(op, arg):
                return "-" + self.bracketed(arg, 2), _LEVEL[op]
            case Binary("div", left, right):
                return f"\\frac{{{self.part(left)[0]}}}{{{self.part(right)[0]}}}", _LEVEL["div"]
            case Binary("pow", base, exponent):
                return self.power(base, exponent), _LEVEL["pow"]
            case Binary("mul", left, right):
                return self.product(left, right), _LEVEL["mul"]
            case Binary("mod", left, right):
                return f"{self.bracketed(left, 3)} \\bmod {self.bracketed(right, 3)}", _LEVEL["mod"]
            case Binary(op, left, right):
                sign = " + " if op == "add" else " - "
                return self.part(left)[0] + sign + self.bracketed(right, 2), _LEVEL[op]
            case Compare(op, left, right):
                return f"{self.part(left)[0]} {_COMPARE[op]} {self.part(right)[0]}", 0
            case Sum(body):
                return f"\\sum_{{j=0}}^{{N-1}} {self.bracketed(body, 2)}", 2
            case Delay(variable, lag):
                shown = self.names.get(variable, symbol(variable))
                return f"{shown}\\left(t - {self.bracketed(lag, 2)}\\right)", _ATOM
            case Call(function, args):
                return self.call(function, [self.part(arg)[0] for arg in args]), _ATOM
        raise TypeError(f"{tree!r} is not an expression")

    def bracketed(self, tree: Expression, least: int) -> str:
        text, level = self.part(tree)
        return text if level >= least else f"\\left({text}\\right)"

    def product(self, left: Expression, right: Expression) -> str:
        # a leading sign needs no brackets on the left: -a b is read as (-a) b
        before = self.part(left)[0] if isinstance(left, Unary) else self.bracketed(left, 2)
        after = self.bracketed(right, 3 if isinstance(right, Binary) and right.op == "mod" else 2)
        return f"{before} \\cdot {after}" if after[0].isdigit() else f"{before} {after}"

    def power(self, base: Expression, exponent: Expression) -> str:
        raised = f"^{{{self.part(exponent)[0]}}}"
        if isinstance(base, Call) and base.function in _POWERED and isinstance(exponent, Number):
            return f"{_FUNCTIONS[base.function]}{raised}\\left({self.part(base.args[0])[0]}\\right)"
        return self.bracketed(base, _ATOM) + raised

    def call(self, function: str, args: list[str]) -> str:
        if function == "sqrt":
            return f"\\sqrt{{{args[0]}}}"
        if function in _FENCES:
            before, after = _FENCES[function]
            return f"{before}{args[0]}{after}"
        if function == "where":
            return f"\\begin{{cases}} {args[1]} & {args[0]} \\\\ {args[2]} & \\text{{otherwise}} \\end{{cases}}"
        if function in FIELD_FUNCTIONS:
            return _of_fields(function, args)
        return f"{_FUNCTIONS[function]}\\left({', '.join(args)}\\right)"


def _of_fields(function: str, args: list[str]) -> str:
    body = args[0] if re.fullmatch(r"[A-Za-z\\_{}0-9]+", args[0]) else f"\\left({args[0]}\\right)"
    order = args[1] if len(args) > 1 else "1"
    match function:
        case "dx" | "dy":
            return f"\\partial_{{{function[1]}}}{'' if order == '1' else f'^{{{order}}}'} {body}"
        case "laplacian":
            return f"\\nabla^{{{2 * int(order)}}} {body}"
        case "inverse_laplacian":
            return f"\\nabla^{{-2}} {body}"
        case "inverse_helmholtz":
            return f"\\left(\\nabla^{{2}} - \\left({order}\\right)\\right)^{{-1}} {body}"
        case "abs2":
            return f"\\left|{args[0]}\\right|^{{2}}"
        case "conj":
            return f"\\overline{{{args[0]}}}"
    return f"\\operatorname{{{function.capitalize()}}}\\left({args[0]}\\right)"


def _number(text: str) -> tuple[str, int]:
    digits, _, exponent = text.lower().partition("e")
    if not exponent:
        return text, _ATOM
    power = f"10^{{{int(exponent)}}}"
    return (power, 4) if float(digits) == 1 else (f"{digits} \\times {power}", 2)
