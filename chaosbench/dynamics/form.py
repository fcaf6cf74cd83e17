"""The form of a system: a hash that does not depend on names, order of terms or brackets; equal forms mark duplicates.

Guarantee: systems with equal forms have equal expanded equations after some renaming of variables and parameters (SHA-256 collisions
aside). The converse holds for everything the expansion of `expressions.normal` can see, unless the system is so symmetric that the search
meets more than MAX_LEAVES labellings; then equal systems may get different forms, never the reverse. Numbers in equations are compared
exactly, parameters by role only: a system with 2*x and one with a*x differ.
"""

from collections.abc import Mapping

from chaosbench.expressions.encoding import Encoding
from chaosbench.expressions.normal import Terms, normal_form, symbols_in
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tree import Expression
from chaosbench.identity import sha256_of

MAX_LEAVES = 500
_MARK = "!"
Colours = Mapping[str, int]


def form_of(equations: Mapping[str, Expression], scope: Scope, kind: str, others: Mapping[str, str] = {}) -> str:
    """Return the SHA-256 of the least text of the expanded equations over all renamings of variables and parameters.

    others: symbols of the scope that are renamed among themselves only, with what they are.
    """
    expanded = {name: normal_form(tree, scope.size_name) for name, tree in equations.items()}
    present = frozenset().union(*(symbols_in(terms) for terms in expanded.values()))
    roles = {variable.name: f"variable{bool(variable.length)}" for variable in scope.variables}
    roles.update({name: f"parameter{slot.shape}" for name, slot in scope.parameters.items() if name in present})
    roles.update({name: name for name in expanded if name not in roles})  # events
    roles.update({name: role for name, role in others.items() if name in present})
    text = _Search(expanded).least(_ranked({name: (0, role) for name, role in roles.items()}))
    return sha256_of([kind, scope.boundary if scope.size else None, sorted(roles.values()), text])


def _ranked(keys: Mapping[str, tuple[int, str]]) -> dict[str, int]:
    """Return colours 0, 1, ... in the order of `keys`."""
    rank = {key: place for place, key in enumerate(sorted(set(keys.values())))}
    return {name: rank[key] for name, key in keys.items()}


def _split(colours: Colours, chosen: str) -> Colours:
    """Return the colours with one symbol set before the others of its colour."""
    return {name: 2 * colour - (name == chosen) for name, colour in colours.items()}


class _Search:
    """Individualisation and refinement: colour symbols by how they occur, split the first tie in every possible way, keep the least text.

    A way whose first leaf reads like one met below another way of the same tie is left out: the two leaves name a renaming that keeps the equations
    and takes one way to the other, so that nothing new stands below it. Interchangeable symbols thus cost their number, not its factorial.
    """

    def __init__(self, expanded: Mapping[str, Terms]) -> None:
        self.encoding = Encoding()
        self.numbers = {name: self.encoding.number(terms) for name, terms in expanded.items()}
        self.leaves = 0

    def least(self, colours: Colours) -> str:
        return min(self.below(colours))

    def below(self, colours: Colours) -> set[str]:
        """Return the texts of all leaves below a colouring."""
        colours = self.refined(colours)
        tied = self.first_tie(colours)
        if not tied:
            self.leaves += 1
            return {self.text(colours)}
        found: set[str] = set()
        for chosen in tied:
            split = _split(colours, chosen)
            if found and (self.leaves >= MAX_LEAVES or self.first_leaf(split) in found):
                continue
            found |= self.below(split)
        return found

    def first_leaf(self, colours: Colours) -> str:
        colours = self.refined(colours)
        while tied := self.first_tie(colours):
            colours = self.refined(_split(colours, tied[0]))
        return self.text(colours)

    def refined(self, colours: Colours) -> Colours:
        """Split colours by the equations a symbol occurs in, until nothing splits."""
        while True:
            plain = {name: str(colour) for name, colour in colours.items()}
            written: dict[int, str] = {}
            for number in self.numbers.values():
                self.encoding.text(number, plain, written)
            keys = {name: (colour, self.signature(name, plain, written)) for name, colour in colours.items()}
            finer = _ranked(keys)
            if len(set(finer.values())) == len(set(colours.values())):
                return finer
            colours = finer

    def signature(self, symbol: str, plain: Mapping[str, str], written: Mapping[int, str]) -> str:
        """Return the equations as `symbol` sees them: itself marked, all others by colour."""
        marked = {**plain, symbol: _MARK}
        known = {number: text for number, text in written.items() if symbol not in self.encoding.symbols[number]}
        return ";".join(sorted(f"{marked[name]}={self.encoding.text(number, marked, known)}" for name, number in self.numbers.items()))

    def first_tie(self, colours: Colours) -> list[str]:
        members: dict[int, list[str]] = {}
        for name, colour in colours.items():
            members.setdefault(colour, []).append(name)
        return next((members[colour] for colour in sorted(members) if len(members[colour]) > 1), [])

    def text(self, colours: Colours) -> str:
        plain = {name: str(colour) for name, colour in colours.items()}
        written: dict[int, str] = {}
        order = sorted(self.numbers, key=lambda name: colours[name])
        return ";".join(f"{plain[name]}={self.encoding.text(self.numbers[name], plain, written)}" for name in order)
