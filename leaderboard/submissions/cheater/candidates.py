"""The systems that the cheater knows: flows and maps of the registry at their parameters, how they are seen, and long runs of them."""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from alignment import TENSORS, Moments, moments

from chaosbench import __version__, compile_system, simulate, system
from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import ChaosbenchError
from chaosbench.facts import load_facts
from chaosbench.folders import cache_folder, write_whole
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState, Integrator

CHAOS = ("chaotic", "hyperchaotic", "conservative", "conservative-mixed")
RUNS, SAMPLES, PER_PERIOD = 8, 6000, 60.0
_RTOL, _ATOL = 1e-10, 1e-13


@dataclass(frozen=True)
class Candidate:
    """One system at one set of parameters. seen: number of components a forecaster sees, angles as cosine and sine."""

    definition: SystemDefinition
    label: str

    @cached_property
    def system(self) -> CompiledSystem:
        """The compiled system."""
        return compile_system(self.definition)

    @cached_property
    def integrator(self) -> Integrator:
        """The package's own choice for the system."""
        return choose(self.system).integrator

    @property
    def seen(self) -> int:
        """Components after angles became pairs."""
        return self.definition.dimension + int(np.isfinite(self.definition.periods).sum())

    def show(self, states: np.ndarray) -> np.ndarray:
        """Return states (..., D) as they are seen (..., seen)."""
        parts = []
        for column, period in enumerate(self.definition.periods):
            x = states[..., column]
            turn = 2 * np.pi * x / period
            parts += [np.cos(turn), np.sin(turn)] if np.isfinite(period) else [x]
        return np.stack(parts, axis=-1)

    def hide(self, seen: np.ndarray) -> np.ndarray:
        """Return the states (..., D) of what is seen (..., seen): the angle of each pair, whatever its length."""
        parts, column = [], 0
        for period in self.definition.periods:
            if np.isfinite(period):
                parts.append(np.arctan2(seen[..., column + 1], seen[..., column]) % (2 * np.pi) * period / (2 * np.pi))
                column += 2
            else:
                parts.append(seen[..., column])
                column += 1
        return np.stack(parts, axis=-1)

    def flow(self, states: np.ndarray, times: np.ndarray, parameters: np.ndarray | None = None, rtol: float = _RTOL) -> np.ndarray:
        """Return (B, len(times), D) from states (B, D); NaN after a failure. parameters: (B, P), default the definition's."""
        rows = np.broadcast_to(self.system.parameter_values, (len(states), self.system.n_parameters)) if parameters is None else parameters
        start = InitialState(np.ascontiguousarray(states))
        solved = self.integrator.solve(self.system, start, times, parameters=np.ascontiguousarray(rows), rtol=rtol, atol=_ATOL, threads=1)
        return np.asarray(solved.states)

    def reference(self) -> tuple[Moments, float]:
        """Return moments on the attractor and the sampling interval; kept in the cache folder. Raises DatasetError where states leave."""
        path = cache_folder() / "cheater" / f"{self.definition.identity}-{__version__}.npz"
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                tensors = tuple(file[f"tensor{number}"] for number in range(TENSORS))
                return Moments(file["mean"], file["whitening"], float(file["rate"]), tensors), float(file["dt"])
        except (OSError, ValueError, KeyError, EOFError):
            pass
        facts = None if self.definition.discrete else load_facts(self.definition)
        dt = None if facts is None else facts.period / PER_PERIOD
        dataset = simulate(self.definition, n_trajectories=RUNS, n_samples=SAMPLES, seed=0, dt=dt, rtol=1e-7, atol=1e-10, threads=1)
        found = moments(list(self.show(np.asarray(dataset["state"].values))), self.definition.discrete)
        interval = float(dataset["time"].values[1] - dataset["time"].values[0])
        buffer = io.BytesIO()
        numbered = {f"tensor{number}": tensor for number, tensor in enumerate(found.tensors)}
        np.savez(buffer, mean=found.mean, whitening=found.whitening, rate=found.rate, dt=interval, **numbered)
        with suppress(OSError):  # a folder that may not be written: measured again next time
            write_whole(path, buffer.getvalue())
        return found, interval


def candidates(seen: int, discrete: bool) -> Iterator[Candidate]:
    """Yield the chaotic systems and variants of which `seen` components are seen."""
    for name, path in system_files().items():
        if path.parent.name != ("maps" if discrete else "flows"):
            continue
        try:
            definition = system(name)
        except ChaosbenchError:
            continue
        facts = load_facts(definition)
        here = [] if facts is not None and facts.regime not in CHAOS else [Candidate(definition, name)]
        here += [Candidate(definition.variant(v.name), f"{name} ({v.name})") for v in definition.variants if v.regime in CHAOS and not v.points]
        yield from (candidate for candidate in here if candidate.seen == seen)
