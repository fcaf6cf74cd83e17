"""Growth of tangent vectors along many independent orbits: what every exponent and dimension from exponents is made of."""

from dataclasses import dataclass

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import InvariantError
from chaosbench.integrators._noise_steps import FRACTION
from chaosbench.integrators._splitting import Splitting
from chaosbench.integrators._threads import all_cores, run_blocks
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._carrier import Carrier
from chaosbench.invariants._hybrid_lane import HybridLane
from chaosbench.invariants._lane_blocks import LANES, LaneBlock, fits, taylor_order
from chaosbench.invariants._lanes import DelayLane, FlowLane, MapLane, SplittingLane
from chaosbench.invariants._noisy_lanes import noisy_lanes
from chaosbench.invariants._rounding import two_digits
from chaosbench.kernels.tableau import Tableau
from chaosbench.randomness import generator

RTOL = 1e-8
RTOL_OF_LARGE = 1e-5  # in lanes, where the longer series of RTOL would be too much code
RTOL_ALONE = 1e-4
RTOL_CONSERVATIVE = 1e-10
RTOL_WITH_KINKS = (
    1e-7  # a step that passes a kink carries the tangents of one side too far: at 3e-4 zero exponents came out as -0.01 (three-cell network)
)


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
    (atol is a tenth of rtol times the size of the smallest component). steps_per_lag: m, fixed steps in the longest lag (delays). splitting: longest
    step of the splitting method of highest order, in the place of steps with error control (flows that split). parameters (B, P).
    With noise rtol is the length of a step in units of the shortest time scale, see `_noisy_lanes`; the noise is that of (seed, initial.noise).
    Orbits run on threads; results depend neither on how many nor on which orbits run side by side.

    method: in words. in_lanes: whether orbits run eight at a time, a flow's by Taylor series of `order`, for which `rtol` bounds the last term.
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
        splitting: float | None = None,
        parameters: np.ndarray | None = None,
        threads: int | None = None,
    ) -> None:
        definition, runs, dimension = system.definition, len(initial.states), system.dimension
        if columns < 1 or (definition.kind != "delays" and columns > definition.tangent_dimension):
            most = definition.tangent_dimension
            raise InvariantError(f"{definition.name}: columns = {columns!r}; a {most}-dimensional system has 1 to {most} exponents")
        noisy = definition.noise is not None
        kinks = definition.kind == "flows" and not system.tape.smooth
        self.rtol = rtol or (RTOL_CONSERVATIVE if definition.conservative or definition.events else RTOL_WITH_KINKS if kinks else RTOL)
        self.in_lanes = splitting is None and not noisy and fits(system, columns, self.rtol)
        if not (self.in_lanes or noisy) and splitting is None and rtol is None and self.rtol == RTOL and fits(system, columns, RTOL_OF_LARGE):
            self.in_lanes, self.rtol = True, RTOL_OF_LARGE
        self.loosest = RTOL_WITH_KINKS if kinks else self.rtol if self.in_lanes else 1.0
        if not (self.in_lanes or rtol or definition.conservative or kinks or definition.events):
            self.rtol = RTOL_ALONE
        self.atol = (0.01 if self.in_lanes else 0.1) * self.rtol * _smallest_component(initial)
        self.status = np.zeros(runs, dtype=np.int8)
        self.columns = columns
        self.steps_per_lag = steps_per_lag
        self._threads = threads or all_cores()
        self.order = 0
        self.adaptive = definition.kind == "flows" and splitting is None
        self._passed = 0.0
        rows = np.broadcast_to(system.parameter_values if parameters is None else parameters, (runs, system.n_parameters))
        tangents = np.stack([directions(definition, seed, b, columns, dimension) for b in range(runs)])
        self._carriers: list[Carrier] = []
        if noisy:
            self.rtol, self.atol, self.loosest = rtol or FRACTION, 0.0, 1.0
            lanes, self.method = noisy_lanes(system, initial, tangents, rows, seed, rtol)
            self._carriers += lanes
            return
        if self.in_lanes:
            self.order = taylor_order(self.rtol) if definition.kind == "flows" else 0
            self.method = f"Taylor series of order {self.order}" if self.order else "iterated map"
            for first in range(0, runs, LANES):
                part = slice(first, first + LANES)
                self._carriers.append(LaneBlock(system, initial.states[part], tangents[part], rows[part], self.rtol, self.atol))
            return
        if splitting is not None:
            method = _splitting_method()
            self.method, self.rtol, self.atol = f"splitting of order {method.order}, step {splitting:g}", 0.0, 0.0
            for b in range(runs):
                self._carriers.append(SplittingLane(system, method.weights, initial.states[b], tangents[b], rows[b], splitting))
            return
        tableau = tangent_tableau(definition.conservative or bool(definition.events))
        self.method = tableau.name if definition.kind != "maps" else "iterated map"
        self.method += " from event to event" if definition.events else ""
        for b in range(runs):
            if definition.kind == "delays":
                self._carriers.append(DelayLane(system, tableau, initial, b, tangents[b], rows[b], self.rtol, self.atol, steps_per_lag))
            elif definition.events:
                self._carriers.append(HybridLane(system, tableau, initial.states[b], tangents[b], rows[b], self.rtol, self.atol))
            elif definition.kind == "maps":
                self._carriers.append(MapLane(system, initial.states[b], tangents[b], rows[b]))
            else:
                step = two_digits(0.01 / slope(system.jacobian(initial.states[b : b + 1], rows[b])[0]))
                self._carriers.append(FlowLane(system, tableau, initial.states[b], tangents[b], rows[b], self.rtol, self.atol, step))

    @property
    def evaluations(self) -> int:
        """Evaluations of the equations so far, over all orbits."""
        return sum(carrier.evaluations for carrier in self._carriers)

    @property
    def work(self) -> float:
        """Multiplications so far, roughly, over all orbits: the cost without a clock."""
        return sum(carrier.work for carrier in self._carriers)

    @property
    def worst_error(self) -> float:
        """Largest local error norm of the last `advance` (1 is the tolerance), where the step is fixed; else 0."""
        return max(carrier.worst for carrier in self._carriers)

    def time_of(self, interval: float) -> float:
        """Return the system time of `interval`: time (flows), iterations (maps) or steps of h (delays)."""
        return self._carriers[0].time_of(interval)

    def steps_in(self, interval: float) -> int:
        """Return how many whole steps the orbits take in `interval` on average, judged by what they did so far; at least 1."""
        steps = sum(carrier.steps for carrier in self._carriers)
        return max(1, int(interval * steps / self._passed)) if self._passed > 0 else 1

    def advance(self, records: int, *, interval: float, per_record: int = 1, every: int = 1) -> np.ndarray:
        """Carry every orbit over `records` records and return the log growth (B, M, K); an orbit that failed gives NaN from there on.

        Columns are orthonormalised after every interval, a flow's in lanes after `every` steps and at the end of a record.
        """
        logs = np.full((len(self.status), records, self.columns), np.nan)
        places = np.cumsum([0, *(carrier.orbits for carrier in self._carriers)])

        def carry(first: int, beyond: int, stop: np.ndarray) -> None:
            for k in range(first, beyond):
                part = slice(places[k], places[k + 1])
                self._carriers[k].advance(interval, per_record, every, logs[part], self.status[part], stop)

        run_blocks(carry, len(self._carriers), self._threads)
        self._passed += records * per_record * interval * np.count_nonzero(self.status == Status.OK)
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


