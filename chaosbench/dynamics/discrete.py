"""Variables that no equation moves: what [equations] may say of them, and where events use abbreviations."""

from collections.abc import Iterator, Mapping
from typing import Any

from chaosbench.dynamics.fields import entries_of, table_of
from chaosbench.dynamics.symbols import Symbols
from chaosbench.errors import DefinitionError
from chaosbench.expressions.tree import ZERO, Expression


def check_discrete(table: Mapping[str, Any], symbols: Symbols, kind: str, label: str) -> dict[str, Expression]:
    """Return the rate 0 of every discrete variable; DefinitionError for one outside `hybrid`, with an equation, with cells, or alone."""
    found = {entry.name: entry for entry in symbols.state if entry.discrete}
    for name, entry in found.items():
        if kind != "hybrid":
            raise DefinitionError(f"{label}: state.{name}.discrete: stands in a file of kind {kind!r}; only events change such a variable; remove it")
        if entry.indexed or entry.period is not None:
            raise DefinitionError(f"{label}: state.{name}: is discrete with cells or a period; a discrete variable is one number; write it out")
        if name in table:
            raise DefinitionError(f"{label}: equations.{name}: {name!r} is discrete; it changes by resets alone; remove the equation or `discrete`")
    if len(found) == len(symbols.state):
        raise DefinitionError(f"{label}: state: every variable is discrete; between events something moves; add a variable with an equation")
    return dict.fromkeys(found, ZERO)


def event_texts(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield every formula of [[event]] that may use abbreviations, as written."""
    for entry, where in entries_of(data, "event", ""):
        yield from (str(entry[key]) for key in ("guard", "when") if key in entry)
        for holder in (entry, table_of(entry, "rest", where)):
            yield from map(str, table_of(holder, "reset", where).values())
