"""Which systems a command is about: read from headlines and stored facts alone, without NumPy."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from chaosbench.catalogue import MEASURED_SCHEMA, system_files, systems_folder
from chaosbench.dynamics.headline import KINDS, Headline, read_headline
from chaosbench.errors import CatalogueError, nearest

KindOption = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only systems of this kind: flows, maps, delays or hybrid.")]
TagOption = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only systems with this tag.")]
RegimeOption = Annotated[str | None, typer.Option("--regime", metavar="REGIME", help="Only systems measured to be in this regime, such as chaotic.")]
DimensionOption = Annotated[str | None, typer.Option("--dimension", metavar="RANGE", help="Only systems of this dimension: 3, 4..10 or 10.. .")]
ExponentOption = Annotated[
    str | None, typer.Option("--exponent", metavar="RANGE", help="Only systems whose largest measured exponent is in this range: 0.1..1 or 0.5.. .")
]


@dataclass(frozen=True)
class Entry:
    """A system and what was measured of it at its default parameters; `facts` is None when nothing was."""

    headline: Headline
    facts: Mapping[str, Any] | None

    @property
    def told(self) -> dict[str, Any]:
        """What every listing as JSON begins with."""
        headline = self.headline
        return {"name": headline.name, "aliases": list(headline.aliases), "kind": headline.kind, "dimension": headline.dimension}

    @property
    def regime(self) -> str | None:
        """As measured."""
        return None if self.facts is None else str(self.facts["regime"])

    @property
    def exponent(self) -> float | None:
        """The largest exponent."""
        return None if self.facts is None else float(self.facts["lyapunov_spectrum"]["value"][0])


def entries(names: Sequence[str] = ()) -> list[Entry]:
    """Return the entries of `names`, all of the catalogue when there are none. Raises CatalogueError for an unknown name."""
    files = system_files()
    for name in names:
        if name not in files:
            raise CatalogueError(f"unknown system {name!r}{nearest(name, files)}; `chaosbench list` shows all {len(files)}")
    return [Entry(read_headline(files[name]), _facts(name)) for name in (list(names) or files)]


def selected(
    found: list[Entry], *, kind: str | None, tag: str | None, regime: str | None, dimension: str | None, exponent: str | None
) -> list[Entry]:
    """Return the entries that fit every option that is not None. Raises CatalogueError for a value that no entry could fit."""
    _check("--kind", kind, KINDS)
    _check("--tag", tag, sorted({word for entry in found for word in entry.headline.tags}))
    _check("--regime", regime, sorted({entry.regime for entry in found if entry.regime is not None}))
    sizes, growths = _range("--dimension", dimension), _range("--exponent", exponent)
    return [
        entry
        for entry in found
        if kind in (None, entry.headline.kind)
        and (tag is None or tag in entry.headline.tags)
        and regime in (None, entry.regime)
        and (sizes is None or sizes[0] <= entry.headline.dimension <= sizes[1])
        and (growths is None or (entry.exponent is not None and growths[0] <= entry.exponent <= growths[1]))
    ]


def _facts(name: str) -> Mapping[str, Any] | None:
    path = systems_folder() / "measured" / f"{name}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as reason:
        raise CatalogueError(f"{path}: not JSON ({reason}); measure the system again") from reason
    return found if found.get("schema") == MEASURED_SCHEMA else None


def _check(option: str, given: str | None, known: Iterable[str]) -> None:
    if given is not None and given not in (choices := list(known)):
        raise CatalogueError(f"{option} {given}: there is none; choose from {', '.join(choices)}{nearest(given, choices)}")


def _range(option: str, text: str | None) -> tuple[float, float] | None:
    """Return (3, 3) for "3", (4, 10) for "4..10", with infinity for an end that is left out."""
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        bounds = (float(low or "-inf"), float((high if dots else low) or "inf"))
    except ValueError:
        bounds = (1.0, 0.0)
    if not bounds[0] <= bounds[1] or not (low or high):
        raise CatalogueError(f"{option} {text}: not a range; write a number, or LOW..HIGH with either end left out, such as 3..10 or 4..")
    return bounds
