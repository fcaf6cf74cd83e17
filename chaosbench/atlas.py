"""Measure a system once and for all: regime, exponents, dimension, time scales and extent, as Facts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chaosbench.catalogue import MEASURED_SCHEMA
from chaosbench.dynamics.compile import CompiledSystem, FieldSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DatasetError, InvariantError
from chaosbench.facts import Confirmation, Facts, Measured, load_facts, save_facts
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import Status
from chaosbench.invariants._attractor import Attractor
from chaosbench.invariants._exponents import Exponents, measure_exponents
from chaosbench.invariants._field_run import degrees_of_freedom
from chaosbench.invariants._field_survey import extent_of
from chaosbench.invariants._kaplan_yorke import zero_width
from chaosbench.invariants._lifetimes import lifetime_of_chaos
from chaosbench.invariants._neighbours import DISTANCE
from chaosbench.invariants._pair_fit import fit_of_points
from chaosbench.invariants._plans import Options, work_limit_of
from chaosbench.invariants._point_sets import points_of_system
from chaosbench.invariants._precision import MANY, precision_of, relative_error, too_rough
from chaosbench.invariants._regime import CHAOTIC, WITHOUT_ATTRACTOR, regime_of
from chaosbench.invariants._summaries import dimension_of, entropy_bound
from chaosbench.invariants._transients import time_scale_and_rest, transient_of
from chaosbench.invariants._trials import Trial, finer_step
from chaosbench.timescale import middle_period

Progress = Callable[[float, str], None]

_MORE_WORK = 4.0
_OF_REST = 0.25  # of the time after which a pilot found rest
_LONGER, _LONGER_OF_FIELDS = (1.0, 10.0, 10.0, 10.0), (1.0, 3.0)
_LESS, _LESS_WORK, _STARTS = 10.0, 0.2, 16
_TIGHTER, _TIGHTEST = 0.1, 1e-12
_POINTS, _MOST_DIMENSIONS = 80_000, 4.0


def measure(
    definition: SystemDefinition, *, seed: int = 0, effort: float = 1.0, threads: int | None = None, progress: Progress | None = None
) -> Facts:
    """Return the measured facts of `definition`.

    Method: the transient is 100 dominant periods (fields in two dimensions 25, maps 1000 iterations, conservative systems none). Exponents of 32
    orbits until the standard error of the largest is 0.4 % of it (maps 0.1 %, above twelve dimensions 1 %), or 0.0004 per period where it is below
    0.1 per period, less where a published value asks for it, but for at most `work_limit_of` the system (about 10 s of one core; four times that
    while the error of chaos or, with noise, of any largest exponent exceeds 3 %). They are confirmed by a second, ten times less precise run with
    other starts, a ten times smaller tolerance and ten times the transient; if the two disagree, the halves of the orbits do, or the sum is not the
    mean divergence, all is done again with ten times the transient and a hundredth of the tolerance (Runge-Kutta steps a tenth, delays twice the
    steps), up to three times; if the second is lower by 3 joint errors, chaos may end, and is not measured again. Fields have a limit of their own
    (lines 16 orbits, planes 8 with the first two exponents and a confirmation after twice the transient with the same step); of those that come to
    rest the way there is described. Where there is no lasting chaos the lifetime of what went before is measured. Means, bounds and periods are those
    of 16 trajectories of 256 periods; the correlation dimension of 80 000 points; the regime by `regime_of`. effort: share of that work, errors are
    larger by its root. The result depends on definition, seed, effort and versions alone. Raises InvariantError when every orbit leaves the
    attractor.
    """
    system = compile_system(definition)
    report = progress or _silent
    report(0.0, f"{definition.name}: period")
    period, rest = time_scale_and_rest(system)
    trials: list[Trial] = []
    for longer in _LONGER_OF_FIELDS if isinstance(system, FieldSystem) else _LONGER:
        transient = (_OF_REST * rest if rest is not None and _plane(system) else transient_of(system, period)) * longer
        rtol = _tighter(trials)
        accuracy = rtol, 2 ** len(trials) * trials[0].first.settings["steps_per_lag"] if trials else 0, trials[-1].finer_step if trials else None
        try:
            first = _exponents(system, seed, transient, period, accuracy, effort, threads, lambda done, text: report(0.05 + 0.6 * done, text))
            undecided = definition.dimension > MANY and not definition.conservative and first.statistics.mixed  # or too short to tell
            if effort == 1.0 and not _plane(system) and (undecided or too_rough(definition, first)):
                first = _exponents(system, seed, transient, period, accuracy, _MORE_WORK, threads, report)
            if trials and not trials[-1].escaping and (first.status == Status.STEP_UNDERFLOW).any():
                break  # too tight: near removable singularities series lose digits
        except DatasetError:  # hardly an orbit lasts through ten transients
            if not trials:
                raise
            trials[-1] = replace(trials[-1], lost=True)
            break
        report(0.65, f"{definition.name}: confirmation")
        extent = extent_of(system, seed=seed, period=period, transient=transient, threads=threads)
        second, lost = _again(system, first, seed + 1, transient, period, effort, threads)
        trials.append(Trial(definition, transient, first, second, lost, extent.divergence))
        if definition.conservative or trials[-1].escaping or trials[-1].sound or not trials[-1].lasting:
            break  # chaos that does not last has a lifetime
        report(0.0, f"{definition.name}: runs or halves of orbits disagree; transient ten times longer")
    facts = _facts(system, trials, extent, seed, rest)
    if isinstance(system, FieldSystem) and facts.regime == "fixed point":
        facts = _on_the_way(facts, extent_of(system, seed=seed, period=period, transient=0.0, threads=threads), period)
    sure = trials[-1].sound and not too_rough(definition, trials[-1].first)
    lasting = definition.conservative or definition.kind == "fields" or (definition.noise is not None and not trials[-1].escaping)  # noise forgets
    if facts.regime not in WITHOUT_ATTRACTOR and not lasting and not (facts.regime in CHAOTIC and sure):
        report(0.85, f"{definition.name}: lifetime")
        lifetime = lifetime_of_chaos(system, seed=seed, period=period, transient=trials[0].transient, threads=threads)
        if lifetime is not None and facts.regime != "metastable":
            facts = replace(facts, regime="transient", lyapunov_time=None)
        facts = replace(facts, lifetime=None if lifetime is None else Measured(*lifetime))
    report(0.9, f"{definition.name}: correlation dimension")
    facts = replace(facts, correlation_dimension=_correlation_dimension(system, facts, period, threads))
    report(1.0, "done")
    return facts


def facts_of(definition: SystemDefinition, *, progress: Progress | None = None) -> Facts:
    """Return the facts of `definition`: shipped, else from the user's cache, else measured now (seconds to a minute) and cached."""
    known = load_facts(definition)
    if known is not None:
        return known
    facts = measure(definition, progress=progress)
    save_facts(facts)
    return facts


