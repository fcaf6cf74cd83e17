"""chaosbench: chaotic systems as data, certified trajectories, invariants with error bars, and a forecasting benchmark.

Importing this module loads nothing heavy; each public name is imported on first use.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "system": "chaosbench.dynamics.reader",
    "system_from": "chaosbench.dynamics.reader",
    "read_definition": "chaosbench.dynamics.reader",
    "compile_system": "chaosbench.dynamics.compile",
    "function_system": "chaosbench.dynamics.functions",
    "simulate": "chaosbench.trajectories",
    "generate": "chaosbench.generation",
    "write": "chaosbench.store",
    "open_dataset": "chaosbench.store",
    "evaluate": "chaosbench.evaluation",
    "rank": "chaosbench.ranking",
    "names": "chaosbench.catalogue",
    "load": "chaosbench.catalogue",
    "ChaosbenchError": "chaosbench.errors",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'chaosbench' has no attribute {name!r}; public names are {', '.join(sorted(_PUBLIC))}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
