"""One state with its tangent columns, carried on in pieces: a lane per kind of system."""

from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._delay_tangent_drivers import delay_growth
from chaosbench.invariants._tangent_drivers import flow_growth, map_growth
from chaosbench.kernels.tableau import Tableau


class Lane(Protocol):
    """A run that can be carried on.

    counts (2,): kernel evaluations and rejected steps so far. orthonormalisations: so far, each of `each` multiplications beside the kernels' work.
    worst: the largest local error norm of the last call (0 where steps are controlled).
    """

    counts: np.ndarray
    orthonormalisations: int
    each: int
    worst: float

    def time_of(self, interval: float) -> float:
        """Return the system time between two orthonormalisations."""

    def advance(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        """Fill `logs` (M, K) with the log growth of M more records and return an integrator's status."""


def _buffers(kernels: object, state: np.ndarray, parameters: np.ndarray, control: list[float], rows: int, width: int) -> tuple[np.ndarray, ...]:
    work, out = np.zeros(max(1, kernels.work_size)), np.zeros(max(1, kernels.out_size))  # type: ignore[attr-defined]
    past = np.zeros((max(1, rows), max(1, width)))
    return np.ascontiguousarray(state), np.ascontiguousarray(parameters, dtype=np.float64), np.array(control), past, work, out


class FlowLane:
    """A flow: steps with error control."""

    def __init__(
        self,
        system: CompiledSystem,
        tableau: Tableau,
        state: np.ndarray,
        tangents: np.ndarray,
        parameters: np.ndarray,
        rtol: float,
        atol: float,
        step: float,
    ) -> None:
        self._kernels = system.kernels(tableau, columns=len(tangents))
        self._sizes = (np.asarray(system.periods, dtype=np.float64), tableau.error_order, _error_weights(tableau))
        self._address = np.array([self._kernels.value, self._kernels.step], dtype=np.int64)
        self._buffers = _buffers(self._kernels, np.concatenate([state, tangents.ravel()]), parameters, [step, atol, rtol, 0.0], 1, 1)
        self.counts = np.zeros(2, dtype=np.int64)
        self.orthonormalisations, self.each, self.worst = 0, 2 * tangents.size * len(tangents), 0.0

    def time_of(self, interval: float) -> float:
        return interval

    def advance(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        self.orthonormalisations += per_record * len(logs)
        return int(flow_growth(self._address, *self._sizes, self._buffers, float(interval), per_record, logs, self.counts, stop))


class MapLane:
    """A map."""

    def __init__(self, system: CompiledSystem, state: np.ndarray, tangents: np.ndarray, parameters: np.ndarray) -> None:
        self._kernels = system.kernels(columns=len(tangents))
        self._periods = np.asarray(system.periods, dtype=np.float64)
        self._address = np.array([self._kernels.value], dtype=np.int64)
        self._buffers = _buffers(self._kernels, np.concatenate([state, tangents.ravel()]), parameters, [0.0, 0.0, 0.0], 1, 1)
        self.counts = np.zeros(2, dtype=np.int64)
        self.orthonormalisations, self.each, self.worst = 0, 2 * tangents.size * len(tangents), 0.0

    def time_of(self, interval: float) -> float:
        return interval

    def advance(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        self.orthonormalisations += per_record * len(logs)
        return int(map_growth(self._address, self._periods, self._buffers, int(interval), per_record, logs, self.counts, stop))


class DelayLane:
    """A delay system with a fixed step h = (longest lag) / m; the interval counts steps."""

    def __init__(
        self,
        system: CompiledSystem,
        tableau: Tableau,
        initial: InitialState,
        index: int,
        tangents: np.ndarray,
        parameters: np.ndarray,
        rtol: float,
        atol: float,
        steps: int,
    ) -> None:
        lags = np.asarray(system.lags(parameters), dtype=np.float64)
        if initial.history is None or initial.lags is None:
            raise InvariantError(f"{system.definition.name}: an initial state without a history; a delay system needs one (on_attractor makes it)")
        count, dimension = len(tangents), system.dimension
        self._h = float(lags.max()) / steps
        if self._h > lags.min() * (1.0 + 1e-12):
            raise InvariantError(f"{steps} steps in the longest lag {lags.max():g}: a step must not exceed the shortest lag {lags.min():g}; raise it")
        self._kernels = system.kernels(tableau, columns=count)
        self._address = np.array([self._kernels.value, self._kernels.step, self._kernels.dense], dtype=np.int64)
        self._places, self._thetas = _look_back_table(tableau, lags / self._h)
        self._slots = np.array(system.delayed, dtype=np.int64).reshape(-1, 2)
        self._ring = np.zeros((steps, tableau.degree + 1, dimension * (1 + count)))
        self._ring[:, :4, :dimension] = _history_polynomials(initial.lags, initial.history[index], steps)
        self._ring[:, :4, dimension:] = _tangent_polynomials(tangents, steps)
        extended = self._ring[-1].sum(axis=0)
        extended[:dimension] = initial.states[index]
        rows, width = self._places.shape[0], (1 + count) * len(self._slots)
        self._buffers = _buffers(self._kernels, extended, parameters, [self._h, atol, rtol], rows, width)
        self._sizes = (dimension, _error_weights(tableau))
        self._clock = np.array([steps], dtype=np.int64)
        self.counts = np.zeros(2, dtype=np.int64)
        self.orthonormalisations, self.each, self.worst = 0, steps * dimension * count**2 * (tableau.degree + 5) // 2, 0.0

    def time_of(self, interval: float) -> float:
        return interval * self._h

    def advance(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        self.orthonormalisations += per_record * len(logs)
        errors = np.zeros(len(logs))
        past = (self._ring, self._places, self._thetas, self._slots, self._clock)
        status = delay_growth(self._address, *self._sizes, self._buffers, *past, int(interval), per_record, logs, errors, self.counts, stop)
        self.worst = float(errors.max(initial=0.0))
        return int(status)


def _error_weights(tableau: Tableau) -> np.ndarray:
    """(2, S): main and second error weights; without second ones the row is 0."""
    return np.array([tableau.error, tableau.error_second or (0.0,) * tableau.stages])


def _look_back_table(tableau: Tableau, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every stage and lag (in steps): how many steps back (negative) and where in that step (0..1) it looks."""
    nodes = np.array(tableau.c + tableau.dense_c)[:, None]
    whole = np.round(offsets)
    positions = nodes - np.where(np.abs(offsets - whole) < 1e-9 * whole, whole, offsets)
    places = np.minimum(np.floor(positions), -1.0)
    return places.astype(np.int64), np.ascontiguousarray(positions - places)


def _cubics(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Hermite cubics in theta of m steps: values, slopes * h at the m + 1 nodes (m + 1, n) -> coefficients (m, 4, n)."""
    y0, y1, d0, d1 = values[:-1], values[1:], slopes[:-1], slopes[1:]
    return np.stack([y0, d0, 3.0 * (y1 - y0) - 2.0 * d0 - d1, 2.0 * (y0 - y1) + d0 + d1], axis=1)


def _history_polynomials(lags: np.ndarray, history: np.ndarray, steps: int) -> np.ndarray:
    """Coefficients (m, 4, D) of `history` (L, D), given at time -lags, on m steps."""
    spline = CubicSpline(-lags, history)
    nodes = np.linspace(-float(lags.max()), 0.0, steps + 1)
    return _cubics(spline(nodes), spline(nodes, 1) * (float(lags.max()) / steps))


def _tangent_polynomials(tangents: np.ndarray, steps: int) -> np.ndarray:
    """Smooth independent starting functions (m, 4, K D): column k of `tangents` (K, D) times cos(k pi s), s from 0 to 1 over the longest lag."""
    nodes = np.linspace(0.0, 1.0, steps + 1)[:, None, None]
    waves = np.pi * np.arange(len(tangents))[None, :, None]
    values = (tangents * np.cos(waves * nodes)).reshape(steps + 1, -1)
    slopes = (-waves * tangents * np.sin(waves * nodes)).reshape(steps + 1, -1) / steps
    return _cubics(values, slopes)
