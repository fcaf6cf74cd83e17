"""Measure a system once and for all: regime, exponents, dimension, time scales and extent, as Facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DatasetError, InvariantError
from chaosbench.facts import SCHEMA, Confirmation, Facts, Measured, load_facts, save_facts
from chaosbench.integrators._choice import choose
from chaosbench.invariants._attractor import Attractor, survey
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._exponents import Exponents, Options, measure_exponents
from chaosbench.invariants._kaplan_yorke import dimension_with_error
from chaosbench.invariants._lifetimes import lifetime_of_chaos
from chaosbench.invariants._pair_fit import fit_of_points
from chaosbench.invariants._point_sets import points_of_system
from chaosbench.invariants._regime import CHAOTIC, WITHOUT_ATTRACTOR, regime_of
from chaosbench.invariants._transients import time_scale, transient_of

Progress = Callable[[float, str], None]

PRECISION, PRECISION_OF_MAPS = 0.004, 0.001
_OF_TOLERANCE = 0.8
_SLOWEST = 0.1
_WORK_LIMIT = 2.5e9
_LONGER = (1.0, 10.0)
_LESS, _LESS_WORK, _STARTS = 10.0, 0.1, 16
_TIGHTER, _TIGHTEST = 0.1, 1e-12
_POINTS, _MOST_DIMENSIONS = 80_000, 4.0


def measure(definition: SystemDefinition, *, seed: int = 0, threads: int | None = None, progress: Progress | None = None) -> Facts:
    """Return the measured facts of `definition`.

    Method: the transient is 100 dominant periods (maps: 1000 iterations, conservative systems: none). Exponents of 32 orbits until the standard
    error of the largest is 0.4 % of it (maps 0.1 %), or 0.0004 per period where it is below 0.1 per period, less where a published value asks for
    it, but for at most 2.5e9 units of `TangentRun.work` (about 10 s of one core), which leaves 1 % and more for the slowest. They are confirmed by a
    second, ten times less precise run with other starts, a ten times smaller tolerance and ten times the transient; if the two disagree, or the
    halves of the orbits do, all is done again with ten times the transient and a hundredth of the tolerance. Where there is no lasting chaos the
    lifetime of what went before is measured. Means, bounds and periods are those of 16 trajectories of 256 periods; the correlation dimension of
    80 000 points; the regime by `regime_of`.
    The result depends on definition, seed and versions alone. Raises InvariantError when every orbit leaves the attractor.
    """
    system = compile_system(definition)
    report = progress or _silent
    report(0.0, f"{definition.name}: period")
    period = time_scale(system)
    trials: list[_Trial] = []
    for longer in _LONGER:
        transient = transient_of(system, period) * longer
        rtol = trials[0].first.settings["rtol"] * _TIGHTER**2 if trials and trials[0].tangents_of_flow else None
        first = _exponents(system, seed, transient, period, rtol, threads, lambda fraction, text: report(0.05 + 0.6 * fraction, text))
        report(0.65, f"{definition.name}: confirmation")
        trials.append(_Trial(transient, first, _again(system, first, seed + 1, transient, period, threads)))
        if definition.conservative or first.escaped or trials[-1].sound:
            break
        report(0.0, f"{definition.name}: runs or halves of orbits disagree; transient ten times longer")
    report(0.75, f"{definition.name}: means, bounds and periods")
    extent = survey(system, seed=seed, period=period, transient=trials[-1].transient, threads=threads)
    facts = _facts(system, trials, extent, seed)
    if facts.regime not in WITHOUT_ATTRACTOR and not definition.conservative and not (facts.regime in CHAOTIC and trials[-1].sound):
        report(0.85, f"{definition.name}: lifetime")
        lifetime = lifetime_of_chaos(system, seed=seed, period=period, transient=trials[0].transient, threads=threads)
        regime = "transient" if lifetime is not None and facts.regime != "metastable" else facts.regime
        facts = replace(facts, regime=regime, lifetime=None if lifetime is None else Measured(*lifetime))
    report(0.9, f"{definition.name}: correlation dimension")
    facts = replace(facts, correlation_dimension=_correlation_dimension(system, facts, period))
    report(1.0, "done")
    return facts


@dataclass(frozen=True)
class _Trial:
    """The exponents after a transient, and the run that is to confirm them."""

    transient: float
    first: Exponents
    second: Exponents

    @property
    def distance(self) -> float:
        """Largest difference between the two, in units of what is allowed."""
        one, other = self.first.statistics, self.second.statistics
        count = min(len(one.mean), len(other.mean))  # of delays the second may need fewer
        slack = 0.5 * (one.slack + other.slack) + 1e-9 * np.abs(one.mean).max()
        allowed = 4.0 * np.hypot(one.standard_error[:count], other.standard_error[:count]) + slack
        same = one.mean[:count] == other.mean[:count]  # both may be -inf
        first, second = (np.where(same, 0.0, part.mean[:count]) for part in (one, other))
        return float(np.max(np.where(same, 0.0, np.nan_to_num(np.abs(first - second) / allowed, nan=np.inf))))

    @property
    def tangents_of_flow(self) -> bool:
        """Whether there is a tolerance that matters."""
        return self.first.settings["rtol"] is not None and not self.first.settings["neighbours"]

    @property
    def sound(self) -> bool:
        return self.distance <= 1.0 and not self.first.statistics.drifting


def facts_of(definition: SystemDefinition, *, progress: Progress | None = None) -> Facts:
    """Return the facts of `definition`: shipped, else from the user's cache, else measured now (seconds to a minute) and cached."""
    known = load_facts(definition)
    if known is not None:
        return known
    facts = measure(definition, progress=progress)
    save_facts(facts)
    return facts


