"""The mean free time: how long a hybrid system goes on average from one event to the next."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from chaosbench.errors import InvariantError, nearest
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._block_error import BlockMean, block_mean, student_quantile
from chaosbench.invariants._reports import compiled_subject
from chaosbench.invariants._transients import default_transient, time_scale
from chaosbench.invariants.base import Estimate, EstimateStatus, Invariant
from chaosbench.settling import on_attractor

_PARTS, _FIRST, _MOST = 64, 256.0, 64
_SOURCE = "N. Chernov, Entropy, Lyapunov exponents, and mean free path for billiards, J. Stat. Phys. 88, 1-29 (1997), doi:10.1007/BF02508462"


class MeanFreeTime(Invariant):
    """Time over number of events; with `events` those of the given names alone.

    Method: events are counted along independent orbits, after the transient, in 64 equal parts of each. Error: that of the mean rate of events,
    from the scatter of the orbits' means, over the square of the rate. Known exactly for billiards at speed 1: pi A / P inside a wall of perimeter
    P around an area A, and (1 - pi R^2) / (2 R) outside a disc on the unit torus.
    """

    kinds = ("hybrid",)
    unit = "units of time"
    requires = "system"
    source = _SOURCE

    def __init__(self, *, events: tuple[str, ...] | None = None, starts: int = 32, rtol: float = 1e-9) -> None:
        self.events, self.starts, self.rtol = events, starts, rtol

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure the mean free time (a float); see `Invariant.estimate`. duration: system time summed over the orbits.

        Raises InvariantError for a name that no event has, and where nothing happened.
        """
        system = compiled_subject(subject, self.kinds, "the mean free time")
        if (target_error is None) == (duration is None):
            raise InvariantError(f"target_error = {target_error!r} and duration = {duration!r}: give exactly one of the two")
        goal = target_error if duration is None else duration
        if goal is None or not (np.isfinite(goal) and goal > 0):
            raise InvariantError(f"{'target_error' if duration is None else 'duration'} = {goal!r}: must be finite and positive")
        counted = self._counted([event.name for event in system.definition.events])
        transient = default_transient(system)
        initial = on_attractor(system, n=self.starts, seed=seed, purpose="free times", transient=transient)
        length = duration / self.starts if duration is not None else _FIRST * time_scale(system)
        rates, status = np.empty((self.starts, 0)), np.zeros(self.starts, dtype=np.int8)
        for attempt in range(1 if duration is not None else _MOST):
            more, ended, initial = _rates(system, initial, length, counted, self.rtol)
            rates, status = np.concatenate([rates, more], axis=1), np.maximum(status, ended)
            statistics = block_mean(rates[status == Status.OK][:, :, None]) if (status == Status.OK).any() else None
            value, error = _inverted(statistics)
            if progress is not None:
                progress(min(1.0, (attempt + 1) / _MOST), f"standard error {error:.2g}")
            if statistics is None or (target_error is not None and error <= target_error):
                break
        if progress is not None:
            progress(1.0, "done")
        if statistics is None or not np.isfinite(value):
            raise InvariantError(
                f"{system.definition.name}: no event was counted over {rates.shape[1] * length / _PARTS:g} units of time; ask for more"
            )
        reach = student_quantile(0.975, statistics.degrees) * error
        verdict, reason = _verdict(status, statistics, error, target_error)
        settings = {
            "system": system.definition.name,
            "identity": system.definition.identity,
            "seed": seed,
            "starts": self.starts,
            "events": self.events,
            "transient": transient,
            "duration": rates.size * length / _PARTS,
            "rtol": self.rtol,
            "versions": {name: version(name) for name in ("chaosbench", "numpy", "numba", "llvmlite")},
        }
        method = f"events counted along {self.starts} independent orbits; standard error from the scatter of their rates"
        interval, series = np.array([value - reach, value + reach]), {"rate": rates.mean(axis=0)}
        return Estimate(value, error, interval, verdict, reason, method, "mean time between events", settings, _SOURCE, series)

    def _counted(self, names: list[str]) -> np.ndarray:
        """Return the numbers of the events that count."""
        for name in self.events or ():
            if name not in names:
                raise InvariantError(f"events: {name!r} is no event of the system; they are {', '.join(names)}{nearest(name, names)}")
        return np.array([place for place, name in enumerate(names) if self.events is None or name in self.events])


def _rates(system: Any, initial: InitialState, length: float, counted: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray, InitialState]:
    """Return the rate of events (B, 64) in parts of `length`, how the orbits ended, and where."""
    solution = choose(system).integrator.solve(system, initial, np.array([0.0, length]), rtol=rtol, atol=1e-3 * rtol)
    events = solution.events
    if events is None:
        raise InvariantError(f"{system.definition.name}: its integrator reports no events; take one that does")
    chosen = np.isin(events.kind, counted)
    rows = np.repeat(np.arange(len(initial.states)), events.row_size)[chosen]
    parts = np.minimum((events.time[chosen] / length * _PARTS).astype(int), _PARTS - 1)
    rates = np.zeros((len(initial.states), _PARTS))
    np.add.at(rates, (rows, parts), _PARTS / length)
    return rates, solution.status, solution.final


def _inverted(statistics: BlockMean | None) -> tuple[float, float]:
    """Return the mean time and its error from the mean rate."""
    if statistics is None or not statistics.mean[0] > 0.0:
        return float("nan"), float("nan")
    rate = float(statistics.mean[0])
    return 1.0 / rate, float(statistics.standard_error[0]) / rate**2


def _verdict(status: np.ndarray, statistics: BlockMean, error: float, target_error: float | None) -> tuple[EstimateStatus, str]:
    ended = int(np.count_nonzero(status))
    if ended:
        return "escaped", f"{ended} of {len(status)} orbits ended while measuring; the value is over the others"
    if statistics.mixed or statistics.drifting:
        return "non_stationary", "orbits, or halves of orbits, differ by more than their fluctuations explain"
    if target_error is not None and not error <= target_error:
        return "short", f"the longest run came first: standard error {error:.2g}, target {target_error:.2g}"
    return "converged", f"standard error {error:.2g}, {statistics.blocks}"