def _splitting_method() -> type[Splitting]:
    """Return the splitting method of highest order."""
    methods = [method for method in (load("integrators", name) for name in names("integrators")) if issubclass(method, Splitting)]
    return max(methods, key=lambda method: method.order)


def directions(definition: SystemDefinition, seed: int, b: int, columns: int, dimension: int) -> np.ndarray:
    """Return the tangents (K, D) that orbit b starts with: orthonormal, of a delay system random.

    All D of a Hamiltonian system start as an orthonormal symplectic basis, the conjugate of column k at place D - k + 1. Orthonormalisation keeps it
    one (the factor R of a symplectic matrix is symplectic then), so that the growth of the two adds up to 0 at every time, not only in the mean.
    """
    stream = generator(seed, "tangents", definition.identity, b)
    if definition.kind == "delays":
        return stream.standard_normal((columns, dimension))
    if definition.hamiltonian is not None and definition.forcing_period is None and columns == dimension:
        half = dimension // 2
        unitary = np.linalg.qr(stream.standard_normal((half, half)) + 1j * stream.standard_normal((half, half)))[0]
        first = np.concatenate([unitary.real, unitary.imag])
        conjugate = np.concatenate([-unitary.imag, unitary.real])
        return np.ascontiguousarray(np.concatenate([first, conjugate[:, ::-1]], axis=1).T)
    if definition.events:  # what is discrete has no tangent
        moving = np.flatnonzero([not entry.discrete for entry in definition.state])
        found = np.zeros((columns, dimension))
        found[:, moving] = np.linalg.qr(stream.standard_normal((len(moving), len(moving))))[0][:columns]
        return found
    return np.asarray(np.linalg.qr(stream.standard_normal((dimension, dimension)))[0][:columns])


def _smallest_component(initial: InitialState) -> float:
    """Root mean square of the smallest component, not below a millionth of the largest."""
    seen = initial.states if initial.history is None else initial.history.reshape(-1, initial.states.shape[1])
    sizes = np.sqrt(np.mean(seen**2, axis=0))
    return two_digits(max(sizes.min(), 1e-6 * sizes.max(), 1e-100))


def slope(jacobian: np.ndarray) -> float:
    """Return a bound of the spectral norm of a matrix (D, D): the root of its largest column sum times its largest row sum of absolute values."""
    sizes = np.abs(jacobian)
    return float(max(np.sqrt(sizes.sum(axis=0).max() * sizes.sum(axis=1).max()), 1e-9))
