"""How exponents of a system are measured: options, and what short runs choose: columns, steps of delays, the interval between orthonormalisations."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import matrix_balance

from chaosbench.dynamics.compile import CompiledSystem, FieldSystem
from chaosbench.integrators._noise_steps import FRACTION
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._field_run import FieldRun, degrees_of_freedom
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants._neighbours import DISTANCE, NeighbourRun
from chaosbench.invariants._rounding import two_digits
from chaosbench.invariants._tangents import TangentRun, slope
from chaosbench.invariants._transients import time_scale

FULL_SPECTRUM = 64
STARTS, STARTS_OF_LINES, STARTS_OF_PLANES = 32, 16, 8
WORK_LIMIT, WORK_OF_MANY, WORK_OF_LINES, WORK_OF_PLANES = 2.5e9, 1e9, 6e9, 8e10  # of a measurement for the registry
_PILOT, _PILOT_OF_PLANES = 64, 16
LEADING, _LEADING_OF_PLANES = 4, 2  # exponents of fields where more would not make a dimension, or cost too much
_FEW = 8
_MANY, _FAR, _ROOM = 12, 4.0, 3
_GENTLE = 0.5  # of the nats: in bursts columns part far faster than on the mean
_BIAS_IN_LANES, _BIAS_ALONE, _TENTH = 0.02, 1.0, 0.1
_MOST_NATS, _LESS_THAN_MOST, _SHORTENINGS = 25.0, 0.8, 6  # rounding is 36.7 below 1
_MOTIONLESS = 1e-6  # tangents of constant rates do not move
_TIGHTEST = 1e-12
_STEPS = 4.0  # of fields, at first


@dataclass(frozen=True)
class Options:
    """Settings that a caller may change.

    n_exponents: None means all D up to 64 dimensions, 2 of fields in two dimensions and 4 of fields that conserve, otherwise, and where the last of
    more than twelve contract far faster than the others, enough to pass the Kaplan-Yorke dimension. starts: independent orbits, 0 means 32, of fields
    16, in two dimensions 8. rtol: error per step of the orbit (None: by the target, see `measure_exponents`). transient: time before measuring (None:
    the definition's default).
    steps_per_lag: delays, None means until the local error is below rtol. neighbours: carry displaced orbits in the place of tangents; None means
    where the right-hand side of a flow jumps; distance: of these, relative. splitting: longest step of a splitting method in the place of steps with
    error control, for flows that split: its tangents are symplectic. step: of fields; None means what the starts ask for. nats: ln of the ratio of
    fastest and slowest column between orthonormalisations. work_limit: `TangentRun.work` after which the run ends as "short" (1e10 is about 20 s of
    one core).
    """

    n_exponents: int | None = None
    starts: int = 0
    rtol: float | None = None
    transient: float | None = None
    steps_per_lag: int | None = None
    neighbours: bool | None = None
    distance: float = DISTANCE
    splitting: float | None = None
    step: float | None = None
    nats: float = 4.0
    work_limit: float = 1e10
    threads: int | None = None

    def with_starts(self, system: CompiledSystem) -> "Options":
        """Return these options with the number of orbits that a system usually gets, if none is given."""
        fields = isinstance(system, FieldSystem)
        usual = STARTS_OF_PLANES if isinstance(system, FieldSystem) and system.plane else STARTS_OF_LINES if fields else STARTS
        return self if self.starts else replace(self, starts=usual)

    def with_exponents(self, n_exponents: int) -> "Options":
        """Return these options for the first `n_exponents` exponents."""
        return replace(self, n_exponents=n_exponents)


@dataclass
class Plan:
    """How a run goes on: the interval, the steps between orthonormalisations (flows in lanes), and what the pilot found."""

    run: TangentRun | NeighbourRun
    interval: float
    every: int
    exponents: np.ndarray
    volume: bool
    planes: bool = False

    def advance(self, records: int, per_record: int) -> np.ndarray:
        """Return the rates (B, M, K) over so many more records."""
        logs = self.run.advance(records, interval=self.interval, per_record=per_record, every=self.every)
        if self.volume:  # a column that is lost in rounding (-inf) is what the others leave of a volume that is kept
            lost = np.isneginf(logs[..., -1])
            logs[..., -1] = np.where(lost, -logs[..., :-1].sum(axis=-1), logs[..., -1])
        return logs / (per_record * self.run.time_of(self.interval))

    @property
    def turns(self) -> int:
        """Intervals left out for the columns to turn: many where they cost little, else enough for even gaps between neighbours."""
        if self.planes:
            return 2 * _PILOT_OF_PLANES
        return 200 if self.run.columns <= _FEW else max(64, self.run.columns)

    def tolerance(self, error_of: Callable[[BlockMean], float], target_error: float, conservative: bool) -> float:
        """Return the rtol at which the bias is a tenth of the target, the run's own for maps and delays, whose steps are not chosen by it.

        Where the sum of a flow's exponents is known, it is off by rtol times the largest rate times 0.02 at most in lanes (Chua's circuit; smooth
        flows a tenth of that), and 0.5 with a Runge-Kutta pair (Lorenz 1996). Never looser than it began: that would save no time, and steps in lanes
        follow the orbit alone, so that the fastest contraction of spikes is off by more: 29.14 came out as 29.47 at 1e-3 and 28.74 at 1e-5 (excitable
        cell), the zero exponent of hyper_qi as -0.04(1) and -0.01(1) of 12.5. Conservative systems keep their own at least, for the sake of their
        integrals, and flows with kinks for that of their tangents.
        """
        share = _BIAS_IN_LANES if self.run.in_lanes else _BIAS_ALONE
        off = np.full(len(self.exponents), share * self.run.rtol * float(np.abs(self.exponents).max()))
        bias = error_of(BlockMean(self.exponents, off, np.diag(off**2), 1, "bias", True, False, False))
        if not self.run.adaptive or not bias > 0:
            return self.run.rtol
        loosest = self.run.rtol if conservative or not self.run.in_lanes else self.run.loosest
        return two_digits(min(max(self.run.rtol * _TENTH * target_error / bias, _TIGHTEST), loosest))


def work_limit_of(system: CompiledSystem) -> float:
    """Return the work that a measurement for the registry may take."""
    if isinstance(system, FieldSystem):
        return WORK_OF_PLANES if system.plane else WORK_OF_LINES
    return WORK_OF_MANY if system.dimension > _MANY else WORK_LIMIT


def plan_run(system: CompiledSystem, initial: InitialState, seed: int, options: Options) -> Plan:
    """Choose the number of columns, the fixed step of delays and the interval from short runs."""
    delays, fields = system.definition.kind == "delays", system.definition.kind == "fields"
    automatic = options.n_exponents is None
    plane = isinstance(system, FieldSystem) and system.plane
    if options.n_exponents is not None:
        columns = options.n_exponents
    elif delays or fields:
        columns = _LEADING_OF_PLANES if plane else LEADING
    else:
        columns = system.definition.tangent_dimension if system.dimension <= FULL_SPECTRUM else 16
    most = FULL_SPECTRUM if delays else system.definition.tangent_dimension
    if fields:
        most = min(_most_columns(system, plane), degrees_of_freedom(system))
    steps = _steps_per_lag(system, initial, seed, options) if delays else 0
    while True:
        plan = _pilot(system, initial, columns, steps, seed, options)
        enough = not automatic or columns >= most or plan.exponents.sum() < 0
        if enough:
            break
        columns = min(most, 2 * columns)
    if automatic and plan.exponents.sum() < 0 and (delays or fields or system.dimension > FULL_SPECTRUM):
        wanted = min(most, int(np.ceil(kaplan_yorke(plan.exponents)[0])) + _ROOM)
        return plan if wanted == columns else _pilot(system, initial, wanted, steps, seed, options)
    if (
        automatic and fields and LEADING < columns == most < degrees_of_freedom(system)
    ):  # more columns than can be had would be needed for a dimension
        return _pilot(system, initial, LEADING, steps, seed, options)
    if automatic and not (delays or fields) and _last_cost_most(plan.exponents):
        return _without_the_last(system, initial, seed, options, plan)
    return plan


def _most_columns(system: CompiledSystem, plane: bool) -> int:
    """Return how many exponents of fields may be measured; what keeps volume has no dimension below that of its space."""
    return _LEADING_OF_PLANES if plane else LEADING if system.definition.conservative else FULL_SPECTRUM


def _last_cost_most(exponents: np.ndarray) -> bool:
    """Whether many exponents far beyond the dimension contract so fast that they decide how often columns are orthonormalised (viscosity)."""
    spread = exponents[0] - exponents
    return len(exponents) > _MANY and bool(spread[-1] > _FAR * spread[min(_enough(exponents), len(exponents)) - 1])


def _enough(exponents: np.ndarray) -> int:
    """Return how many exponents pass the Kaplan-Yorke dimension, with room for the error of a short run."""
    dimension = kaplan_yorke(exponents)[0]
    return int(np.ceil(dimension + max(_ROOM, dimension / 4.0)))


def _without_the_last(system: CompiledSystem, initial: InitialState, seed: int, options: Options, plan: Plan) -> Plan:
    """Plan again for the exponents that make the dimension: slow ones, in long pilots; columns are added until their sum is negative."""
    columns = _enough(plan.exponents)
    spread = float(plan.exponents[0] - plan.exponents[columns - 1])
    while columns < system.dimension:
        plan = _pilot(system, initial, columns, 0, seed, options, two_digits(_GENTLE * options.nats / spread))
        if plan.exponents.sum() < 0:
            break
        columns, spread = columns + _ROOM, 1.5 * spread
    return plan


def _pilot(
    system: CompiledSystem, initial: InitialState, columns: int, steps: int, seed: int, options: Options, interval: float | None = None
) -> Plan:
    """Run `columns` for a short time and plan by what they did; `interval` is a first guess, None means one that is surely short enough."""
    run: TangentRun | NeighbourRun
    if options.neighbours:
        run = NeighbourRun(system, initial, columns=columns, seed=seed, distance=options.distance, threads=options.threads)
    elif system.definition.kind == "fields":
        run = FieldRun(system, initial, columns=columns, seed=seed, step=options.step, threads=options.threads)
    else:
        run = TangentRun(
            system,
            initial,
            columns=columns,
            seed=seed,
            rtol=options.rtol,
            steps_per_lag=steps,
            splitting=options.splitting,
            threads=options.threads,
        )
    first, pilot = interval or _first_interval(system, initial, steps), _pilot_length(system)
    run.advance(1, interval=first, per_record=pilot)
    rates = run.advance(1, interval=first, per_record=pilot)[:, 0] / (pilot * run.time_of(first))
    alive = rates[run.status == Status.OK]
    exponents = alive.mean(axis=0) if len(alive) else np.zeros(columns)
    if interval is None:
        interval = _interval_of(system, run, exponents, first, steps, options.nats)
    interval = _within_rounding(system, run, interval)
    volume = system.definition.conservative and 1 < columns == system.definition.tangent_dimension
    return Plan(run, interval, run.steps_in(interval), exponents, volume, isinstance(system, FieldSystem) and system.plane)


def _pilot_length(system: CompiledSystem) -> int:
    """Return the intervals of a pilot."""
    return _PILOT_OF_PLANES if isinstance(system, FieldSystem) and system.plane else _PILOT


def _interval_of(system: CompiledSystem, run: TangentRun | NeighbourRun, exponents: np.ndarray, first: float, steps: int, nats: float) -> float:
    """Return the interval in which the fastest and the slowest column part by `nats`, at most 20 of the first or the longest lag."""
    spread = exponents[0] - exponents[-1] if len(exponents) > 1 else abs(exponents[0])
    longest = 20.0 * first if steps == 0 else float(steps)
    interval = min(longest, nats / (run.time_of(1.0) * max(float(spread), 1e-300))) if np.isfinite(spread) else first
    whole = _counts_steps(system)
    return max(1.0, float(np.floor(interval))) if whole else two_digits(max(interval, first))


def _within_rounding(system: CompiledSystem, run: TangentRun | NeighbourRun, interval: float) -> float:
    """Return `interval`, or a shorter one, in which no burst parts the first and the last column so far that rounding decides the last."""
    whole = _counts_steps(system)
    for _ in range(_SHORTENINGS):
        logs = run.advance(_pilot_length(system), interval=interval, per_record=1, every=run.steps_in(interval))[run.status == Status.OK]
        parted = float((logs[..., 0] - logs[..., -1]).max()) if len(logs) else 0.0
        if system.definition.events:  # what an event leaves without length is lost at any interval
            parted = float(np.nanmax(np.where(np.isneginf(logs), np.nan, logs[..., :1] - logs), initial=0.0))
        if not parted > _MOST_NATS or (whole and interval <= 1.0):
            break
        shorter = interval * max(_TENTH, _LESS_THAN_MOST * _MOST_NATS / parted)
        interval = max(1.0, float(np.floor(shorter))) if whole else two_digits(shorter)
    return interval


def _counts_steps(system: CompiledSystem) -> bool:
    """Whether an interval is a number of iterations or of steps: a part of one would be counted as time and not taken."""
    return system.definition.kind in ("maps", "delays", "fields") or system.definition.noise is not None


def _first_interval(system: CompiledSystem, initial: InitialState, steps: int) -> float:
    """Time in which the fastest tangent grows or shrinks by about e, a period if none does; one iteration; a part of the longest lag; some steps."""
    kind = system.definition.kind
    if system.definition.discrete:
        return 1.0
    if system.definition.noise is not None:
        return float(round(1.0 / FRACTION))
    if kind == "delays":
        return float(max(1, steps // 4))
    if kind == "fields":
        return _STEPS
    jacobians = system.jacobian(initial.states[:8])
    balanced = [matrix_balance(matrix, permute=False)[0] for matrix in jacobians if np.isfinite(matrix).all()] or [
        jacobians[0]
    ]  # units do not matter
    fastest = float(np.median([slope(matrix) for matrix in balanced]))
    return two_digits(1.0 / fastest) if fastest > _MOTIONLESS else time_scale(system)


def _steps_per_lag(system: CompiledSystem, initial: InitialState, seed: int, options: Options) -> int:
    """Double the number of steps in the longest lag until the local error of the orbit is within rtol everywhere in a pilot."""
    if options.steps_per_lag is not None:
        return options.steps_per_lag
    lags = np.asarray(system.lags(system.parameter_values))
    steps = max(32, int(np.ceil(lags.max() / lags.min() - 1e-9)))
    while steps < 8192:
        run = TangentRun(system, initial, columns=1, seed=seed, rtol=options.rtol, steps_per_lag=steps, threads=options.threads)
        run.advance(64, interval=float(max(1, steps // 4)))
        if run.status.any() or run.worst_error <= 1.0:
            break
        steps *= 2
    return steps
