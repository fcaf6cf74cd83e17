"""Find plug-ins by file stem: nothing to register, no list to edit.

`names(kind)` lists a folder without importing anything; `load(kind, name)` imports one file and returns the one public subclass of the kind's
base class defined in it. Two more doors: entry points in the group `chaosbench.<kind>`, and an explicit path (anything that ends in .py).
Systems are data, so for them `system_files()` and `system_file(name)` return paths and `dynamics.reader` reads them.
"""

import contextlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from chaosbench.errors import CatalogueError, NotInstalledError, nearest

PACKAGE = Path(__file__).resolve().parent
PLUGIN_KINDS = ("integrators", "invariants", "forecasters", "metrics", "references")
_OPTIONAL = {"torch": "torch", "zarr": "zarr", "chronos": "chronos", "pysindy": "pysindy"}


def data_folder(shipped: str, checkout: str) -> Path:
    """Return package data: `shipped` inside an installed package, `checkout` relative to the root of a source checkout."""
    inside = PACKAGE / shipped
    return inside if inside.is_dir() else PACKAGE.parent / checkout


def systems_folder() -> Path:
    """Return the folder that holds the system definitions."""
    return data_folder("_systems", "systems")


def names(kind: str) -> tuple[str, ...]:
    """Return the sorted names of all plug-ins of `kind`, without importing them."""
    return tuple(sorted(_sources(kind)))


def load(kind: str, name: str | Path) -> type[Any]:
    """Return the class called `name` (a file stem, an entry point, or a path to a .py file).

    Raises CatalogueError for an unknown name (with the nearest one) or a file without exactly one public subclass; NotInstalledError when
    the plug-in needs an extra that is missing.
    """
    text = str(name)
    if text.endswith(".py"):
        return _one_class(kind, _module_from_path(Path(text)), text)
    sources = _sources(kind)
    if text not in sources:
        raise CatalogueError(f"{kind}: unknown name {text!r}; known are {', '.join(sorted(sources))}{nearest(text, sources)}")
    source = sources[text]
    try:
        if isinstance(source, Path):
            return _one_class(kind, importlib.import_module(f"chaosbench.{kind}.{text}"), str(source))
        loaded = source.load()
    except ModuleNotFoundError as missing:
        top = (missing.name or "").partition(".")[0]
        if top not in _OPTIONAL:
            raise
        raise NotInstalledError(f"{kind} {text!r} needs {top}, which is not installed; pip install 'chaosbench[{_OPTIONAL[top]}]'") from missing
    if not (inspect.isclass(loaded) and issubclass(loaded, _base(kind))):
        raise CatalogueError(f"{kind}: entry point {text!r} gives {loaded!r}; it must be a subclass of {_base(kind).__name__}")
    return loaded


def available(kind: str) -> Mapping[str, type[Any]]:
    """Return {name: class} of the plug-ins of `kind` whose libraries are installed here; all of them are imported."""
    found: dict[str, type[Any]] = {}
    for name in names(kind):
        with contextlib.suppress(NotInstalledError):
            found[name] = load(kind, name)
    return found


MEASURED_SCHEMA = 2  # of the files in systems/measured


def system_files() -> Mapping[str, Path]:
    """Return {name: path} of every definition: the shipped folder and entry points of the group `chaosbench.systems`."""
    found: dict[str, Path] = {}
    for path in sorted(systems_folder().glob("*/*.toml")) + [extra for folder in _system_folders() for extra in sorted(folder.glob("*/*.toml"))]:
        if path.stem in found:
            raise CatalogueError(f"two definitions are called {path.stem!r}: {found[path.stem]} and {path}; rename one")
        found[path.stem] = path
    return found


def system_file(name: str) -> Path:
    """Return the path of the definition called `name`, or `name` itself when it is a path to a .toml file."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise CatalogueError(f"no definition file at {name}; give the name of a system or the path of a .toml file")
        return path
    files = system_files()
    if name not in files:
        raise CatalogueError(f"unknown system {name!r}{nearest(name, files)}; `chaosbench list` shows all {len(files)}")
    return files[name]


@cache
def _system_folders() -> tuple[Path, ...]:
    folders = []
    for entry in entry_points(group="chaosbench.systems"):
        spec = importlib.util.find_spec(entry.value)
        folders += [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return tuple(folders)


@cache
def _sources(kind: str) -> Mapping[str, Any]:
    if kind not in PLUGIN_KINDS:
        raise CatalogueError(f"unknown kind {kind!r}; kinds are {', '.join(PLUGIN_KINDS)}")
    found: dict[str, Any] = {
        path.stem: path for path in sorted((PACKAGE / kind).glob("*.py")) if path.stem != "base" and not path.stem.startswith("_")
    }
    for entry in entry_points(group=f"chaosbench.{kind}"):
        if entry.name in found:
            raise CatalogueError(f"{kind}: entry point {entry.name!r} ({entry.value}) hides {found[entry.name]}; rename it")
        found[entry.name] = entry
    return found


def _base(kind: str) -> type[Any]:
    base: type[Any] = getattr(importlib.import_module(f"chaosbench.{kind}.base"), kind[:-1].capitalize())
    return base


def _module_from_path(path: Path) -> Any:
    if not path.is_file():
        raise CatalogueError(f"no file at {path}; give a name from the catalogue or the path of a .py file")
    name = f"_chaosbench_plugin_{path.stem}_{abs(hash(str(path.resolve())))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CatalogueError(f"{path} cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _one_class(kind: str, module: Any, where: str) -> type[Any]:
    base = _base(kind)
    found = [
        item
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, base) and item.__module__ == module.__name__ and not name.startswith("_")
    ]
    if len(found) != 1:
        raise CatalogueError(f"{where} holds {len(found)} public subclasses of {base.__name__}; exactly one is needed (start the others with _)")
    return found[0]
