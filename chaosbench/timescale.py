"""How fast a system moves: the dominant period, which sets default sampling intervals and transients."""

from dataclasses import dataclass

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, FieldSystem
from chaosbench.errors import DatasetError
from chaosbench.initial import draw_initial
from chaosbench.integrators._choice import choose
from chaosbench.integrators._noise_steps import FRACTION, equal_steps
from chaosbench.integrators.base import InitialState, Integrator, Status
from chaosbench.noisy_starts import one_run

MAP_PERIOD = 1.0
_SAMPLES = 4096
_AT_REST, _OF_REST = 2, 10.0
_FIRST, _FIRST_OF_FIELDS = 0.05, 0.2  # of the time scale in which a state moves: the sampling interval at first; fields swing slowly
_MOST, _MOST_OF_PLANES = 8e8, 4e9  # of fields: evaluations times numbers of a state after which no period is looked for any more
_STARTS = 8
_PIECES, _WATCHED = 16, 64  # of fields: parts of a run, of which all grid values are in memory, and values looked at


def dominant_period(states: np.ndarray, dt: float, *, noisy: bool = False) -> np.ndarray:
    """Return the dominant period of each column of `states` (T, D), sampled every `dt`; NaN for a constant column.

    Method: Welch periodogram (Hann windows of T/4, half overlapping), multiplied by frequency, so that what counts is variance per octave and the
    broad low-frequency plateau of chaos does not win over its oscillation; the period is 1 / frequency of the largest value, refined by a parabola.
    Error: about one frequency bin, 4 / (T dt) in frequency. noisy: the largest value is looked for within 20 % of where the mean over such a band is
    largest, so that not the luckiest of many frequencies wins where no line stands out; a memory exp(-theta t) then has the period 2 pi / theta.
    """
    length = max(8, len(states) // 4)
    window = np.hanning(length)[:, None]
    power: np.ndarray = np.zeros((length // 2 + 1, states.shape[1]))
    for start in range(0, len(states) - length + 1, length // 2):
        segment = states[start : start + length]
        power += np.abs(np.fft.rfft((segment - segment.mean(axis=0)) * window, axis=0)) ** 2
    weighted = power[1:] * np.arange(1, len(power))[:, None]
    periods = np.full(states.shape[1], np.nan)
    for column in range(states.shape[1]):
        if np.ptp(states[:, column]) <= 1e-9 * (1 + np.abs(states[:, column]).max()):
            continue
        low, high = _band(weighted[:, column]) if noisy else (0, len(weighted))
        peak = low + int(np.argmax(weighted[low:high, column]))
        shift = 0.0
        if 0 < peak < len(weighted) - 1:
            left, middle, right = weighted[peak - 1 : peak + 2, column]
            curvature = left - 2 * middle + right
            shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
        periods[column] = length * dt / (peak + 1 + shift)
    return periods


def _band(weighted: np.ndarray) -> tuple[int, int]:
    """Return the places of the band of frequencies, a factor 1.2 to either side, with the largest mean of `weighted` (frequencies 1, 2, ...)."""
    number = np.arange(1, len(weighted) + 1)
    low, high = np.ceil(number / 1.2).astype(int) - 1, np.minimum(np.floor(1.2 * number).astype(int), len(weighted))
    sums = np.concatenate([[0.0], np.cumsum(weighted)])
    place = int(np.argmax((sums[high] - sums[low]) / (high - low)))
    return int(low[place]), int(high[place])


def middle_period(periods: np.ndarray) -> float:
    """Return the median of `periods` that are not NaN, of an even number the upper one of the middle two; NaN if there is none.

    A mean of the two would be a period that nothing has: half the components of a neuron repeat twice in a cycle of the others.
    """
    known = np.sort(periods[np.isfinite(periods)])
    return float(known[len(known) // 2]) if known.size else float("nan")


def embed_angles(states: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return `states` (..., D) with each angle replaced in place by its cosine and sine (..., D + number of angles)."""
    if np.isnan(periods).all():
        return states
    columns = []
    for index, period in enumerate(periods):
        column = states[..., index]
        if np.isnan(period):
            columns.append(column)
        else:
            turn = 2.0 * np.pi * (column / period)
            columns += [np.cos(turn), np.sin(turn)]
    return np.stack(columns, axis=-1)


def without_embedding(states: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return what `embed_angles` was given, (..., D): each cosine and sine in `states` (..., D + number of angles) as an angle around 0."""
    if np.isnan(periods).all():
        return states
    columns, place = [], 0
    for period in periods:
        if np.isnan(period):
            columns.append(states[..., place])
        else:
            columns.append(np.arctan2(states[..., place + 1], states[..., place]) / (2.0 * np.pi) * period)
        place += 1 if np.isnan(period) else 2
    return np.stack(columns, axis=-1)


def estimate_period(system: CompiledSystem, *, parameters: np.ndarray | None = None) -> float:
    """Return the dominant period of one trajectory of `system`, the `middle_period` of its components; 1 for maps.

    Method: the sampling interval starts at a thousandth of |x| / |f(x)| and grows until the median period holds 20 samples or more and at least 40
    periods are covered; the first half of the last run is dropped as transient. Deterministic: seed 0, purpose "period".
    Raises DatasetError when the trajectory ends early or shows no oscillation.
    """
    if system.definition.discrete:
        return MAP_PERIOD
    found = pilot(system, parameters=parameters)
    if found.period is None:
        raise DatasetError(f"{system.definition.name}: no oscillation was found over {found.time:.3g} time units; give dt and transient yourself")
    return found.period


@dataclass(frozen=True)
class Pilot:
    """What one trajectory showed: its dominant period, None if there is none; its last state (D,); the time it covered."""

    period: float | None
    state: np.ndarray
    time: float


def pilot(system: CompiledSystem, *, parameters: np.ndarray | None = None) -> Pilot:
    """Look for the period of a flow or delay system as `estimate_period` does; two pieces in a row without motion are rest.

    Up to eight starts are tried until one does not end early. Raises DatasetError when all do.
    """
    reason = Status.OK
    for start in range(_STARTS):
        initial = draw_initial(system, seed=0, n=1, purpose="period", first=start, parameters=parameters)
        found, reason = _look(system, initial, parameters)
        if found is not None:
            return found
    raise DatasetError(
        f"{system.definition.name}: the trajectories used to find the period ended early: {reason.sentence}; "
        "give dt and transient, or another initial rule"
    )


def _look(system: CompiledSystem, initial: InitialState, parameters: np.ndarray | None) -> tuple[Pilot | None, Status]:
    """Follow one start; None with the reason when its trajectory ends early."""
    integrator = choose(system).integrator
    dt, time, still, work = (_FIRST_OF_FIELDS if isinstance(system, FieldSystem) else _FIRST) / max(_pace(system, initial), 1e-6), 0.0, 0, 0
    shortest, longest = 20, _SAMPLES / 80
    if system.diffusion is not None:  # the period of one noisy run is known to a factor of about 2 only
        [step] = equal_steps(system, system.diffusion, initial.states, system.parameter_values[None], FRACTION)
        dt, shortest, longest = 4.0 * min(float(step), 1e6), 16, _SAMPLES / 32
    for _ in range(24):
        states, last, status, evaluations = _watched(system, integrator, initial, dt, parameters)
        if status != Status.OK:
            return None, status
        found = dominant_period(states[_SAMPLES // 2 :], dt, noisy=system.definition.noise is not None)
        period = middle_period(found)
        time += dt * _SAMPLES
        if np.isfinite(period) and shortest * dt <= period <= longest * dt:
            return Pilot(period, last.states[0], time), Status.OK
        still = 0 if np.isfinite(period) else still + 1
        work += evaluations * system.dimension
        if still == _AT_REST or (isinstance(system, FieldSystem) and work > (_MOST_OF_PLANES if system.plane else _MOST)):
            break
        initial = initial if one_run(system) else last
        dt *= 0.25 if np.isfinite(period) and period < shortest * dt else 2.0
    return Pilot(None, last.states[0], time), Status.OK


def pace(system: CompiledSystem) -> float:
    """Return how fast `system` moves at a drawn state, as a rate: the inverse of the time in which much changes."""
    return max(_pace(system, draw_initial(system, seed=0, n=1, purpose="period")), 1e-6)


def _pace(system: CompiledSystem, initial: InitialState) -> float:
    """Return how fast `system` moves at a state, as a rate; of fields relative to how far they are from their mean."""
    if initial.history is not None:
        return 1.0
    if not isinstance(system, FieldSystem):
        rate = float(np.abs(system.jacobian(initial.states)).sum())
        if not system.definition.events:
            return rate
        speed = np.abs(system.value(initial.states)).sum() / np.abs(initial.states).sum()  # a piece between events may have constant rates
        return max(rate, float(speed))
    spread = np.abs(initial.states - initial.states.mean()).max()
    return float(np.abs(system.value(initial.states)).max() / max(spread, 1e-300))


def _watched(
    system: CompiledSystem, integrator: Integrator, initial: InitialState, dt: float, parameters: np.ndarray | None
) -> tuple[np.ndarray, InitialState, Status, int]:
    """Return the samples (T, D or more) of one trajectory, angles embedded, its end, how it ended, and evaluations; of fields at most
    64 evenly spread values."""
    pieces = _PIECES if isinstance(system, FieldSystem) else 1
    places = slice(None, None, max(1, system.dimension // _WATCHED)) if isinstance(system, FieldSystem) else slice(None)
    found, evaluations = [], 0
    for piece in range(pieces):
        first, beyond = piece * _SAMPLES // pieces, (piece + 1) * _SAMPLES // pieces
        times = dt * np.arange(max(first - 1, 0), beyond)
        solution = integrator.solve(system, initial, times, rtol=1e-8, atol=1e-10, parameters=parameters)
        evaluations += int(solution.evaluations[0])
        if solution.status.any():
            return np.empty((0, 0)), solution.final, Status(solution.status[0]), evaluations
        found.append(embed_angles(solution.states[0], system.periods)[1 if first else 0 :, places])
        initial = solution.final
    return np.concatenate(found), initial, Status.OK, evaluations


def typical_time(system: CompiledSystem) -> float:
    """Return `typical_time_and_motion` without the motion."""
    return typical_time_and_rest(system)[0]


def typical_time_and_rest(system: CompiledSystem) -> tuple[float, float | None]:
    """Return a time scale, and the time after which a pilot found no motion, None where it found a dominant period.

    The dominant period; for a system without one the slowest turn of its Jacobian where a pilot ended, the longest lag, or of fields ten times the
    time in which they first move by as much as they vary in space. Maps: 1.
    """
    if system.definition.discrete:
        return MAP_PERIOD, None
    found = pilot(system)
    if found.period is not None:
        return found.period, None
    if system.definition.kind == "delays":
        return float(np.max(system.lags())), found.time
    if isinstance(system, FieldSystem):
        return _OF_REST / pace(system), found.time
    jacobian = system.jacobian(found.state[None])[0]
    slowest = float(np.abs(np.linalg.eigvals(jacobian)).min()) if np.isfinite(jacobian).all() else 1.0
    return float(2.0 * np.pi / max(slowest, 1e-3)), found.time
