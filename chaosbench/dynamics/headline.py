"""The first lines of a definition file: what a list shows, read without parsing equations and without NumPy, so that listing stays quick."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.catalogue import systems_folder
from chaosbench.errors import DefinitionError

KINDS = ("flows", "maps", "delays", "fields", "stochastic", "hybrid")


@dataclass(frozen=True)
class Headline:
    """What a list shows of a system: read without parsing its equations."""

    name: str
    kind: str
    title: str
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    dimension: int
    path: Path


def read_headline(path: str | Path) -> Headline:
    """Return name, kind, title, tags, aliases and dimension of the file at `path`, reading as little of it as possible.

    The file is not checked beyond that; `read_definition` does so.
    """
    path = Path(path)
    label = label_of(path)
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(_head(text))
    except tomllib.TOMLDecodeError:  # a multi-line text that looks like a table header: read the whole file
        data = load_toml(text.encode(), label)
    size = next(iter(data.get("size", {}).values()), 0)
    dimension = sum(size if key.endswith("[i]") else 1 for key in data.get("state", {})) + ("forcing_period" in data)
    if "domain" in data:
        dimension = _grid_values(data)
    tags, aliases = (tuple(data.get(key, ())) for key in ("tags", "aliases"))
    return Headline(path.stem, kind_of(path, data, label), str(data.get("title", "")), tags, aliases, dimension, path)


def label_of(path: Path) -> str:
    """Return what messages call the file: relative to the checkout for shipped definitions."""
    if path.parent.parent == systems_folder():
        return f"systems/{path.parent.name}/{path.name}"
    return str(path)


def load_toml(content: bytes, label: str) -> dict[str, Any]:
    """Return the parsed TOML; DefinitionError when it is not TOML in UTF-8."""
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as reason:
        raise DefinitionError(f"{label}: is not UTF-8 text ({reason}); TOML is UTF-8; save it as such") from None
    except tomllib.TOMLDecodeError as reason:
        raise DefinitionError(f"{label}: is not TOML ({reason}); see the grammar in systems/README; correct that line") from None


def kind_of(path: Path, data: Mapping[str, Any], label: str) -> str:
    """Return the kind of a definition: its folder's, else its key `kind`, else flows. Raises DefinitionError when they disagree."""
    folder = path.absolute().parent.name
    given = data.get("kind")
    if given is not None and given not in KINDS:
        raise DefinitionError(f"{label}: kind: {given!r} is not known; kinds are {', '.join(KINDS)}; write one of them")
    if folder not in KINDS:
        return str(given or "flows")
    if given is not None and given != folder:
        raise DefinitionError(
            f"{label}: kind: {given!r} disagrees with the folder {folder!r}; the folder gives the kind; remove the key or move the file"
        )
    return folder


def _grid_values(data: Mapping[str, Any]) -> int:
    """Return how many numbers the fields of a file have on its grid."""
    values = sum(2 if entry.get("complex") else 1 for entry in data["state"].values())
    for axis in data["domain"].values():
        values *= axis["points"]
    return values


def _head(text: str) -> str:
    """Return the top-level keys and the tables [size], [state] and [domain] of a TOML text."""
    kept, keeping = [], True
    for line in text.splitlines():
        if line.startswith("["):
            keeping = line.partition("]")[0].strip("[ ") in ("size", "state", "domain") and not line.startswith("[[")
        if keeping:
            kept.append(line)
    return "\n".join(kept)
