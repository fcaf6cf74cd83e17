"""Measure Lyapunov exponents until their error is small enough: the one procedure behind every invariant made of exponents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._block_error import BlockMean, block_mean
from chaosbench.invariants._field_run import FieldRun
from chaosbench.invariants._jumps import has_jumps
from chaosbench.invariants._neighbours import NeighbourRun
from chaosbench.invariants._plans import Options, Plan, plan_run
from chaosbench.invariants._transients import default_transient, time_scale
from chaosbench.settling import on_attractor

Progress = Callable[[float, str], None]

_FIRST, _FIRST_OF_PLANES, _RECORDS, _MOST_RECORDS = 128, 32, 16, 128
_FASTEST = 3.0  # a short run says too little about how long the last one must be
_FALL = 1.5  # errors fall like the length to the power -1/2 at last, like -1 while what orbits gain and lose at their ends counts
_NATS = (4.0, 1.0, 0.25)  # the next where a column is lost in rounding: bursts contract far faster than the mean
_SETTLING = 1e-6
_SHARE_WHEN_MIXED = 0.4
_GROWTH_IN_A_BURST = 6.0  # units of ln; 3.8 were seen between halves of bursts that all starts have in phase (Hindmarsh-Rose)
_NO_MATTER = 3.0


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

    Method: `starts` orbits from independent draws after the transient; a pilot chooses the interval between orthonormalisations so that the ratio of
    the fastest to the slowest column stays near e^4 (e or e^1/4 where a flow's column is lost in rounding), delays choose their step, the number of
    exponents grows until their sum is negative; some intervals are left out for the columns to turn; then records are taken, and the run is extended,
    by what the error still is too large, until the target is met. With a target, rtol is such that the bias stays below a tenth of it. Orbits that
    never meet make no better mean together: on them four tenths of the work limit are spent.
    A flow's column that is lost at every interval is left out, if nobody asked for it; else InvariantError is raised.
    """
    if (target_error is None) == (duration is None):
        raise InvariantError(f"target_error = {target_error!r} and duration = {duration!r}: give exactly one of the two")
    limit = target_error if duration is None else duration
    if limit is None or not (np.isfinite(limit) and limit > 0):
        raise InvariantError(f"{'target_error' if duration is None else 'duration'} = {limit!r}: must be finite and positive")
    options = options.with_starts(system)
    report = progress or _silent
    report(0.0, f"{system.definition.name}: transient of {options.starts} orbits")
    transient = default_transient(system) if options.transient is None else options.transient
    initial = on_attractor(
        system, n=options.starts, seed=seed, purpose="exponents", transient=transient, rtol=_SETTLING, atol=1e-3 * _SETTLING, threads=options.threads
    )
    if options.neighbours is None:
        rough = not system.tape.smooth and system.definition.kind != "fields" and system.definition.noise is None
        options = replace(options, neighbours=rough and has_jumps(system, initial, time_scale(system), options.threads))
    for nats in _NATS:
        found = _measured(system, initial, seed, error_of, target_error, duration, replace(options, transient=transient, nats=nats), report)
        if system.definition.kind != "flows" or not np.isneginf(found.rates).any():
            return found
    if found.settings["columns"] > 2 and options.n_exponents is None:
        fewer = replace(options, n_exponents=found.settings["columns"] - 1, transient=transient)
        return measure_exponents(system, seed=seed, error_of=error_of, target_error=target_error, duration=duration, options=fewer, progress=progress)
    raise InvariantError(
        f"{system.definition.name}: it contracts so fast at times that a tangent is lost in rounding; ask for fewer exponents (n_exponents)"
    )


def _measured(
    system: CompiledSystem,
    initial: InitialState,
    seed: int,
    error_of: Callable[[BlockMean], float],
    target_error: float | None,
    duration: float | None,
    options: Options,
    report: Progress,
) -> Exponents:
    """Measure from the settled states `initial`, with all options decided."""
    limit = target_error if target_error is not None else 0.0
    report(0.05, "pilot")
    plan = plan_run(system, initial, seed, options)
    if target_error is not None and options.rtol is None:
        rtol = plan.tolerance(error_of, target_error, system.definition.conservative)
        if not plan.run.rtol <= rtol <= _NO_MATTER * plan.run.rtol:
            plan = plan_run(system, initial, seed, replace(options, rtol=rtol))
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
    return Exponents(rates, time, plan.run.status.copy(), statistics, error, _settings(system, plan, per_record, rates, seed, options))


def _evaluate(rates: np.ndarray, status: np.ndarray, plan: Plan, per_record: int, error_of: Callable[[BlockMean], float]) -> tuple[BlockMean, float]:
    """Statistics over surviving orbits; growth within one oscillation is not called a disagreement."""
    alive = rates[status == Status.OK]
    if not len(alive):
        nothing = np.full(rates.shape[2], np.nan)
        return BlockMean(nothing, nothing, np.full((rates.shape[2],) * 2, np.nan), 1, "no orbit", False, False, False), np.nan
    half = 0.5 * rates.shape[1] * per_record * plan.run.time_of(plan.interval)
    statistics = block_mean(alive, slack=_GROWTH_IN_A_BURST / half)
    return statistics, float(error_of(statistics))


def _extend(plan: Plan, rates: np.ndarray, per_record: int, ratio: float) -> tuple[np.ndarray, int]:
    """Carry on to `ratio` times the length; records are joined two by two while there would be more than 128."""
    wanted = rates.shape[1] * ratio
    while wanted > _MOST_RECORDS and rates.shape[1] % 2 == 0:
        rates = 0.5 * (rates[:, 0::2] + rates[:, 1::2])
        per_record, wanted = 2 * per_record, wanted / 2
    more = -(-int(np.ceil(wanted)) // 4) * 4 - rates.shape[1]
    return np.concatenate([rates, plan.advance(max(more, 4), per_record)], axis=1), per_record


def _first_length(plan: Plan, duration: float | None, starts: int) -> tuple[int, int]:
    """Return (intervals in a record, records) of the first part."""
    if duration is None:
        return (_FIRST_OF_PLANES if plan.planes else _FIRST) // _RECORDS, _RECORDS
    intervals = int(np.ceil(duration / (starts * plan.run.time_of(plan.interval)) - 1e-9))
    if intervals < 8:
        least = 8 * starts * plan.run.time_of(plan.interval)
        raise InvariantError(f"duration = {duration:g}: too short for {starts} orbits; give at least {least:.3g} units of time")
    per_record = max(-(-intervals // _MOST_RECORDS), min(_FIRST // _RECORDS, intervals // _RECORDS), 1)
    return per_record, -(-intervals // per_record)


def _settings(system: CompiledSystem, plan: Plan, per_record: int, rates: np.ndarray, seed: int, options: Options) -> dict[str, Any]:
    run, flows = plan.run, not system.definition.discrete and system.definition.kind != "fields"
    return {
        "system": system.definition.name,
        "identity": system.definition.identity,
        "seed": seed,
        "purpose": "exponents",
        "starts": options.starts,
        "transient": options.transient,
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
        **({"step": run.step} if isinstance(run, FieldRun) else {}),
        "versions": dict(_versions()),
    }


@cache
def _versions() -> Mapping[str, str]:
    return MappingProxyType({name: version(name) for name in ("chaosbench", "numpy", "numba", "llvmlite")})


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
