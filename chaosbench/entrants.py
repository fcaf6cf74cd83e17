"""Who takes part: a forecaster or reference with its options, named, versioned and identified by the source that makes its numbers."""

import ast
import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chaosbench.answers import Failure
from chaosbench.catalogue import load, names
from chaosbench.errors import ForecasterError, NotInstalledError, nearest
from chaosbench.forecasters.base import Forecaster
from chaosbench.references.base import Reference

_PACKAGES = ("chaosbench.forecasters", "chaosbench.references")
UNKNOWN_SOURCE = ""


@dataclass(frozen=True)
class Entrant:
    """A forecaster, or a reference, to evaluate.

    make: returns a fresh, unfitted forecaster (or the reference) when called with the options. source_sha256: empty when the source cannot be
    identified; finished cells are then not kept. missing: why it cannot be loaded here, or None. reference: whether it is one. deterministic: whether
    another seed gives the same answer; None where it cannot be told.
    """

    name: str
    version: str
    source_sha256: str
    make: Callable[..., Any] | None
    options: Mapping[str, Any] = field(default_factory=dict)
    missing: Failure | None = None
    reference: bool = False
    deterministic: bool | None = None


def entrant(forecaster: str | Path | type[Forecaster] | type[Reference] | Callable[..., Forecaster], options: Mapping[str, Any]) -> Entrant:
    """Return the entrant meant by a name in the catalogue of forecasters or references, the path of a .py file, a class, or a callable.

    A callable returns a fresh forecaster. A class may carry `name` and `source_sha256` of its own (a wrapper around foreign code does). The options
    of a bare callable cannot be seen, so it has no source hash; functools.partial of a class is unwrapped instead. Raises CatalogueError or
    ForecasterError.
    """
    if isinstance(forecaster, (str, Path)):
        name = Path(forecaster).stem
        try:
            loaded: type[Any] = load(_kind_of(str(forecaster)), forecaster)
        except NotInstalledError as missing:
            return Entrant(name, "", UNKNOWN_SOURCE, None, dict(options), Failure("not_installed", str(missing)))
        return _of_class(name, loaded, options)
    if isinstance(forecaster, partial) and inspect.isclass(forecaster.func) and not forecaster.args:
        wrapped: Any = forecaster.func
        return entrant(wrapped, {**forecaster.keywords, **options})
    if inspect.isclass(forecaster):
        if not issubclass(forecaster, (Forecaster, Reference)):
            raise ForecasterError(f"{forecaster!r} is not a subclass of Forecaster; derive it from chaosbench.forecasters.base.Forecaster")
        return _of_class(class_name(forecaster), forecaster, options)
    if not callable(forecaster):
        raise ForecasterError(f"{forecaster!r} is no catalogue name, class or callable; pass the class, with its arguments in options={{...}}")
    example = forecaster(**options)
    if not isinstance(example, Forecaster):
        raise ForecasterError(f"{forecaster!r} returned {type(example).__name__}; it must return a Forecaster")
    deterministic = example.deterministic
    return Entrant(class_name(type(example)), example.version, UNKNOWN_SOURCE, forecaster, dict(options), deterministic=deterministic)


def _of_class(name: str, entering: type[Any], options: Mapping[str, Any]) -> Entrant:
    reference = issubclass(entering, Reference)
    deterministic = None if reference else bool(entering.deterministic)
    return Entrant(name, entering.version, source_sha256(entering), entering, dict(options), reference=reference, deterministic=deterministic)


def _kind_of(name: str) -> str:
    """Return in which catalogue `name` stands; for an unknown one that which has the nearest name, else the forecasters."""
    forecasters, references = names("forecasters"), names("references")
    if name.endswith(".py") or name in forecasters:
        return "forecasters"
    return "references" if name in references or (nearest(name, references) and not nearest(name, forecasters)) else "forecasters"


def class_name(forecaster: type[Forecaster] | type[Reference]) -> str:
    """Return the name of a forecaster's or reference's class: its own `name`, its file's stem in the catalogue, else the name of the class."""
    own = getattr(forecaster, "name", None)
    if isinstance(own, str):
        return own
    package, _, stem = forecaster.__module__.rpartition(".")
    return stem if package in _PACKAGES else forecaster.__name__


def source_sha256(forecaster: type[Forecaster] | type[Reference]) -> str:
    """Return a hash over the class's file and the shared cores it imports from the same folder; empty for a class without a file."""
    own = getattr(forecaster, "source_sha256", None)
    if isinstance(own, str):
        return own
    try:
        path = Path(inspect.getfile(forecaster))
    except (TypeError, OSError):
        return UNKNOWN_SOURCE
    if not path.is_file():
        return UNKNOWN_SOURCE
    digest = hashlib.sha256()
    for source in sorted(_with_cores(path, set()), key=lambda item: item.name):
        digest.update(f"{source.name}:{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _with_cores(path: Path, seen: set[Path]) -> set[Path]:
    """Return `path` and every file of these packages that it imports, followed through."""
    if path not in seen:
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_PACKAGES):
                # "from package import _core" and "from package._core import thing" both lead to files
                for module in (node.module, *(f"{node.module}.{item.name}" for item in node.names)):
                    origin = _file_of(module)
                    if origin is not None and origin.name not in ("__init__.py", "base.py"):
                        _with_cores(origin, seen)
    return seen


def _file_of(module: str) -> Path | None:
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found is not None and found.origin is not None and found.origin.endswith(".py") else None
