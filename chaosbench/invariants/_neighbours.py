"""Growth of small displacements, for flows whose tangents say nothing: those whose right-hand side jumps."""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._rounding import two_digits
from chaosbench.invariants._tangents import directions

DISTANCE = 1e-6
_RTOL = 1e-11
_CALL = 5e5  # what a call of the integrator costs, in units of `work`


class NeighbourRun:
    """B orbits of a flow, each with K neighbours a distance of 1e-6 of the smallest component away; used like a `TangentRun`.

    Method: orbit and neighbours are integrated over an interval with the default method; the differences are orthonormalised (QR) and set back to the
    first distance (Benettin et al. 1980, for K directions). Crossing a jump at different times is then part of the growth.
    Error: the distance is finite, so what bends within it is averaged (relative 1e-6), and integration errors count as 1e-5 of the distance for
    components of one size, up to 1e-2 where one is a thousand times as large as another.
    """

    in_lanes, adaptive, worst_error, steps_per_lag, loosest = False, False, 0.0, 0, 1.0

    def __init__(
        self, system: CompiledSystem, initial: InitialState, *, columns: int, seed: int, distance: float = DISTANCE, threads: int | None = None
    ) -> None:
        definition, runs, dimension = system.definition, len(initial.states), system.dimension
        choice = choose(system)
        sizes = np.sqrt(np.mean(initial.states**2, axis=0))
        self.columns, self.rtol = columns, _RTOL
        self._distance = two_digits(distance * max(float(sizes.min()), 1e-3 * float(sizes.max()), 1e-100))
        self.atol = two_digits(1e-5 * self._distance)
        self.method = f"neighbours at a distance of {self._distance:g}, {choice.name}"
        self.status = np.zeros(runs, dtype=np.int8)
        self.evaluations = 0
        self.work = 0.0
        self._system, self._integrator, self._threads = system, choice.integrator, threads
        self._orbits = initial.states.copy()
        self._directions = np.stack([directions(definition, seed, b, columns, dimension) for b in range(runs)])  # (B, K, D)

    def time_of(self, interval: float) -> float:
        """Return `interval`, a time."""
        return interval

    def steps_in(self, interval: float) -> int:
        """Return 1: columns are orthonormalised after every interval."""
        return 1

    def advance(self, records: int, *, interval: float, per_record: int = 1, every: int = 1) -> np.ndarray:
        """Carry on and return the log growth (B, M, K) in each record; an orbit that failed gives NaN from there on."""
        logs = np.zeros((len(self._orbits), records, self.columns))
        for record in range(records):
            for _ in range(per_record):
                logs[:, record] += self._interval(interval)
        return logs

    def _interval(self, interval: float) -> np.ndarray:
        runs, columns, dimension = self._directions.shape
        if (self.status != Status.OK).all():
            return np.full((runs, columns), np.nan)
        around = self._orbits[:, None] + self._distance * self._directions
        start = np.concatenate([self._orbits[:, None], around], axis=1).reshape(-1, dimension)
        alive = np.repeat(self.status == Status.OK, 1 + columns)
        ends = np.full_like(start, np.nan)
        solution = self._integrator.solve(
            self._system, InitialState(start[alive]), np.array([0.0, interval]), rtol=self.rtol, atol=self.atol, threads=self._threads
        )
        ends[alive] = solution.states[:, -1]
        failed = np.zeros(len(start), dtype=np.int8)
        failed[alive] = solution.status
        worst = failed.reshape(runs, -1).max(axis=1)
        self.status = np.where(self.status == Status.OK, worst, self.status).astype(np.int8)
        self.evaluations += int(solution.evaluations.sum())
        self.work += _CALL + 2.0 * dimension * float(solution.evaluations.sum())
        ended = ends.reshape(runs, 1 + columns, dimension)
        growth = np.full((runs, columns), np.nan)
        good = self.status == Status.OK
        if good.any():
            factors = np.linalg.qr(np.swapaxes(ended[good, 1:] - ended[good, :1], 1, 2))
            diagonal = np.diagonal(factors.R, axis1=1, axis2=2)
            growth[good] = np.log(np.maximum(np.abs(diagonal), 1e-300) / self._distance)
            self._directions[good] = np.swapaxes(factors.Q * np.sign(np.where(diagonal == 0.0, 1.0, diagonal))[:, None, :], 1, 2)
        turns = np.floor(np.nan_to_num(ended[:, 0]) / np.where(np.isnan(self._system.periods), np.inf, self._system.periods))
        self._orbits = ended[:, 0] - turns * np.nan_to_num(self._system.periods)
        return growth