@dataclass(frozen=True)
class Difference:
    """One measured quantity that a second measurement does not confirm: `distance` in joint standard errors, inf for what has none."""

    quantity: str
    first: object
    second: object
    distance: float


def differences(first: Facts, second: Facts, *, exact: bool) -> list[Difference]:
    """Return what disagrees between two measurements of one definition.

    exact: numbers must agree to 1e-9 (one version, one seed, a polynomial system: the orbits are the same to the last bit and only logarithms and
    reductions may round differently on another machine); otherwise within 3 joint standard errors, and period and extent are not compared.
    """
    found = [
        Difference(name, getattr(first, name), getattr(second, name), np.inf)
        for name in ("identity", "regime")
        if getattr(first, name) != getattr(second, name)
    ]
    for name in ("lyapunov_spectrum", "kaplan_yorke_dimension", "divergence"):
        one, other = getattr(first, name), getattr(second, name)
        value, again = np.atleast_1d(one.value).astype(float), np.atleast_1d(other.value).astype(float)
        if value.shape != again.shape:
            found.append(Difference(name, value.shape, again.shape, np.inf))
            continue
        error = np.hypot(np.atleast_1d(one.standard_error).astype(float), np.atleast_1d(other.standard_error).astype(float))
        room = 1e-9 * (1.0 + np.abs(value)) if exact else 3.0 * error + 1e-9 * (1.0 + np.abs(value))
        for index in np.flatnonzero(~(np.abs(value - again) <= room) & np.isfinite(value)):
            distance = float(abs(value[index] - again[index]) / error[index]) if error[index] > 0 else np.inf
            found.append(Difference(f"{name}[{index}]", float(value[index]), float(again[index]), distance))
    if exact:
        pairs = {name: (getattr(first, name), getattr(second, name)) for name in ("period", "mean", "standard_deviation", "bounds")}
        changed = [name for name, pair in pairs.items() if not np.allclose(*pair, rtol=1e-9, atol=1e-9, equal_nan=True)]
        found += [Difference(name, *pairs[name], np.inf) for name in changed]
    return found


def _exponents(
    system: CompiledSystem, seed: int, transient: float, period: float, rtol: float | None, threads: int | None, report: Progress
) -> Exponents:
    precision = precision_of(system.definition)
    options = Options(transient=transient, rtol=rtol and max(rtol, _TIGHTEST), work_limit=_WORK_LIMIT, threads=threads)
    error_of = partial(_relative, period=period)
    return measure_exponents(system, seed=seed, error_of=error_of, target_error=precision, duration=None, options=options, progress=report)


def _again(system: CompiledSystem, first: Exponents, seed: int, transient: float, period: float, threads: int | None) -> Exponents:
    """Measure as `first` was, ten times less precisely, with a smaller tolerance and ten times the transient.

    Where orbits escape, hardly one may last through ten transients: the second run then waits for one.
    """
    precision = _LESS * precision_of(system.definition)
    settings, neighbours = first.settings, first.settings["neighbours"]
    options = Options(
        n_exponents=settings["columns"],
        rtol=None if settings["rtol"] is None or neighbours else max(_TIGHTER * settings["rtol"], _TIGHTEST),
        steps_per_lag=2 * settings["steps_per_lag"] or None,
        neighbours=neighbours,
        starts=_STARTS,
        transient=10.0 * transient,
        work_limit=_LESS_WORK * _WORK_LIMIT,
        threads=threads,
    )
    run = partial(measure_exponents, system, seed=seed, error_of=partial(_relative, period=period), target_error=precision, duration=None)
    try:
        return run(options=options)
    except DatasetError:
        return run(options=replace(options, transient=transient))


