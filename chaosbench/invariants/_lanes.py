"""The ways that carry one orbit at a time: systems with cells, large ones, delays."""

import numpy as np
from scipy.interpolate import CubicSpline

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators._splitting import stage_lengths
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._carrier import Carrier
from chaosbench.invariants._delay_tangent_drivers import delay_growth
from chaosbench.invariants._splitting_growth_drivers import split_growth
from chaosbench.invariants._tangent_drivers import flow_growth, map_growth
from chaosbench.kernels.build import Kernels
from chaosbench.kernels.tableau import Tableau


class Lane(Carrier):
    """One orbit, with the Runge-Kutta kernels of any system; `every` is left out, columns are orthonormalised every interval."""

    def __init__(self, per_evaluation: int, per_interval: int) -> None:
        self.counts = np.zeros(2, dtype=np.int64)
        self._intervals = 0
        self._costs = (per_evaluation, per_interval)

    @property
    def evaluations(self) -> int:
        return int(self.counts[0])

    @property
    def work(self) -> float:
        return float(self._costs[0] * int(self.counts[0]) + self._costs[1] * self._intervals)

    def advance(self, interval: float, per_record: int, every: int, logs: np.ndarray, status: np.ndarray, stop: np.ndarray) -> None:
        if status[0] == Status.OK:
            self._intervals += per_record * logs.shape[1]
            status[0] = self._carry(interval, per_record, logs[0], stop)

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        raise NotImplementedError


def _buffers(kernels: Kernels, state: np.ndarray, parameters: np.ndarray, control: list[float], rows: int, width: int) -> tuple[np.ndarray, ...]:
    """The drivers' arrays, all copies: a read-only one would be another type to Numba and compile the driver again."""
    work, out = np.zeros(max(1, kernels.work_size)), np.zeros(max(1, kernels.out_size))
    past = np.zeros((max(1, rows), max(1, width)))
    return np.array(state), np.array(parameters, dtype=np.float64), np.array(control), past, work, out


class FlowLane(Lane):
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
        super().__init__(system.dimension * (1 + len(tangents)), 2 * tangents.size * len(tangents))
        self._kernels = system.kernels(tableau, columns=len(tangents))
        self._sizes = (np.asarray(system.periods, dtype=np.float64), tableau.error_order, _error_weights(tableau))
        self._address = np.array([self._kernels.value, self._kernels.step], dtype=np.int64)
        self._buffers = _buffers(self._kernels, np.concatenate([state, tangents.ravel()]), parameters, [step, atol, rtol, 0.0], 1, 1)

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        return int(flow_growth(self._address, *self._sizes, self._buffers, float(interval), per_record, logs, self.counts, stop))


class SplittingLane(Lane):
    """A flow in two halves that move each other: equal steps of a splitting method and their exact derivative."""

    def __init__(
        self, system: CompiledSystem, weights: tuple[float, ...], state: np.ndarray, tangents: np.ndarray, parameters: np.ndarray, step: float
    ) -> None:
        super().__init__(system.dimension * (1 + len(tangents)), 2 * tangents.size * len(tangents))
        name = system.definition.name
        if system.definition.kind != "flows" or system.halves is None:
            raise InvariantError(f"{name}: is no flow whose equations split into two halves that move only each other; leave splitting out")
        if not (np.isfinite(step) and step > 0.0):
            raise InvariantError(f"splitting = {step!r}: is the longest step, finite and positive; correct it")
        self._kernels = [system.part_kernels(half, columns=len(tangents)) for half in system.halves]
        first, second = self._kernels
        address = np.array([first.value, second.value], dtype=np.int64)
        self._sizes = (address, stage_lengths(weights), np.asarray(system.periods, dtype=np.float64), float(step))
        larger = max(self._kernels, key=lambda kernels: kernels.work_size)
        self._buffers = _buffers(larger, np.concatenate([state, tangents.ravel()]), parameters, [0.0, 0.0, 0.0], 1, 1)
        self._lost = np.zeros(first.size)

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        return int(split_growth(*self._sizes, self._buffers, self._lost, float(interval), per_record, logs, self.counts, stop))


class MapLane(Lane):
    """A map."""

    def __init__(self, system: CompiledSystem, state: np.ndarray, tangents: np.ndarray, parameters: np.ndarray) -> None:
        super().__init__(system.dimension * (1 + len(tangents)), 2 * tangents.size * len(tangents))
        self._kernels = system.kernels(columns=len(tangents))
        self._periods = np.asarray(system.periods, dtype=np.float64)
        self._address = np.array([self._kernels.value], dtype=np.int64)
        self._buffers = _buffers(self._kernels, np.concatenate([state, tangents.ravel()]), parameters, [0.0, 0.0, 0.0], 1, 1)

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        return int(map_growth(self._address, self._periods, self._buffers, int(interval), per_record, logs, self.counts, stop))


class DelayLane(Lane):
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
        looked_up = len(system.delayed) * (tableau.degree + 1)
        super().__init__((dimension + looked_up) * (1 + count), steps * dimension * count**2 * (tableau.degree + 5) // 2)
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

    def time_of(self, interval: float) -> float:
        return interval * self._h

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        errors = np.zeros(len(logs))
        past = (self._ring, self._places, self._thetas, self._slots, self._clock)
        status = delay_growth(self._address, *self._sizes, self._buffers, *past, int(interval), per_record, logs, errors, self.counts, stop)
        self.worst = float(errors.max(initial=0.0))
        return int(status)


def _error_weights(tableau: Tableau) -> np.ndarray:
    """(1 or 2, S): the error weights, and the second ones if the method has them."""
    return np.array([tableau.error, tableau.error_second] if tableau.error_second else [tableau.error])


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