def _tighter(trials: list[Trial]) -> float | None:
    """Return the tolerance of the next trial: a hundredth of the last, a tenth where Runge-Kutta steps pay dearly for it; None without one."""
    if not trials or not trials[0].tangents_of_flow:
        return None
    settings = trials[0].first.settings
    per_trial = 2 if settings["steps_between_orthonormalisations"] is not None else 1
    return float(settings["rtol"]) * _TIGHTER ** (per_trial * len(trials))


def _exponents(
    system: CompiledSystem,
    seed: int,
    transient: float,
    period: float,
    accuracy: tuple[float | None, int, float | None],
    effort: float,
    threads: int | None,
    report: Progress,
) -> Exponents:
    """Measure after `transient`; accuracy: tolerance, steps in the longest lag and step of fields, None, 0 and None for what is usual."""
    rtol, steps, step = accuracy
    precision = precision_of(system.definition) / np.sqrt(min(effort, 1.0))
    options = Options(
        transient=transient,
        rtol=rtol and max(rtol, _TIGHTEST),
        steps_per_lag=steps or None,
        step=step,
        work_limit=effort * work_limit_of(system),
        threads=threads,
    )
    error_of = partial(relative_error, period=period)
    return measure_exponents(system, seed=seed, error_of=error_of, target_error=precision, duration=None, options=options, progress=report)


def _again(
    system: CompiledSystem, first: Exponents, seed: int, transient: float, period: float, effort: float, threads: int | None
) -> tuple[Exponents, bool]:
    """Measure as `first` was, ten times less precisely, with other starts, a smaller tolerance (neighbours: a larger distance) and ten transients.

    Where hardly an orbit lasts through ten transients, which the second value says, the run waits for one.
    """
    settings, neighbours, delays = first.settings, first.settings["neighbours"], first.settings["steps_per_lag"]
    plane = _plane(system)
    options = Options(
        n_exponents=settings["columns"],
        rtol=None if settings["rtol"] is None or neighbours or delays else max(_TIGHTER * settings["rtol"], _TIGHTEST),
        steps_per_lag=2 * delays or None,
        neighbours=neighbours,
        distance=DISTANCE / _TIGHTER,
        starts=0 if plane else _STARTS,
        step=settings["step"] if plane else finer_step(first),  # tangents take as long to turn as they did
        transient=(2.0 if plane else 10.0) * transient,
        work_limit=effort * _LESS_WORK * work_limit_of(system),
        threads=threads,
    )
    error_of, target = partial(relative_error, period=period), _LESS * precision_of(system.definition) / np.sqrt(effort)
    run = partial(measure_exponents, system, seed=seed, error_of=error_of, target_error=target, duration=None)
    try:
        return run(options=options), False
    except DatasetError:
        return run(options=replace(options, transient=transient)), True