def precision_of(definition: SystemDefinition) -> float:
    """Return the relative error aimed at: enough to be held against every published largest exponent at these parameters."""
    precision = PRECISION_OF_MAPS if definition.kind == "maps" else PRECISION
    for known in definition.known:
        if known.quantity in ("lyapunov_spectrum", "largest_exponent") and not known.parameters and not known.size:
            value, tolerance = (float(np.ravel(numbers)[0]) for numbers in (known.value, known.tolerance))
            precision = min(precision, _OF_TOLERANCE * tolerance / abs(value)) if value and tolerance else precision
    return precision


def _relative(statistics: BlockMean, *, period: float) -> float:
    error = float(np.nan_to_num(statistics.standard_error[0], nan=0.0))
    return error / max(abs(float(statistics.mean[0])), _SLOWEST / period)


def _facts(system: CompiledSystem, trials: list[_Trial], extent: Attractor, seed: int) -> Facts:
    definition, exponents, trial = system.definition, trials[-1].first, trials[-1]
    statistics, settings = exponents.statistics, exponents.settings
    if np.isnan(statistics.mean).any():
        raise InvariantError(f"{definition.name}: every orbit left the attractor while measuring; narrow [initial] or change the parameters")
    dimension, dimension_error = dimension_with_error(statistics)
    divergence = extent.divergence
    if settings["columns"] == system.dimension and definition.kind != "delays":
        divergence = (float(statistics.mean.sum()), float(np.sqrt(max(0.0, statistics.covariance.sum()))))
    largest, error = float(statistics.mean[0]), float(statistics.standard_error[0])
    moving = np.isfinite(extent.periods)
    period = float(np.median(extent.periods[moving])) if moving.any() else float("nan")
    escaped = trial.first.escaped or trial.second.escaped
    regime = "metastable" if escaped else regime_of(definition, statistics, at_rest=extent.at_rest)
    stiffness = extent.decay * period / (2.0 * np.pi)
    return Facts(
        schema=SCHEMA,
        name=definition.name,
        identity=definition.identity,
        regime=regime,
        period=period,
        periods=_tuple(extent.periods),
        mean=_tuple(extent.mean),
        standard_deviation=_tuple(extent.standard_deviation),
        bounds=tuple(zip(_tuple(extent.low), _tuple(extent.high), strict=True)),
        divergence=Measured(*divergence),
        lyapunov_spectrum=Measured(_tuple(statistics.mean), _tuple(statistics.standard_error)),
        kaplan_yorke_dimension=Measured(dimension, dimension_error),
        entropy_bound=_entropy_bound(statistics),
        correlation_dimension=None,
        lifetime=None,
        spread=float(np.std(exponents.rates[exponents.status == 0][:, :, 0].mean(axis=1), ddof=1)) if definition.conservative else None,
        stiffness=stiffness if np.isfinite(stiffness) else None,
        lyapunov_time=1.0 / largest if largest > 3.0 * error else None,
        transient=trial.transient,
        confirmation=Confirmation(
            value=_tuple(trial.second.statistics.mean),
            standard_error=_tuple(trial.second.statistics.standard_error),
            seed=trial.second.settings["seed"],
            rtol=trial.second.settings["rtol"],
            transient=trial.second.settings["transient"],
            distance=trial.distance,
        ),
        integrator=choose(system).name,
        method=_method(settings),
        orbits=settings["starts"],
        duration=settings["duration"],
        rtol=settings["rtol"],
        seed=seed,
        versions=settings["versions"],
    )


def _entropy_bound(statistics: BlockMean) -> Measured:
    positive = statistics.mean > 0.0
    variance = float(statistics.covariance[np.ix_(positive, positive)].sum())
    return Measured(float(statistics.mean[positive].sum()), float(np.sqrt(max(0.0, variance))))


def _correlation_dimension(system: CompiledSystem, facts: Facts, period: float) -> Measured | None:
    """Measure it where there is an attractor of few dimensions, not a piece of the line, and the fit finds a scaling region."""
    dimension = facts.kaplan_yorke_dimension.value
    if facts.regime not in CHAOTIC or system.dimension == 1 or not isinstance(dimension, float) or dimension > _MOST_DIMENSIONS:
        return None
    cloud = points_of_system(system, seed=facts.seed, points=_POINTS, duration=None, dt=None, period=period, transient=facts.transient)
    fit = fit_of_points(cloud, facts.seed).fit
    return None if fit is None else Measured(fit.slope, fit.error)


def _method(settings: Mapping[str, Any]) -> str:
    tolerance = "" if settings["rtol"] is None else f", rtol {settings['rtol']:g}"
    orbits = f"{settings['starts']} orbits, {settings['duration']:g} units of time in all"
    return f"{settings['method']}{tolerance}, QR every {settings['interval']:g}; {orbits}"


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
