"""Text to tree: a whitelist over Python's expression syntax. Nothing is ever executed; what is not listed here does not exist."""

import ast
import math
from typing import Literal

from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tree import (
    FIELD_FUNCTIONS,
    FUNCTIONS,
    Binary,
    BinaryOp,
    Call,
    Compare,
    ComparisonOp,
    Delay,
    Element,
    Expression,
    Index,
    Name,
    Number,
    Sum,
    Unary,
)

MAX_LENGTH = 10_000
MAX_DEPTH = 200  # below Python's recursion limit with room for every later walk over the tree
MAX_EXPONENT = 100

_BINARY: dict[type[ast.operator], BinaryOp] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.Mod: "mod",
}
_COMPARE: dict[type[ast.cmpop], ComparisonOp] = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute (a dot after a name) is not allowed; names stand alone; remove the dot",
    ast.Lambda: "'lambda' is a reserved word of Python and cannot be a name; choose another, such as 'lam'",
    ast.NamedExpr: "':=' is not allowed; an equation gives one value; write the expression out",
    ast.IfExp: "'if ... else' is not allowed; conditions are written with where; write where(condition, then, else)",
    ast.BoolOp: "'and' and 'or' are not allowed; a condition is one comparison; nest where(...) inside where(...)",
    ast.Starred: "'*' before an argument is not allowed; arguments are listed one by one; write them out",
    ast.JoinedStr: "text in quotes is not allowed; an equation holds numbers and names; remove the quotes",
}
_COLLECTIONS = (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def parse(text: str, *, where: str, fields: bool = False) -> Expression:
    """Return the tree of one expression.

    Parameters: `text` is an arithmetic expression; `where` ("file: key") starts every message; `fields`: functions of fields are known, too.
    Raises DefinitionError for anything outside the grammar. Whether names exist is checked by `scope.check`.
    """
    if not isinstance(text, str):
        raise DefinitionError(f'{where}: {text!r} is not text; an expression is written in quotes; write "{text}"')
    if len(text) > MAX_LENGTH:
        raise DefinitionError(f"{where}: the expression has {len(text)} characters; the limit is {MAX_LENGTH}; split it or use sum(j, ...)")
    if not text.isascii():
        strange = next(character for character in text if not character.isascii())
        raise DefinitionError(f"{where}: character {strange!r} is not allowed; expressions are plain ASCII; write -, *, ** and names of letters")
    line = " ".join(text.split("\n")).strip()
    if not line:
        raise DefinitionError(f"{where}: the expression is empty; every key needs a formula; write at least a number")
    try:
        body = ast.parse(line, mode="eval").body
    except SyntaxError as reason:
        raise DefinitionError(f"{where}: {line!r} cannot be read ({reason.msg}); {_syntax_hint(line)}") from None
    except (RecursionError, MemoryError, ValueError) as reason:
        raise DefinitionError(f"{where}: the expression cannot be read ({reason or 'nested too deeply'}); {_DEPTH_RULE}") from None
    return _Converter(line, where, fields).convert(body, 0)


_DEPTH_RULE = f"at most {MAX_DEPTH} levels of nesting are allowed; shorten it or use sum(j, ...)"


def _syntax_hint(line: str) -> str:
    if "lambda" in line:
        return _REFUSED[ast.Lambda]
    if "=" in line and not any(sign in line for sign in ("<=", ">=", "==")):
        return "a formula is the right-hand side alone, without '='; remove the left-hand side"
    return "formulas use + - * / ** % and named functions; write products with * and close every bracket"


class _Converter:
    """Turns Python's syntax tree into ours, remembering the text and the place for messages."""

    def __init__(self, text: str, where: str, fields: bool) -> None:
        self.text = text
        self.where = where
        self.fields = fields

    def fail(self, message: str) -> DefinitionError:
        return DefinitionError(f"{self.where}: {message}")

    def convert(self, node: ast.expr, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise self.fail(f"the expression is nested more than {MAX_DEPTH} levels deep; {_DEPTH_RULE}")
        if isinstance(node, ast.Constant):
            return self.literal(node)
        if isinstance(node, ast.Name):
            return Name(self.name(node.id))
        if isinstance(node, ast.BinOp):
            return self.binary(node, depth)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Subscript):
            return self.element(node)
        if isinstance(node, ast.Compare):
            raise self.fail("a comparison stands alone; comparisons are allowed only as the first argument of where; write where(a < b, then, else)")
        if isinstance(node, _COLLECTIONS):
            raise self.fail(
                "brackets, braces and comprehensions are not allowed here; an equation gives one number; write sum(j, ...) for a sum over cells"
            )
        refused = _REFUSED.get(type(node), f"{type(node).__name__} is not allowed; formulas use + - * / ** % and named functions; rewrite it")
        raise self.fail(refused)

    def literal(self, node: ast.Constant) -> Number:
        value = node.value
        if isinstance(value, str | bytes):
            raise self.fail(_REFUSED[ast.JoinedStr])
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"{value!r} is not allowed; literals are real numbers; replace it by a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.fail("a literal is too large for a float64; numbers stay below 1.8e308; write a smaller one")
        return Number(number, self.text[node.col_offset : node.end_col_offset])

    def name(self, name: str) -> str:
        if name.startswith("_"):
            raise self.fail(f"name {name!r} starts with an underscore; names start with a letter; rename it")
        return name

    def binary(self, node: ast.BinOp, depth: int) -> Expression:
        op = _BINARY.get(type(node.op))
        if op is None:
            fix = "write ** for a power" if isinstance(node.op, ast.BitXor) else "rewrite it with them"
            raise self.fail(f"operator {type(node.op).__name__} is not allowed; operators are + - * / ** %; {fix}")
        left, right = self.convert(node.left, depth + 1), self.convert(node.right, depth + 1)
        if op == "pow":
            exponent = right.arg if isinstance(right, Unary) else right
            if isinstance(exponent, Number) and exponent.value > MAX_EXPONENT:
                raise self.fail(f"exponent {exponent.text} is too large; literal exponents are at most {MAX_EXPONENT}; use exp or a smaller power")
        return Binary(op, left, right)

    def unary(self, node: ast.UnaryOp, depth: int) -> Expression:
        if isinstance(node.op, ast.UAdd):
            return self.convert(node.operand, depth + 1)
        if not isinstance(node.op, ast.USub):
            raise self.fail(f"operator {type(node.op).__name__} is not allowed; operators are + - * / ** %; rewrite it with them")
        return Unary("neg", self.convert(node.operand, depth + 1))

    def call(self, node: ast.Call, depth: int) -> Expression:
        if not isinstance(node.func, ast.Name):
            raise self.fail("only named functions can be called; write products with *, as in a*(b + c)")
        function = node.func.id
        if self.fields and function in FIELD_FUNCTIONS:
            return self.field_call(function, node, depth)
        if function not in FUNCTIONS:
            known = ", ".join((*FUNCTIONS, *FIELD_FUNCTIONS) if self.fields else FUNCTIONS)
            raise self.fail(f"{function!r} is not a function; functions are {known} (products need *){nearest(function, FUNCTIONS)}")
        if node.keywords:
            raise self.fail(f"{function}(...) is given an argument by keyword; arguments go by position; remove '{node.keywords[0].arg}='")
        if len(node.args) != FUNCTIONS[function]:
            raise self.fail(
                f"{function}(...) is given {len(node.args)} arguments; it takes {FUNCTIONS[function]}; {_USAGE.get(function, 'correct the call')}"
            )
        if function == "where":
            condition = self.comparison(node.args[0], depth + 1)
            return Call("where", (condition, *(self.convert(arg, depth + 1) for arg in node.args[1:])))
        if function in ("sum", "mean", "delay"):
            return self.special(function, node.args, depth)
        return Call(function, tuple(self.convert(arg, depth + 1) for arg in node.args))

    def field_call(self, function: str, node: ast.Call, depth: int) -> Expression:
        counts = FIELD_FUNCTIONS[function]
        if node.keywords or len(node.args) not in counts:
            rule = " or ".join(str(count) for count in counts)
            raise self.fail(
                f"{function}(...) is given {len(node.args) + len(node.keywords)} arguments; it takes {rule}, by position; correct the call"
            )
        return Call(function, tuple(self.convert(arg, depth + 1) for arg in node.args))

    def special(self, function: str, args: list[ast.expr], depth: int) -> Expression:
        first = args[0]
        if not isinstance(first, ast.Name) or (function == "sum" and first.id != "j"):
            raise self.fail(f"the first argument of {function} is not a plain name; {_USAGE[function]}")
        if function == "sum":
            return Sum(self.convert(args[1], depth + 1))
        if function == "mean":
            return Call("mean", (Name(self.name(first.id)),))
        return Delay(self.name(first.id), self.convert(args[1], depth + 1))

    def comparison(self, node: ast.expr, depth: int) -> Compare:
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            raise self.fail(f"the first argument of where is not one comparison; {_USAGE['where']}")
        op = _COMPARE.get(type(node.ops[0]))
        if op is None:
            raise self.fail(f"comparison {type(node.ops[0]).__name__} is not allowed; comparisons are < <= > >=; rewrite it with them")
        return Compare(op, self.convert(node.left, depth + 1), self.convert(node.comparators[0], depth + 1))

    def element(self, node: ast.Subscript) -> Element:
        if not isinstance(node.value, ast.Name):
            raise self.fail(f"only a name can be indexed; {_ELEMENT_RULE}")
        name = self.name(node.value.id)
        if isinstance(node.slice, ast.Tuple):
            ends = [self.index(part) for part in node.slice.elts]
            if ends != [("i", 0), ("j", 0)]:
                raise self.fail(f"{self.source(node)} is not allowed; a matrix is indexed by i and j in this order; write {name}[i,j]")
            return Element(name, "i", 0, "j")
        return Element(name, *self.index(node.slice))

    def index(self, node: ast.expr) -> tuple[Index, int]:
        """Return (letter, offset) of i, j, i+1, i-2, ..."""
        offset, base, sign = 0, node, 1
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and isinstance(node.right, ast.Constant):
            sign = 1 if isinstance(node.op, ast.Add) else -1
            value = node.right.value
            if not isinstance(value, int) or isinstance(value, bool) or value > MAX_EXPONENT:
                raise self.fail(f"offset {value!r} is not allowed; offsets are whole numbers up to {MAX_EXPONENT}; {_ELEMENT_RULE}")
            offset, base = sign * value, node.left
        letter: Literal["i", "j"]
        if isinstance(base, ast.Name) and base.id == "i":
            letter = "i"
        elif isinstance(base, ast.Name) and base.id == "j":
            letter = "j"
        else:
            raise self.fail(f"index {self.source(node)!r} is not allowed; {_ELEMENT_RULE}")
        return letter, offset

    def source(self, node: ast.expr) -> str:
        return self.text[node.col_offset : node.end_col_offset]


_ELEMENT_RULE = "elements are x[i], x[i+1], x[i-2], inside sum(j, ...) also x[j], and A[i,j]; use one of these"
_USAGE = {
    "where": "conditions are a < b, a <= b, a > b or a >= b; write where(a < b, then, else)",
    "sum": "the running index is j; write sum(j, expression in x[j])",
    "mean": "it averages one indexed variable; write mean(x)",
    "delay": "it takes a state variable and a lag; write delay(x, tau)",
}