def _plane(system: CompiledSystem) -> bool:
    return isinstance(system, FieldSystem) and system.plane


def _on_the_way(facts: Facts, extent: Attractor, time: float) -> Facts:
    """Return the facts of fields that come to rest with where they are on the way there, which is all that there is to see."""
    return replace(facts, transient=0.0, period=time, periods=_tuple(extent.periods), **_extent(extent))


def _extent(extent: Attractor) -> dict[str, Any]:
    return {
        "mean": _tuple(extent.mean),
        "standard_deviation": _tuple(extent.standard_deviation),
        "bounds": tuple(zip(_tuple(extent.low), _tuple(extent.high), strict=True)),
    }


def _facts(system: CompiledSystem, trials: list[Trial], extent: Attractor, seed: int, rest: float | None) -> Facts:
    definition, exponents, trial = system.definition, trials[-1].first, trials[-1]
    statistics, settings = exponents.statistics, exponents.settings
    if np.isnan(statistics.mean).any():
        raise InvariantError(f"{definition.name}: every orbit left the attractor while measuring; narrow [initial] or change the parameters")
    _check_ends(definition, trial)
    numbers = degrees_of_freedom(system) if isinstance(system, FieldSystem) else 0  # of other kinds K exponents are as many as are wanted
    largest = float(statistics.mean[0])
    positive = int(np.count_nonzero(statistics.mean > zero_width(statistics)))
    period = middle_period(extent.periods)
    regime = "metastable" if trial.escaping else regime_of(definition, statistics, at_rest=extent.at_rest or _resting(system, rest, positive))
    stiffness = extent.decay * period / (2.0 * np.pi)
    rates = exponents.rates[exponents.status == Status.OK]
    return Facts(
        schema=MEASURED_SCHEMA,
        name=definition.name,
        identity=definition.identity,
        regime=regime,
        period=period,
        periods=_tuple(extent.periods),
        **_extent(extent),
        divergence=Measured(*extent.divergence),
        lyapunov_spectrum=Measured(_tuple(statistics.mean), _tuple(statistics.standard_error)),
        kaplan_yorke_dimension=dimension_of(statistics, numbers),
        entropy_bound=entropy_bound(statistics, numbers),
        correlation_dimension=None,
        lifetime=None,
        spread=float(np.std(rates[:, :, 0].mean(axis=1), ddof=1)) if definition.conservative and len(rates) > 1 else None,
        stiffness=stiffness if np.isfinite(stiffness) else None,
        positive_exponents=positive,
        lyapunov_time=1.0 / largest if positive else None,
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
        drifting=statistics.drifting,
        mixed=statistics.mixed,
        method=_method(settings),
        orbits=len(rates),
        duration=settings["duration"] * len(rates) / settings["starts"],
        rtol=settings["rtol"],
        seed=seed,
        versions=settings["versions"],
    )


def _check_ends(definition: SystemDefinition, trial: Trial) -> None:
    """Raise InvariantError when an orbit ended for another reason than that it left for infinity, which may take any number of steps."""
    for run in (trial.first, trial.second):
        for status in run.status:
            if status in (Status.INTERRUPTED, Status.STIFF):
                raise InvariantError(f"{definition.name}: an orbit ended while measuring: {Status(status).sentence}; no regime can be told from that")


def _resting(system: CompiledSystem, rest: float | None, positive: int) -> bool:
    """Whether fields came so near to rest that no pilot found a period, though walls between phases move on exponentially slowly."""
    return isinstance(system, FieldSystem) and rest is not None and not positive


def _correlation_dimension(system: CompiledSystem, facts: Facts, period: float, threads: int | None) -> Measured | None:
    """Measure it where there is an attractor of few dimensions, not a piece of the line, and the fit finds a scaling region."""
    dimension = facts.kaplan_yorke_dimension and facts.kaplan_yorke_dimension.value
    if (
        facts.regime not in CHAOTIC
        or system.definition.noise is not None
        or isinstance(system, FieldSystem)
        or system.dimension == 1
        or not isinstance(dimension, float)
        or dimension > _MOST_DIMENSIONS
    ):
        return None
    cloud = points_of_system(
        system, seed=facts.seed, points=_POINTS, duration=None, dt=None, period=period, transient=facts.transient, threads=threads
    )
    fit = fit_of_points(cloud, facts.seed).fit
    return None if fit is None else Measured(fit.slope, fit.error)


def _method(settings: Mapping[str, Any]) -> str:
    tolerance = "" if settings["rtol"] is None else f", rtol {settings['rtol']:g}"
    orbits = f"{settings['starts']} orbits, {settings['duration']:g} units of time in all"
    return f"{settings['method']}{tolerance}, QR every {settings['interval']:g}; {orbits}"


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(map(float, values))


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
