"""How long chaos lasts that does not stay: until orbits settle on something regular, or leave for infinity."""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.integrators.base import Status
from chaosbench.invariants._tangents import TangentRun
from chaosbench.settling import on_attractor

_ORBITS, _RECORDS = 64, 128
_SHARE, _FEWEST = 0.1, 4
_CHANCE = 1e-4
_SHORTEST, _LONGER = 256.0, 4.0  # periods
_WORK_LIMIT = 1e10
_ENOUGH = 6.0  # units of ln within a tenth of a run; on limit cycles tangents first grow by 1 to 3
_PATIENCE = 2
_STEPS_PER_LAG = 64
_RTOL = 1e-6


def lifetime_of_chaos(
    system: CompiledSystem, *, seed: int, period: float, transient: float, threads: int | None = None
) -> tuple[float, float] | None:
    """Return the mean lifetime of chaos after `transient` and its standard error; None when fewer than 4 of 64 orbits were seen to end.

    Method: the growth of one tangent along 64 orbits, followed over 256 periods and then four times as long until half of those that were chaotic at
    first have ended, for 1024 periods at most without chaos and for 1e10 units of `TangentRun.work` at most with it. Lifetimes are exponentially
    distributed, so the estimate is the time spent in chaos over the number of ends, and its relative error the root of that number.
    """
    initial = on_attractor(system, n=_ORBITS, seed=seed, purpose="lifetime", transient=transient, rtol=_RTOL, atol=1e-3 * _RTOL, threads=threads)
    delays = system.definition.kind == "delays"
    steps = _STEPS_PER_LAG * int(np.ceil(np.max(system.lags()) / np.min(system.lags()))) if delays else 0
    interval = float(steps) if delays else 1.0 if system.definition.kind == "maps" else period
    length, attempt = _SHORTEST * period, 0
    while True:
        run = TangentRun(system, initial, columns=1, seed=seed, steps_per_lag=steps, threads=threads)
        per_record = max(1, int(np.ceil(length / _RECORDS / run.time_of(interval))))
        time = per_record * run.time_of(interval)
        logs = run.advance(1 + _RECORDS, interval=interval, per_record=per_record)[:, 1:, 0]
        ends, lived, starting = ends_of_chaos(logs / time, run.status != Status.OK, time)
        found = (lived / ends, lived / ends**1.5) if ends >= _FEWEST else None
        if ends >= max(starting, 1) / 2 or (not starting and attempt + 1 >= _PATIENCE) or _LONGER * run.work > _WORK_LIMIT:
            return found
        length, attempt = _LONGER * length, attempt + 1


def ends_of_chaos(rates: np.ndarray, escaped: np.ndarray, time: float) -> tuple[int, float, int]:
    """Return how many orbits left chaos, the time that all of them together spent in it, and how many were chaotic at first.

    Parameters: growth rates (B, M) in records of `time`, NaN from where an orbit escaped; escaped (B,).

    An orbit leaves by escaping, or by settling: its growth rate is then a step from the chaotic value c (the median over a tenth of the run of those
    that grow at first, by 6 units of ln or more, else nothing is taken for chaos) to a value below half of it, which stands where the sum S of
    (rate - c/2) is largest. In chaos S is a random walk with the drift c/2, so an orbit has settled if S falls by more than 9.2 times the variance of
    the rates over c, a chance of 1e-4 without a step.
    """
    rates, escaped = rates[~np.isnan(rates[:, 0])], escaped[~np.isnan(rates[:, 0])]
    if not len(rates):
        return 0, 0.0, 0
    runs, records = rates.shape
    lived = (~np.isnan(rates)).sum(axis=1)
    finite = rates[np.isfinite(rates)]
    lowest = float(finite.min(initial=0.0)) - float(finite.max(initial=1.0))  # for -inf, a superstable orbit
    known = np.where(np.isfinite(rates), rates, lowest)
    length = max(_FEWEST, int(_SHARE * records))
    first = known[:, :length].mean(axis=1)
    growing = first[first > 0.25 * max(0.0, float(np.quantile(first, 1.0 - _SHARE)))]
    chaotic = float(np.median(growing)) if growing.size else 0.0
    if chaotic * length * time < _ENOUGH:
        return 0, 0.0, 0
    steps = np.concatenate([np.zeros((runs, 1)), np.cumsum(known - 0.5 * chaotic, axis=1)], axis=1)
    steps[np.arange(records + 1) > lived[:, None]] = -np.inf
    settled = steps.argmax(axis=1)
    in_chaos = np.arange(records) < settled[:, None]
    room = -np.log(_CHANCE) * float(np.var(known[in_chaos])) / chaotic if in_chaos.any() else 0.0
    fell = steps[np.arange(runs), settled] - steps[np.arange(runs), lived] > room
    ended = np.where(escaped, lived + 0.5, np.where(fell, settled, records))
    starting = (settled > 0) | ~fell
    return int(np.count_nonzero((escaped | fell) & starting)), float(ended[starting].sum()) * time, int(np.count_nonzero(starting))
