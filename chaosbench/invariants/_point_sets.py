"""Points on an attractor, ready for measuring distances: standardised, angles unrolled, on principal axes, each with its sampling time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaosbench.arrays import finite_array
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.facts import load_facts
from chaosbench.integrators._choice import choose
from chaosbench.invariants._transients import default_transient, time_scale
from chaosbench.invariants.base import Samples
from chaosbench.settling import on_attractor
from chaosbench.timescale import dominant_period, embed_angles, middle_period

_RUNS = 8
_PER_PERIOD = 5
_LAG_NODES = 8
_PERIODS_APART = 3
_ITERATIONS_APART = 10
_RUN_OFFSET = 1 << 40
_RTOL, _ATOL = 1e-8, 1e-10
_STILL, _SETTLING = 1e-6, 0.05


@dataclass(frozen=True)
class PointSet:
    """Points with what is needed to measure them.

    points (n, d), in order of time within runs; stamps (n,): sample times, runs far apart; apart: Theiler window; failed: runs ended early.

    contracting: the runs are still settling. A set that has come to rest has no columns, d = 0.
    """

    points: np.ndarray
    stamps: np.ndarray
    apart: int
    failed: int
    contracting: bool
    settings: Mapping[str, Any]


def points_of_system(
    system: CompiledSystem,
    *,
    seed: int,
    points: int,
    duration: float | None,
    dt: float | None,
    period: float | None = None,
    transient: float | None = None,
    threads: int | None = None,
) -> PointSet:
    """Return `points` points (or `duration` units of time) on the attractor, from 8 independent trajectories.

    dt None: a fifth of the dominant period (maps: 1); delays: an eighth of the longest lag, and a point is the state at 8 successive such times.
    period, transient None: the measured ones, else those of a pilot.
    """
    definition = system.definition
    nodes = _LAG_NODES if definition.kind == "delays" else 1
    if period is None:
        facts = load_facts(definition) if definition.kind != "maps" else None
        period = facts.period if facts is not None and np.isfinite(facts.period) else time_scale(system)
    spacing = _spacing(system, period) if dt is None else dt
    per_run = -(-points // _RUNS) if duration is None else int(duration / (_RUNS * spacing))
    if per_run < 8:
        raise InvariantError(f"duration = {duration!r}: gives {per_run} points a trajectory at intervals of {spacing:.3g}; at least 8 are needed")
    wait = default_transient(system) if transient is None else transient
    initial = on_attractor(system, n=_RUNS, seed=seed, purpose="points", transient=wait, threads=threads)
    times = spacing * np.arange(per_run + nodes - 1)
    solution = choose(system).integrator.solve(system, initial, times, rtol=_RTOL, atol=_ATOL, threads=threads)
    failed = int(np.count_nonzero(solution.status))
    states = embed_angles(solution.states, system.periods)
    if nodes > 1:
        states = np.concatenate([states[:, j : per_run + j] for j in range(nodes)], axis=2)
    apart = _ITERATIONS_APART if definition.kind == "maps" else int(np.ceil(_PERIODS_APART * period / spacing)) + nodes
    settings = {
        "system": definition.name,
        "identity": definition.identity,
        "purpose": "points",
        "trajectories": _RUNS,
        "dt": spacing,
        "duration": _RUNS * per_run * spacing,
        "rtol": _RTOL,
        "atol": _ATOL,
    }
    return _prepared(states, apart, failed, settings)


def points_of_samples(samples: Samples, duration: float | None) -> PointSet:
    """Return the points of measured data (B, T, D), the first `duration` (summed over trajectories) of them; nothing is embedded."""
    states = finite_array(samples.states, "states", (None, None, None), InvariantError)
    if duration is not None:
        states = states[:, : max(1, int(duration / (samples.dt * states.shape[0])))]
    embedded = embed_angles(states, np.asarray(samples.periods, dtype=np.float64))
    periods = dominant_period(embedded[0], samples.dt) if embedded.shape[1] >= 16 else np.array([np.nan])
    period = middle_period(periods) if np.isfinite(periods).any() else samples.dt
    apart = int(np.ceil(_PERIODS_APART * period / samples.dt))
    return _prepared(embedded, apart, 0, {"dt": samples.dt, "duration": states.shape[0] * states.shape[1] * samples.dt})


def _spacing(system: CompiledSystem, period: float) -> float:
    if system.definition.kind == "maps":
        return 1.0
    if system.definition.kind == "delays":
        return float(np.max(system.lags(system.parameter_values))) / _LAG_NODES
    return period / _PER_PERIOD


def _prepared(states: np.ndarray, apart: int, failed: int, settings: Mapping[str, Any]) -> PointSet:
    """Standardise the columns of (B, T, d), leave out those that do not vary, rotate to principal axes."""
    runs, length, width = states.shape
    points = states.reshape(-1, width)
    stamps = (np.arange(runs)[:, None] * _RUN_OFFSET + np.arange(length)).ravel()
    if failed:
        return PointSet(points, stamps, apart, failed, False, settings)
    quarter = max(1, length // 4)
    early, late = (np.ptp(part, axis=1).max(axis=0) for part in (states[:, :quarter], states[:, -quarter:]))
    varies = late > _STILL * (1e-3 + np.abs(points).max(axis=0))
    contracting = bool(varies.any() and (late[varies] < _SETTLING * early[varies]).all())
    centred = points[:, varies] - points[:, varies].mean(axis=0)
    centred /= centred.std(axis=0)
    if centred.shape[1] > 1:
        centred = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    return PointSet(np.ascontiguousarray(centred), stamps, apart, 0, contracting, settings)
