"""Where a system spends its time: means, spreads, bounds and periods of its components, and the mean rate of volume change."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.interpolate import CubicSpline

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.integrators._choice import choose
from chaosbench.invariants._block_error import block_mean
from chaosbench.invariants._event_volume import rates_at_events
from chaosbench.invariants._noisy_volumes import volume_rates
from chaosbench.noisy_starts import after_wait, one_run
from chaosbench.randomness import generator
from chaosbench.settling import on_attractor
from chaosbench.timescale import dominant_period, embed_angles

_RUNS = 16
_SAMPLES = 8192
_SAMPLES_PER_PERIOD = 32
_TRACES, _TRACES_OF_MANY, _MANY = 2048, 64, 12
_STILL = 1e-6
_JACOBIANS = 64
_ROWS = 1024


@dataclass(frozen=True)
class Attractor:
    """Per component (D,): mean, standard_deviation, low, high (NaN for angles), periods (NaN for what does not move). divergence and its error.

    decay: the fastest decay rate, the largest -Re of an eigenvalue of the Jacobian, median over the attractor (NaN but for flows).
    at_rest: nothing moves. failed: trajectories that ended early.
    """

    mean: np.ndarray
    standard_deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    periods: np.ndarray
    divergence: tuple[float, float]
    decay: float
    at_rest: bool
    failed: int


def survey(system: CompiledSystem, *, seed: int, period: float, transient: float, threads: int | None = None) -> Attractor:
    """Measure 16 trajectories of 8192 samples, 32 a `period` (maps: every iteration)."""
    definition = system.definition
    initial = on_attractor(system, n=_RUNS, seed=seed, purpose="survey", transient=transient, threads=threads)
    dt = 1.0 if definition.discrete else period / _SAMPLES_PER_PERIOD
    solve = partial(choose(system).integrator.solve, system, seed=seed, threads=threads)
    times = dt * np.arange(_SAMPLES)
    solution = after_wait(solve, initial, times, transient) if one_run(system) else solve(initial, times)
    good = solution.states[solution.status == 0]
    failed = _RUNS - len(good)
    if not len(good):
        nothing = np.full(system.dimension, np.nan)
        return Attractor(nothing, nothing, nothing, nothing, nothing, (np.nan, np.nan), np.nan, False, failed)
    angles = ~np.isnan(system.periods)
    flat = good.reshape(-1, system.dimension)
    mean, spread, low, high = flat.mean(axis=0), flat.std(axis=0), flat.min(axis=0), flat.max(axis=0)
    moves = np.ptp(good, axis=1).max(axis=0) > _STILL * (1e-3 + np.abs(flat).max(axis=0))
    for column in (mean, spread, low, high):
        column[angles] = np.nan
    at_events = None if solution.events is None else rates_at_events(system, solution.events, solution.status == 0, dt * (_SAMPLES - 1))
    periods, divergence, decay = _periods(system, good, dt), _divergence(system, good, dt, seed, at_events), _decay(system, flat)
    return Attractor(mean, spread, low, high, periods, divergence, decay, not bool(moves.any()), failed)


def _periods(system: CompiledSystem, states: np.ndarray, dt: float) -> np.ndarray:
    """Dominant period of each component (D,): median over the trajectories; of an angle that of its cosine."""
    if system.definition.discrete:
        return np.ones(system.dimension)
    found = np.stack([dominant_period(embed_angles(run, system.periods), dt, noisy=system.definition.noise is not None) for run in states])
    first = np.cumsum(np.concatenate([[0], 1 + (~np.isnan(system.periods[:-1])).astype(int)]))
    chosen = found[:, first]
    return np.array([np.nanmedian(column) if np.isfinite(column).any() else np.nan for column in chosen.T])


def _decay(system: CompiledSystem, states: np.ndarray) -> float:
    if system.definition.kind != "flows":
        return float("nan")
    seen = states[np.linspace(0, len(states) - 1, _JACOBIANS).astype(int)]
    rates = -np.linalg.eigvals(system.jacobian(seen)).real.min(axis=1)
    return float(np.median(np.maximum(rates, 0.0)))


def _divergence(system: CompiledSystem, states: np.ndarray, dt: float, seed: int, at_events: np.ndarray | None = None) -> tuple[float, float]:
    """Mean trace of the Jacobian (maps: mean ln |det|) on 2048 samples a trajectory, with its standard error; delays: of the present state;
    with noise: of the stochastic flow, see `volume_rates`.

    at_events: what the events of a hybrid system add, in equal parts of each trajectory.

    Samples are drawn anew for each, not evenly spaced: those would keep step with a cycle, and so would orbits that run in phase.
    Above 12 dimensions 64 must do.
    """
    definition, runs, length = system.definition, len(states), states.shape[1]
    wanted = _TRACES if system.dimension <= _MANY else _TRACES_OF_MANY
    rows = np.sort(generator(seed, "traces", definition.identity).integers(length // 2, length, (runs, wanted)), axis=1)
    seen = np.take_along_axis(states, rows[:, :, None], axis=1).reshape(-1, system.dimension)
    past = None
    if definition.kind == "delays":
        times = dt * np.arange(length)
        lags = system.lags(system.parameter_values)
        spline = CubicSpline(times, states, axis=1)
        looked = [np.stack([spline(dt * rows[run] - lags[lag])[run, :, slot] for run in range(runs)]) for slot, lag in system.delayed]
        past = np.stack([values.ravel() for values in looked], axis=1)
    numbers = np.empty(len(seen))
    for start in range(0, len(seen), _ROWS):
        part = slice(start, start + _ROWS)
        if system.diffusion is not None:
            numbers[part] = volume_rates(system, system.diffusion, seen[part], seed + start)
            continue
        jacobians = system.jacobian(seen[part], past=None if past is None else past[part])
        numbers[part] = np.linalg.slogdet(jacobians)[1] if definition.kind == "maps" else np.trace(jacobians, axis1=1, axis2=2)
    if at_events is not None:
        numbers = numbers.reshape(runs, at_events.shape[1], -1).mean(axis=2) + at_events
    statistics = block_mean(numbers.reshape(runs, -1, 1))
    return float(statistics.mean[0]), float(statistics.standard_error[0])
