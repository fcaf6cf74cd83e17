"""Where fields spend their time: one mean, spread, bound and period for each field, over the whole domain.

Grid points of a domain without walls are alike, so that facts of each would say the same again and again; where a force makes them differ, the facts
are still those of the whole domain.
"""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, FieldSystem
from chaosbench.dynamics.field_numpy import nonlinear, to_spectrum, without_held
from chaosbench.integrators._choice import choose
from chaosbench.invariants._attractor import Attractor, survey
from chaosbench.invariants._block_error import block_mean
from chaosbench.randomness import generator
from chaosbench.settling import on_attractor
from chaosbench.timescale import dominant_period

_RUNS, _SAMPLES = 16, 2048
_RUNS_OF_PLANES, _SAMPLES_OF_PLANES = 2, 512
_SAMPLES_PER_PERIOD = 32
_NUMBERS = 1 << 23  # of grid values in memory
_WATCHED = 16  # grid points of each field
_TRACES = 32  # of a run
_STILL = 1e-6
_RTOL = 1e-6  # steps as coarse as those of exponents


def extent_of(system: CompiledSystem, *, seed: int, period: float, transient: float, threads: int | None = None) -> Attractor:
    """Return `survey` of a system, of fields `survey_fields`."""
    if isinstance(system, FieldSystem):
        return survey_fields(system, seed=seed, period=period, transient=transient, threads=threads)
    return survey(system, seed=seed, period=period, transient=transient, threads=threads)


def survey_fields(system: FieldSystem, *, seed: int, period: float, transient: float, threads: int | None = None) -> Attractor:
    """Measure 16 trajectories of 64 periods, in two dimensions 2 of 16 periods; see `survey`. All arrays have one entry a field.

    The divergence is the trace of the Jacobian over the modes that are kept: exactly that of the linear part, and of the nonlinear part the mean of
    v.N'v over white noise v (Hutchinson), whose scatter is in the standard error.
    """
    runs, samples = (_RUNS_OF_PLANES, _SAMPLES_OF_PLANES) if system.plane else (_RUNS, _SAMPLES)
    initial = on_attractor(system, n=runs, seed=seed, purpose="survey", transient=transient, rtol=_RTOL, threads=threads)
    method, dt, fields = choose(system).integrator, period / _SAMPLES_PER_PERIOD, system.shape[0]
    points = system.dimension // fields
    piece = max(2, min(samples, _NUMBERS // (runs * system.dimension)))
    low, high, sums, squares = np.full(fields, np.inf), np.full(fields, -np.inf), np.zeros(fields), np.zeros(fields)
    watched, kept, status, count = [], [], np.zeros(runs, dtype=np.int8), 0
    for first in range(0, samples, piece):
        times = dt * np.arange(max(first - 1, 0), min(first + piece, samples))
        solution = method.solve(system, initial, times, rtol=_RTOL, threads=threads)
        initial, status = solution.final, np.maximum(status, solution.status)
        seen = solution.states[:, 1 if first else 0 :].reshape(runs, -1, fields, points)
        good = seen[status == 0]
        if not len(good):
            break
        low, high = np.minimum(low, good.min(axis=(0, 1, 3))), np.maximum(high, good.max(axis=(0, 1, 3)))
        sums, squares, count = sums + good.sum(axis=(0, 1, 3)), squares + (good**2).sum(axis=(0, 1, 3)), count + good[:, :, 0].size
        watched.append(seen[..., :: max(1, points // _WATCHED)].copy())
        kept.append(seen[:, -1].reshape(runs, -1).copy())
    failed = int(np.count_nonzero(status))
    if failed == runs:
        nothing = np.full(fields, np.nan)
        return Attractor(nothing, nothing, nothing, nothing, nothing, (np.nan, np.nan), np.nan, False, failed)
    mean = sums / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    series = np.concatenate(watched, axis=1)[status == 0]
    moves = np.ptp(series, axis=1).max() > _STILL * (1e-3 + max(np.abs(low).max(), np.abs(high).max()))
    periods = _periods(series, dt)
    divergence = _divergence(system, np.stack(kept, axis=1)[status == 0], seed)
    return Attractor(mean, spread, low, high, periods, divergence, float("nan"), not bool(moves), failed)


def _periods(series: np.ndarray, dt: float) -> np.ndarray:
    """Dominant period of each field from series (runs, T, F, points): median over trajectories and points."""
    found = np.stack([dominant_period(run.reshape(len(run), -1), dt).reshape(run.shape[1:]) for run in series])
    columns = found.transpose(1, 0, 2).reshape(series.shape[2], -1)
    return np.array([np.nanmedian(column) if np.isfinite(column).any() else np.nan for column in columns])


def _divergence(system: FieldSystem, states: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the mean trace of the Jacobian at some states (runs, S, D) and its standard error."""
    plan = system.plan()
    half = not plan.complex
    count = np.ones(plan.mask.shape)
    if half:
        count *= 2.0
        count[..., 0] = 1.0
        count[..., -1] = 1.0 if plan.shape[-1] % 2 == 0 else 2.0
    diagonal = sum(plan.linear[f, f].real for f in range(plan.n_fields))
    linear = float((diagonal * count * plan.mask).sum()) * (1.0 if half else 2.0)
    numbers = np.empty((len(states), _TRACES, 1))
    weights = count / plan.points
    for run, places in enumerate(states):
        stream = generator(seed, "traces", system.definition.identity, run)
        for n in range(_TRACES):
            spectrum = to_spectrum(plan, places[n * len(places) // _TRACES][None])
            noise = without_held(plan, to_spectrum(plan, stream.standard_normal((1, system.dimension))))
            change = nonlinear(plan, spectrum, noise)[1]
            numbers[run, n] = linear + float((weights * (np.conj(noise) * change).real).sum())
    statistics = block_mean(numbers)
    return float(statistics.mean[0]), float(statistics.standard_error[0])
