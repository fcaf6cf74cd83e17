"""LaTeX of this package to MathML, which browsers draw without a script, a font file or a network."""

import re
from html import escape

_GREEK = (
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ sigma σ tau τ "
    "upsilon υ phi ϕ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω"
)
_LETTERS = dict(zip(_GREEK.split()[::2], _GREEK.split()[1::2], strict=True))
_SIGNS = {"mapsto": "↦", "cdot": "·", "times": "×", "le": "≤", "ge": "≥", "uparrow": "↑", "downarrow": "↓", "updownarrow": "↕", "circ": "∘"}
_SYMBOLS = {"partial": "∂", "nabla": "∇"}
_FENCES = {"lfloor": "⌊", "rfloor": "⌋", "langle": "⟨", "rangle": "⟩"}
_FUNCTIONS = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "min", "max", "arcsin", "arccos", "arctan"})
_SPACES = {"\\ ": "0.35em", "\\quad": "1em"}
_TOKEN = re.compile(r"\s*(\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S)", re.DOTALL)
_TALL = ("<mfrac", "<msqrt", "<mtable", "<munderover")  # around anything else, fonts without mathematics draw brackets far too high
_FIXED = ' stretchy="false"'
_APPLY, _FACTOR = "<mo>\u2061</mo>", '<mspace width="0.18em"/>'


def mathml(latex: str) -> str:
    """Return `latex`, in math mode as `latex.latex` and `printing.equations_in_latex` write it, as one displayed <math> element.

    Raises ValueError for a command that they do not use.
    """
    reader = _Reader(latex)
    body = reader.row(frozenset())
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">{body}</math>'


class _Reader:
    def __init__(self, latex: str) -> None:
        found = list(_TOKEN.finditer(latex))
        self.tokens = [match.group(1) for match in found]
        self.spaced = [match.start(1) > match.start() for match in found]
        self.place = 0

    def next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def row(self, stop: frozenset[str]) -> str:
        """Return everything up to a token in `stop` (not taken) or the end as one <mrow>; a space between two operands is a product."""
        parts: list[str] = []
        operand = False
        while self.peek() and self.peek() not in stop:
            spaced = self.spaced[self.place]
            part, is_operand = self.scripted()
            if operand and is_operand and spaced:
                parts.append(_FACTOR)
            parts.append(part)
            operand = is_operand
        return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"

    def group(self) -> str:
        """Return what stands between braces."""
        self.expect("{")
        body = self.row(frozenset("}"))
        self.expect("}")
        return body

    def text(self) -> str:
        """Return the letters between braces."""
        self.expect("{")
        parts = []
        while self.peek() != "}":
            parts.append(self.next())
        self.expect("}")
        return "".join(parts)

    def expect(self, token: str) -> None:
        if self.peek() != token:
            raise ValueError(f"{self.peek()!r} found where {token!r} is needed")
        self.place += 1

    def scripted(self) -> tuple[str, bool]:
        """Return one atom with its subscript and superscript, and whether it is an operand."""
        function = self.peek().removeprefix("\\") in _FUNCTIONS or self.peek() == "\\operatorname"
        over = self.peek() == "\\sum"
        base, operand = self.atom()
        scripts = {}
        while self.peek() in ("_", "^"):
            which = self.next()
            scripts[which] = self.group()
        if len(scripts) == 2:
            tag = "munderover" if over else "msubsup"
            base = f"<{tag}>{base}{scripts['_']}{scripts['^']}</{tag}>"
        elif scripts:
            tag = "msub" if "_" in scripts else "msup"
            base = f"<{tag}>{base}{next(iter(scripts.values()))}</{tag}>"
        return base + (_APPLY if function else ""), operand

    def atom(self) -> tuple[str, bool]:
        token = self.next()
        name = token.removeprefix("\\") if len(token) > 1 and token[1].isalpha() else ""
        if token[0].isdigit():
            return f"<mn>{token}</mn>", True
        if token in _SPACES:
            return f'<mspace width="{_SPACES[token]}"/>', False
        if not name:
            return (f"<mi>{token}</mi>", True) if token.isalpha() else (f"<mo>{escape('−' if token == '-' else token)}</mo>", False)
        if name in _LETTERS or name in _SYMBOLS:
            return f"<mi>{_LETTERS.get(name) or _SYMBOLS[name]}</mi>", True
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi>", True
        if name in _SIGNS:
            return f"<mo>{_SIGNS[name]}</mo>", False
        return self.command(name)

    def command(self, name: str) -> tuple[str, bool]:
        match name:
            case "frac":
                return f"<mfrac>{self.group()}{self.group()}</mfrac>", True
            case "sqrt":
                return f"<msqrt>{self.group()}</msqrt>", True
            case "dot":
                return f'<mover accent="true">{self.group()}<mo>˙</mo></mover>', True
            case "overline":
                return f'<mover accent="true">{self.group()}<mo>¯</mo></mover>', True
            case "mathrm" | "operatorname":
                letters = self.text()
                upright = ' mathvariant="normal"' if len(letters) == 1 else ""  # longer names are upright already
                return f"<mi{upright}>{escape(letters)}</mi>", True
            case "text":
                return f"<mtext>{escape(self.text())}</mtext>", True
            case "bmod":
                return "<mo>mod</mo>", False
            case "sum":
                return '<mo movablelimits="false">∑</mo>', True
            case "left":
                before = self.next()
                body = self.row(frozenset({"\\right"}))
                self.expect("\\right")
                grows = any(tag in body for tag in _TALL)
                return f"<mrow>{_fence(before, grows)}{body}{_fence(self.next(), grows)}</mrow>", True
            case "begin":
                return self.environment(self.text()), True
        raise ValueError(f"\\{name} has no MathML here; add it to chaosbench/expressions/mathml.py")

    def environment(self, name: str) -> str:
        """Return `aligned` or `cases` as a table."""
        rows: list[list[str]] = [[]]
        stop = frozenset({"&", "\\\\", "\\end"})
        while True:
            rows[-1].append(self.row(stop))
            token = self.next()
            if token == "\\\\":
                rows.append([])
            elif token == "\\end":
                self.text()
                break
        body = "".join("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in row) + "</mtr>" for row in rows)
        table = f'<mtable class="{escape(name)}" displaystyle="true">{body}</mtable>'
        return f"<mrow><mo>{{</mo>{table}</mrow>" if name == "cases" else table


def _fence(token: str, grows: bool) -> str:
    return f"<mo{'' if grows else _FIXED}>{escape(_FENCES.get(token.removeprefix(chr(92)), token))}</mo>"
