"""Systems by the names other libraries give them, with their parameters and our equations.

    from chaosbench import compat, simulate
    simulate(compat.resolve("Lorenz"), n_trajectories=4, n_samples=1000, seed=0)

Every name is a [[peer]] entry of a definition file. Equations are the corrected ones: what is wrong in the other library is told by `problems`, and
listed in docs/corrections.md.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from chaosbench.catalogue import system_files
from chaosbench.dynamics.annotations import LIBRARIES
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.parts import Peer
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import CatalogueError, nearest

__all__ = ["LIBRARIES", "names", "peer", "problems", "resolve"]


def names(library: str = "dysts") -> tuple[str, ...]:
    """Return the names of `library` that resolve, sorted. Raises CatalogueError for an unknown library."""
    if library not in LIBRARIES:
        raise CatalogueError(f"library {library!r} is not known; libraries are {', '.join(LIBRARIES)}{nearest(library, LIBRARIES)}")
    return tuple(sorted(name for place, name in _places() if place == library))


def resolve(name: str, *, library: str = "dysts") -> SystemDefinition:
    """Return our definition of the system that `library` calls `name`, at the default parameters of that library.

    Raises CatalogueError for an unknown name or library.
    """
    definition, found = peer(name, library=library)
    return definition.with_parameters(found.parameters) if found.parameters else definition


def problems(name: str, *, library: str = "dysts") -> tuple[str, ...]:
    """Return what is wrong with equations and default parameters of the system `library` calls `name`, a sentence or two each."""
    _, found = peer(name, library=library)
    return tuple(text for text in (found.wrong_equations, found.wrong_parameters) if text)


def peer(name: str, *, library: str = "dysts") -> tuple[SystemDefinition, Peer]:
    """Return our definition, at our parameters, and its entry for the other library. Raises CatalogueError for an unknown name or library."""
    known = names(library)
    if name not in known:
        listed = f"compat.names({library!r}) lists {len(known)}"
        raise CatalogueError(f"{library} has no system {name!r} that is known here{nearest(name, known)}; {listed}")
    definition = read_definition(_places()[library, name])
    return definition, next(entry for entry in definition.peers if (entry.library, entry.name) == (library, name))


@cache
def _places() -> Mapping[tuple[str, str], Path]:
    """Return {(library, name): file}; raises CatalogueError when two files claim one name."""
    found: dict[tuple[str, str], Path] = {}
    for path in system_files().values():
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("peer", []):
            key = (str(entry.get("library")), str(entry.get("name")))
            if key in found:
                raise CatalogueError(f"{key[0]} {key[1]!r} is named by {found[key]} and {path}; one of the two is wrong; remove its [[peer]] entry")
            found[key] = path
    return MappingProxyType(found)
