"""What a peer's file defines: one subclass of Peer."""

import importlib
import importlib.util
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from ..measure import Point
from ..problem import Problem


class Peer(ABC):
    """A library that integrates. `distribution` is its name for pip; the file is imported only when it is installed.

    fresh: a program that imports it and computes 1000 samples of Lorenz-63, for the time to a first trajectory.
    """

    distribution: ClassVar[str]
    fresh: ClassVar[str | None] = None

    @property
    def name(self) -> str:
        """The distribution's name."""
        return self.distribution

    @property
    def version(self) -> str:
        """The installed version."""
        return version(self.distribution)

    @abstractmethod
    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield the settings for one trajectory of `problem`."""

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield the settings for all trajectories of `problem`; nothing by default."""
        return iter(())

    def exponents(self, problem: Problem) -> Iterator[tuple[str, Callable[[float], np.ndarray]]]:
        """Yield (method, spectrum over a duration) of `problem`, from its start and without a transient; nothing by default."""
        return iter(())

    def many(self, problem: Problem, method: str, tolerance: float, run: Callable[[], np.ndarray], trajectories: int) -> Point:
        """Return the point of a run that returns the states (B, T, D) of the first `trajectories` trajectories."""
        return Point(self.name, method, f"{tolerance:g}", run, trajectories * problem.samples, partial(ensemble_error, problem))

    def point(
        self, problem: Problem, method: str, tolerance: float, run: Callable[[], np.ndarray], *, samples: int | None = None, slow: bool = False
    ) -> Point:
        """Return the point of a run that returns the states (T, D) of one trajectory."""
        return Point(self.name, method, f"{tolerance:g}", run, problem.samples if samples is None else samples, problem.error, slow)


def installed(only: set[str] | None = None) -> list[Peer]:
    """Return the peers that are installed, found by file; the file's stem is the module they need."""
    folder = importlib.import_module(__package__)
    found = []
    for module in pkgutil.iter_modules(folder.__path__):
        if module.name == "base" or importlib.util.find_spec(module.name) is None or (only is not None and module.name not in only):
            continue
        loaded = importlib.import_module(f"{__package__}.{module.name}")
        [kind] = [item for _, item in inspect.getmembers(loaded, inspect.isclass) if issubclass(item, Peer) and item is not Peer]
        found.append(kind())
    return sorted(found, key=lambda peer: (peer.name != "chaosbench", peer.name))


def ensemble_error(problem: Problem, states: np.ndarray) -> float:
    """Return the median over the judged trajectories of the errors of states (B, T, D)."""
    return float(np.median([problem.error(states[row], row) for row in range(min(problem.judged, len(states)))]))
