"""Measure Lyapunov exponents until their error is small enough: the one procedure behind every invariant made of exponents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.linalg import matrix_balance

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._block_error import BlockMean, block_mean
from chaosbench.invariants._jumps import has_jumps
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants._neighbours import NeighbourRun
from chaosbench.invariants._rounding import two_digits
from chaosbench.invariants._tangents import TangentRun, slope
from chaosbench.invariants._transients import default_transient, time_scale
from chaosbench.settling import on_attractor

Progress = Callable[[float, str], None]

FULL_SPECTRUM = 64
_FIRST, _RECORDS, _MOST_RECORDS = 128, 16, 128
_PILOT = 64
_FEW = 8
_FASTEST = 3.0  # a short run says too little about how long the last one must be
_FALL = 1.5  # errors fall like the length to the power -1/2 at last, like -1 while what orbits gain and lose at their ends counts
_NATS = 4.0
_SETTLING = 1e-6
_SHARE_WHEN_MIXED = 0.4
_MOTIONLESS = 1e-6  # tangents of constant rates do not move
_GROWTH_IN_A_BURST = 6.0  # units of ln; 3.8 were seen between halves of bursts that all starts have in phase (Hindmarsh-Rose)
_BIAS_IN_LANES, _BIAS_ALONE, _TENTH = 0.02, 1.0, 0.1
_TIGHTEST, _LOOSEST, _NO_MATTER = 1e-12, 1e-3, 3.0


@dataclass(frozen=True)
class Options:
    """Settings that a caller may change.

    n_exponents: None means all D up to 64 dimensions, otherwise enough to pass the Kaplan-Yorke dimension. starts: independent orbits. rtol: error
    per step of the orbit (None: by the target, see `measure_exponents`). transient: time before measuring (None: the definition's default).
    steps_per_lag: delays, None means until the local error is below rtol. neighbours: carry displaced orbits in the place of tangents; None means
    where the right-hand side of a flow jumps. work_limit: `TangentRun.work` after which the run ends as "short" (1e10 is
    about 20 s of one core).
    """

    n_exponents: int | None = None
    starts: int = 32
    rtol: float | None = None
    transient: float | None = None
    steps_per_lag: int | None = None
    neighbours: bool | None = None
    work_limit: float = 1e10
    threads: int | None = None

    def with_exponents(self, n_exponents: int) -> "Options":
        """Return these options for the first `n_exponents` exponents."""
        return replace(self, n_exponents=n_exponents)


@dataclass(frozen=True)
class Exponents:
    """What was measured: rates (B, M, K) per unit time, one row a record of `time`; statistics over the orbits that survived; how it was done."""

    rates: np.ndarray
    time: float
    status: np.ndarray
    statistics: BlockMean
    error: float
    settings: Mapping[str, Any]

    @property
    def escaped(self) -> int:
        """Number of orbits that ended early."""
        return int(np.count_nonzero(self.status))


@dataclass
class _Plan:
    """How a run goes on: the interval, the steps between orthonormalisations (flows in lanes), and what the pilot found."""

    run: TangentRun | NeighbourRun
    interval: float
    every: int
    exponents: np.ndarray
    volume: bool

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
        return 200 if self.run.columns <= _FEW else max(64, self.run.columns)

    def tolerance(self, error_of: Callable[[BlockMean], float], target_error: float, conservative: bool) -> float:
        """Return the rtol at which the bias is a tenth of the target, the run's own for maps and delays, whose steps are not chosen by it.

        Where the sum of a flow's exponents is known, it is off by rtol times the largest rate times 0.02 at most in lanes (Chua's circuit; smooth
        flows a tenth of that), and 0.5 with a Runge-Kutta pair (Lorenz 1996). At the loosest, 1e-3, flows that preserve volume do so to 5e-6 of their
        exponents. Conservative systems keep their own at least, for the sake of their integrals, and flows with kinks for that of their tangents.
        """
        share = _BIAS_IN_LANES if self.run.in_lanes else _BIAS_ALONE
        off = np.full(len(self.exponents), share * self.run.rtol * float(np.abs(self.exponents).max()))
        bias = error_of(BlockMean(self.exponents, off, np.diag(off**2), 1, "bias", True, False, False))
        if not self.run.adaptive or not bias > 0:
            return self.run.rtol
        loosest = self.run.rtol if conservative or not self.run.in_lanes else min(_LOOSEST, self.run.loosest)
        return two_digits(min(max(self.run.rtol * _TENTH * target_error / bias, _TIGHTEST), loosest))


def measure_exponents(
    system: CompiledSystem,
    *,
    seed: int,
    error_of: Callable[[BlockMean], float],
    target_error: float | None,
    duration: float | None,
    options: Options,
    progress: Progress | None = None,
) -> Exponents:
    """Measure until error_of(statistics) <= target_error, or for `duration` (system time, summed over the orbits).

    Method: `starts` orbits from independent draws after the transient; a pilot chooses the interval between orthonormalisations so that the ratio
    of the fastest to the slowest column stays near e^4, delays choose their step, the number of exponents grows until their sum is negative; some
    intervals are left out for the columns to turn; then records are taken, and the run is extended, by what the error still is too large, until the
    target is met. With a target, rtol is such that the bias stays below a tenth of it. Orbits that never meet make no better mean together: on them
    four tenths of the work limit are spent.
    """
    if (target_error is None) == (duration is None):
        raise InvariantError(f"target_error = {target_error!r} and duration = {duration!r}: give exactly one of the two")
    limit = target_error if duration is None else duration
    if limit is None or not (np.isfinite(limit) and limit > 0):
        raise InvariantError(f"{'target_error' if duration is None else 'duration'} = {limit!r}: must be finite and positive")
    report = progress or _silent
    report(0.0, f"{system.definition.name}: transient of {options.starts} orbits")
    transient = default_transient(system) if options.transient is None else options.transient
    initial = on_attractor(
        system, n=options.starts, seed=seed, purpose="exponents", transient=transient, rtol=_SETTLING, atol=1e-3 * _SETTLING, threads=options.threads
    )
    if options.neighbours is None:
        options = replace(options, neighbours=not system.tape.smooth and has_jumps(system, initial, time_scale(system)))
    report(0.05, "pilot")
    plan = _plan(system, initial, seed, options)
    if target_error is not None and options.rtol is None:
        rtol = plan.tolerance(error_of, target_error, system.definition.conservative)
        if not plan.run.rtol <= rtol <= _NO_MATTER * plan.run.rtol:
            plan = _plan(system, initial, seed, replace(options, rtol=rtol))
    plan.advance(1, plan.turns)
    per_record, records = _first_length(plan, duration, options.starts)
    rates = plan.advance(records, per_record)
    while duration is None:
        statistics, error = _evaluate(rates, plan.run.status, plan, per_record, error_of)
        report(min(0.95, 0.1 + 0.9 * (limit / error) ** 2 if error > 0 else 0.95), f"standard error {error:.2g}, target {limit:.2g}")
        ratio = 1.05 * (error / limit) ** _FALL
        left = options.work_limit * (_SHARE_WHEN_MIXED if statistics.mixed else 1.0) / max(1.0, plan.run.work)
        if not error > limit or plan.run.status.any() or left < 1.1:
            break
        rates, per_record = _extend(plan, rates, per_record, min(max(ratio, 1.25), _FASTEST, left))
    statistics, error = _evaluate(rates, plan.run.status, plan, per_record, error_of)
    report(1.0, "done")
    time = plan.run.time_of(plan.interval) * per_record
    return Exponents(rates, time, plan.run.status.copy(), statistics, error, _settings(system, plan, per_record, rates, seed, options, transient))


def _evaluate(rates: np.ndarray, status: np.ndarray, plan: _Plan, per_record: int, error_of: Callable[[BlockMean], float]) -> tuple[BlockMean, float]:
    """Statistics over surviving orbits; growth within one oscillation is not called a disagreement."""
    alive = rates[status == Status.OK]
    if not len(alive):
        nothing = np.full(rates.shape[2], np.nan)
        return BlockMean(nothing, nothing, np.full((rates.shape[2],) * 2, np.nan), 1, "no orbit", False, False, False), np.nan
    half = 0.5 * rates.shape[1] * per_record * plan.run.time_of(plan.interval)
    statistics = block_mean(alive, slack=_GROWTH_IN_A_BURST / half)
    return statistics, float(error_of(statistics))


def _extend(plan: _Plan, rates: np.ndarray, per_record: int, ratio: float) -> tuple[np.ndarray, int]:
    """Carry on to `ratio` times the length; records are joined two by two while there would be more than 128."""
    wanted = rates.shape[1] * ratio
    while wanted > _MOST_RECORDS and rates.shape[1] % 2 == 0:
        rates = 0.5 * (rates[:, 0::2] + rates[:, 1::2])
        per_record, wanted = 2 * per_record, wanted / 2
    more = -(-int(np.ceil(wanted)) // 4) * 4 - rates.shape[1]
    return np.concatenate([rates, plan.advance(max(more, 4), per_record)], axis=1), per_record


def _first_length(plan: _Plan, duration: float | None, starts: int) -> tuple[int, int]:
    """Return (intervals in a record, records) of the first part."""
    if duration is None:
        return _FIRST // _RECORDS, _RECORDS
    intervals = int(np.ceil(duration / (starts * plan.run.time_of(plan.interval)) - 1e-9))
    if intervals < 8:
        least = 8 * starts * plan.run.time_of(plan.interval)
        raise InvariantError(f"duration = {duration:g}: too short for {starts} orbits; give at least {least:.3g} units of time")
    per_record = max(-(-intervals // _MOST_RECORDS), min(_FIRST // _RECORDS, intervals // _RECORDS), 1)
    return per_record, -(-intervals // per_record)


def _plan(system: CompiledSystem, initial: InitialState, seed: int, options: Options) -> _Plan:
    """Choose the number of columns, the fixed step of delays and the interval from short runs."""
    delays = system.definition.kind == "delays"
    automatic = options.n_exponents is None
    if options.n_exponents is not None:
        columns = options.n_exponents
    elif delays:
        columns = 4
    else:
        columns = system.dimension if system.dimension <= FULL_SPECTRUM else 16
    most = FULL_SPECTRUM if delays else system.dimension
    steps = _steps_per_lag(system, initial, seed, options) if delays else 0
    while True:
        plan = _pilot(system, initial, columns, steps, seed, options)
        enough = not automatic or columns >= most or plan.exponents.sum() < 0
        if enough:
            break
        columns = min(most, 2 * columns)
    if automatic and (delays or system.dimension > FULL_SPECTRUM):
        wanted = min(most, int(np.ceil(kaplan_yorke(plan.exponents)[0])) + 3)
        if wanted != columns:
            plan = _pilot(system, initial, wanted, steps, seed, options)
    return plan


def _pilot(system: CompiledSystem, initial: InitialState, columns: int, steps: int, seed: int, options: Options) -> _Plan:
    run: TangentRun | NeighbourRun
    if options.neighbours:
        run = NeighbourRun(system, initial, columns=columns, seed=seed, threads=options.threads)
    else:
        run = TangentRun(system, initial, columns=columns, seed=seed, rtol=options.rtol, steps_per_lag=steps, threads=options.threads)
    first = _first_interval(system, initial, steps)
    run.advance(1, interval=first, per_record=_PILOT)
    rates = run.advance(1, interval=first, per_record=_PILOT)[:, 0] / (_PILOT * run.time_of(first))
    alive = rates[run.status == Status.OK]
    exponents = alive.mean(axis=0) if len(alive) else np.zeros(columns)
    spread = exponents[0] - exponents[-1] if columns > 1 else abs(exponents[0])
    longest = 20.0 * first if steps == 0 else float(steps)
    interval = min(longest, _NATS / (run.time_of(1.0) * max(float(spread), 1e-300))) if np.isfinite(spread) else first
    whole = system.definition.kind != "flows"
    interval = max(1.0, float(np.floor(interval))) if whole else two_digits(max(interval, first))
    volume = system.definition.conservative and 1 < columns == system.dimension
    return _Plan(run, interval, run.steps_in(interval), exponents, volume)


def _first_interval(system: CompiledSystem, initial: InitialState, steps: int) -> float:
    """Time in which the fastest tangent grows or shrinks by about e, a period if none does; one iteration; a quarter of the longest lag (delays)."""
    kind = system.definition.kind
    if kind == "maps":
        return 1.0
    if kind == "delays":
        return float(max(1, steps // 4))
    balanced = [matrix_balance(system.jacobian(state[None])[0], permute=False)[0] for state in initial.states[:8]]  # units do not matter
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


def _settings(
    system: CompiledSystem, plan: _Plan, per_record: int, rates: np.ndarray, seed: int, options: Options, transient: float
) -> dict[str, Any]:
    run, flows = plan.run, system.definition.kind != "maps"
    return {
        "system": system.definition.name,
        "identity": system.definition.identity,
        "seed": seed,
        "purpose": "exponents",
        "starts": options.starts,
        "transient": transient,
        "columns": run.columns,
        "interval": run.time_of(plan.interval),
        "steps_between_orthonormalisations": plan.every if run.in_lanes and flows else None,
        "steps_per_lag": run.steps_per_lag,
        "tangent_transient": plan.turns * run.time_of(plan.interval),
        "intervals_per_record": per_record,
        "records": rates.shape[1],
        "duration": rates.shape[0] * rates.shape[1] * per_record * run.time_of(plan.interval),
        "method": run.method,
        "neighbours": isinstance(run, NeighbourRun),
        "rtol": run.rtol if flows else None,
        "atol": run.atol if flows else None,
        "evaluations": run.evaluations,
        "versions": dict(_versions()),
    }


@cache
def _versions() -> Mapping[str, str]:
    return MappingProxyType({name: version(name) for name in ("chaosbench", "numpy", "numba", "llvmlite")})


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
