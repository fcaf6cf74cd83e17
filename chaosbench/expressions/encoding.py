"""Text of normal forms under many colourings of their symbols: a part is written again only where a symbol in it has another colour."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chaosbench.expressions.normal import Terms, symbols_in


class _Atom(NamedTuple):
    """One factor: `symbol` with the text after it, or parts in brackets, in the order of their texts where `free`."""

    tag: str
    symbol: str
    rest: str
    parts: tuple[int, ...]
    free: bool


class Encoding:
    """The distinct parts of some normal forms, by number. `number` adds a form, `text` writes one."""

    def __init__(self) -> None:
        self._numbers: dict[Terms, int] = {}
        self._sums: list[list[tuple[str, list[tuple[_Atom, int]]]]] = []
        self.symbols: list[frozenset[str]] = []

    def number(self, terms: Terms) -> int:
        """Return the number of `terms`, of which every part gets one, too."""
        if terms not in self._numbers:
            rows = [(str(factor), [(self._atom(atom), exponent) for atom, exponent in monomial]) for monomial, factor in terms]
            self._numbers[terms] = len(self._sums)
            self._sums.append(rows)
            self.symbols.append(symbols_in(terms))
        return self._numbers[terms]

    def _atom(self, atom: Any) -> _Atom:
        tag = atom[0]
        if tag == "delay":
            return _Atom(tag, atom[1], "", (self.number(atom[2]),), False)
        if tag in ("name", "cell"):
            return _Atom(tag, atom[1], ",".join(str(part) for part in atom[2:]), (), False)
        inside = atom[2] if tag == "call" else atom[1:]
        return _Atom(atom[1] if tag == "call" else tag, "", "", tuple(self.number(part) for part in inside), isinstance(inside, frozenset))

    def text(self, number: int, colour: Mapping[str, str], written: dict[int, str]) -> str:
        """Return text that depends on names through `colour` only (names without a colour, such as pi, stand as they are).

        written: what is known of this colouring by number; added to.
        """
        if number not in written:
            rows = []
            for factor, monomial in self._sums[number]:
                rows.append(factor + "".join(sorted(f"*{self._factor(atom, colour, written)}^{exponent}" for atom, exponent in monomial)))
            written[number] = "(" + "+".join(sorted(rows)) + ")"
        return written[number]

    def _factor(self, atom: _Atom, colour: Mapping[str, str], written: dict[int, str]) -> str:
        parts = [self.text(part, colour, written) for part in atom.parts]
        inside = ",".join(sorted(parts) if atom.free else parts)
        return f"{atom.tag}[{colour.get(atom.symbol, atom.symbol)}|{atom.rest}{inside}]" if atom.symbol else f"{atom.tag}[{inside}]"
