"""Growth of tangent vectors along many independent orbits: what every exponent and dimension from exponents is made of."""

from dataclasses import dataclass

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators._threads import all_cores, run_blocks
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._lanes import DelayLane, FlowLane, Lane, MapLane
from chaosbench.invariants._rounding import two_digits
from chaosbench.kernels.tableau import Tableau
from chaosbench.randomness import generator

RTOL = 1e-6
RTOL_CONSERVATIVE = 1e-10


@dataclass(frozen=True)
class Growth:
    """Log growth of tangent vectors.

    logs (B, M, K): sum over each record of ln of the k-th diagonal entry of R, NaN after a failure. time: of one record. status (B,): as an
    integrator's. evaluations: kernel evaluations over all runs.
    """

    logs: np.ndarray
    time: float
    status: np.ndarray
    evaluations: int


class TangentRun:
    """B orbits of a system with K tangent columns each, carried on in pieces by `advance`.

    initial: where the orbits start, on the attractor. columns: K <= D (delays: any number). seed: of the starting tangents. rtol: error per step
    (atol is a tenth of rtol times the size of the smallest component). steps_per_lag: m, fixed steps in the longest lag (delays). parameters (B, P).
    Orbits run on threads; results do not depend on how many.
    """

    def __init__(
        self,
        system: CompiledSystem,
        initial: InitialState,
        *,
        columns: int,
        seed: int,
        rtol: float | None = None,
        steps_per_lag: int = 0,
        parameters: np.ndarray | None = None,
        threads: int | None = None,
    ) -> None:
        definition, runs, dimension = system.definition, len(initial.states), system.dimension
        if columns < 1 or (definition.kind != "delays" and columns > dimension):
            raise InvariantError(f"{definition.name}: columns = {columns!r}; a {dimension}-dimensional system has 1 to {dimension} exponents")
        self.rtol = rtol or (RTOL_CONSERVATIVE if definition.conservative else RTOL)
        self.atol = 0.1 * self.rtol * _smallest_component(initial)
        self.tableau = None if definition.kind == "maps" else tangent_tableau(definition.conservative)
        self.status = np.zeros(runs, dtype=np.int8)
        self.columns = columns
        self.steps_per_lag = steps_per_lag
        self._threads = threads or all_cores()
        rows = np.broadcast_to(system.parameter_values if parameters is None else parameters, (runs, system.n_parameters))
        self._lanes: list[Lane] = []
        for b in range(runs):
            stream = generator(seed, "tangents", definition.identity, b)
            if definition.kind == "delays":
                tangents = stream.standard_normal((columns, dimension))
                self._lanes.append(DelayLane(system, self._method(), initial, b, tangents, rows[b], self.rtol, self.atol, steps_per_lag))
                continue
            tangents = np.linalg.qr(stream.standard_normal((dimension, dimension)))[0][:columns]
            if definition.kind == "maps":
                self._lanes.append(MapLane(system, initial.states[b], tangents, rows[b]))
            else:
                step = two_digits(0.01 / slope(system.jacobian(initial.states[b : b + 1], rows[b])[0]))
                self._lanes.append(FlowLane(system, self._method(), initial.states[b], tangents, rows[b], self.rtol, self.atol, step))

    def _method(self) -> Tableau:
        if self.tableau is None:
            raise InvariantError("maps have no Runge-Kutta method; this is asked of flows and delays only")
        return self.tableau

    @property
    def evaluations(self) -> int:
        """Kernel evaluations so far, over all orbits."""
        return int(sum(int(lane.counts[0]) for lane in self._lanes))

    @property
    def work(self) -> float:
        """Multiplications so far, roughly, over all orbits: the cost without a clock."""
        return sum(lane.work for lane in self._lanes)

    @property
    def worst_error(self) -> float:
        """Largest local error norm of the last `advance` (1 is the tolerance), where the step is fixed; else 0."""
        return max(lane.worst for lane in self._lanes)

    def time_of(self, interval: float) -> float:
        """Return the system time of `interval`: time (flows), iterations (maps) or steps of h (delays)."""
        return self._lanes[0].time_of(interval)

    def advance(self, records: int, *, interval: float, per_record: int = 1) -> np.ndarray:
        """Carry every orbit over `records` records and return the log growth (B, M, K); an orbit that failed gives NaN from there on."""
        logs = np.full((len(self._lanes), records, self.columns), np.nan)

        def carry(first: int, beyond: int, stop: np.ndarray) -> None:
            for b in range(first, beyond):
                if self.status[b] == Status.OK:
                    self.status[b] = self._lanes[b].advance(interval, per_record, logs[b], stop)

        run_blocks(carry, len(self._lanes), self._threads)
        return logs


def log_growth(
    system: CompiledSystem,
    initial: InitialState,
    *,
    columns: int,
    interval: float,
    n_intervals: int,
    transient_intervals: int,
    seed: int = 0,
    rtol: float | None = None,
    steps_per_lag: int = 0,
    parameters: np.ndarray | None = None,
    threads: int | None = None,
) -> Growth:
    """Return the growth of `columns` tangent vectors over `n_intervals` records of one interval each, after `transient_intervals` left out.

    interval: time (flows), iterations (maps) or steps of the longest lag / steps_per_lag (delays) between orthonormalisations. Method: variational
    equations beside the state, QR by modified Gram-Schmidt after every interval (Benettin et al. 1980; Shimada and Nagashima 1979).
    """
    run = TangentRun(system, initial, columns=columns, seed=seed, rtol=rtol, steps_per_lag=steps_per_lag, parameters=parameters, threads=threads)
    if transient_intervals:
        run.advance(transient_intervals, interval=interval)
    logs = run.advance(n_intervals, interval=interval)
    return Growth(logs, run.time_of(interval), run.status.copy(), run.evaluations)


def tangent_tableau(conservative: bool) -> Tableau:
    """Return the Runge-Kutta method for tangents: the highest order for conservative systems (drift of the integrals), else the cheapest stages."""
    methods = [load("integrators", name) for name in names("integrators")]
    tableaus = sorted((method.tableau for method in methods if hasattr(method, "tableau")), key=lambda tableau: (tableau.order, tableau.name))
    if not tableaus:
        raise InvariantError("no integrator in the catalogue has a tableau; tangents need a Runge-Kutta method")
    chosen: Tableau = tableaus[-1 if conservative else 0]
    return chosen


def _smallest_component(initial: InitialState) -> float:
    """Root mean square of the smallest component, not below a millionth of the largest."""
    seen = initial.states if initial.history is None else initial.history.reshape(-1, initial.states.shape[1])
    sizes = np.sqrt(np.mean(seen**2, axis=0))
    return two_digits(max(sizes.min(), 1e-6 * sizes.max(), 1e-100))


def slope(jacobian: np.ndarray) -> float:
    """Return a bound of the spectral norm of a matrix (D, D): the root of its largest column sum times its largest row sum of absolute values."""
    sizes = np.abs(jacobian)
    return float(max(np.sqrt(sizes.sum(axis=0).max() * sizes.sum(axis=1).max()), 1e-9))
