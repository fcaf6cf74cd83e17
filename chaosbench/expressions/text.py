"""Tree to text: the inverse of `parse`, with the fewest brackets that bring back the same tree."""

from chaosbench.expressions.tree import Binary, Call, Compare, Delay, Element, Expression, Name, Number, Sum, Unary

_SYMBOL = {"add": " + ", "sub": " - ", "mul": "*", "div": "/", "mod": " % ", "pow": "**", "lt": " < ", "le": " <= ", "gt": " > ", "ge": " >= "}
_LEVEL = {"add": 1, "sub": 1, "mul": 2, "div": 2, "mod": 2, "neg": 3, "pow": 4}
_ATOM = 5


def to_text(tree: Expression) -> str:
    """Return text that `parse` turns into `tree` again."""
    return _text(tree)[0]


def _text(tree: Expression) -> tuple[str, int]:
    """Return the text and how tightly it binds."""
    match tree:
        case Number(value, text):
            return (text, _ATOM) if value >= 0 else (text, _LEVEL["neg"])
        case Name(name):
            return name, _ATOM
        case Element(name, index, offset, second):
            inside = f"{index},{second}" if second else index + (f"{offset:+d}" if offset else "")
            return f"{name}[{inside}]", _ATOM
        case Sum(body):
            return f"sum(j, {to_text(body)})", _ATOM
        case Delay(variable, lag):
            return f"delay({variable}, {to_text(lag)})", _ATOM
        case Call(function, args):
            return f"{function}({', '.join(to_text(arg) for arg in args)})", _ATOM
        case Compare(op, left, right):
            return to_text(left) + _SYMBOL[op] + to_text(right), 0
        case Unary(op, arg):
            return "-" + _bracketed(arg, _LEVEL[op]), _LEVEL[op]
        case Binary(op, left, right):
            level = _LEVEL[op]
            # a power groups to the right and binds tighter than a sign on its left only: 2**-x and -x**2 need no brackets, (-x)**2 does
            before, after = (_ATOM, _LEVEL["neg"]) if op == "pow" else (level, level + 1)
            return _bracketed(left, before) + _SYMBOL[op] + _bracketed(right, after), level


def _bracketed(tree: Expression, least: int) -> str:
    text, level = _text(tree)
    return text if level >= least else f"({text})"
