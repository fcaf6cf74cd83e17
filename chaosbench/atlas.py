"""Measure a system once and for all: regime, exponents, dimension, time scales and extent, as Facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import InvariantError
from chaosbench.facts import SCHEMA, Facts, Measured, load_facts, save_facts
from chaosbench.integrators._choice import choose
from chaosbench.invariants._attractor import Attractor, survey
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._exponents import Exponents, Options, measure_exponents
from chaosbench.invariants._kaplan_yorke import dimension_with_error
from chaosbench.invariants._regime import regime_of
from chaosbench.invariants._transients import time_scale, transient_of

Progress = Callable[[float, str], None]

PRECISION, PRECISION_OF_MAPS = 0.002, 0.0005
_SLOWEST = 0.1
_WORK_LIMIT = 1e10
_LONGER = (1.0, 10.0)


def measure(definition: SystemDefinition, *, seed: int = 0, threads: int | None = None, progress: Progress | None = None) -> Facts:
    """Return the measured facts of `definition`.

    Method: the transient is 100 dominant periods (maps: 1000 iterations, conservative systems: none), ten times that if the two halves of the
    orbits disagree. Exponents of 32 orbits until the standard error of the largest is 0.2 % of it (maps 0.05 %), or 0.0002 per period where it is
    below 0.1 per period, but for at most 1e10 units of `TangentRun.work` (about 30 s of one core), which leaves up to 1 % for the slowest;
    means, bounds and periods from 16 trajectories of 256 periods; the regime by `regime_of`.
    The result depends on definition, seed and versions alone. Raises InvariantError when every orbit leaves the attractor.
    """
    system = compile_system(definition)
    report = progress or _silent
    report(0.0, f"{definition.name}: period")
    period = time_scale(system)
    for longer in _LONGER:
        transient = transient_of(system, period) * longer
        exponents = _exponents(system, seed, period, transient, threads, lambda fraction, text: report(0.05 + 0.75 * fraction, text))
        if definition.conservative or not exponents.statistics.drifting:
            break
        report(0.0, f"{definition.name}: the halves of the orbits disagree; transient ten times longer")
    report(0.8, f"{definition.name}: means, bounds and periods")
    extent = survey(system, seed=seed, period=period, transient=transient, threads=threads)
    report(1.0, "done")
    return _facts(system, exponents, extent, transient, seed)


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


def _exponents(system: CompiledSystem, seed: int, period: float, transient: float, threads: int | None, report: Progress) -> Exponents:
    def relative(statistics: BlockMean) -> float:
        error = float(np.nan_to_num(statistics.standard_error[0], nan=0.0))
        return error / max(abs(float(statistics.mean[0])), _SLOWEST / period)

    precision = PRECISION_OF_MAPS if system.definition.kind == "maps" else PRECISION
    options = Options(transient=transient, work_limit=_WORK_LIMIT, threads=threads)
    return measure_exponents(system, seed=seed, error_of=relative, target_error=precision, duration=None, options=options, progress=report)


def _facts(system: CompiledSystem, exponents: Exponents, extent: Attractor, transient: float, seed: int) -> Facts:
    definition, statistics, settings = system.definition, exponents.statistics, exponents.settings
    if np.isnan(statistics.mean).any():
        raise InvariantError(f"{definition.name}: every orbit left the attractor while measuring; narrow [initial] or change the parameters")
    dimension, dimension_error = dimension_with_error(statistics)
    divergence = extent.divergence
    if settings["columns"] == system.dimension and definition.kind != "delays":
        divergence = (float(statistics.mean.sum()), float(np.sqrt(max(0.0, statistics.covariance.sum()))))
    largest, error = float(statistics.mean[0]), float(statistics.standard_error[0])
    moving = np.isfinite(extent.periods)
    regime = "transient" if exponents.escaped or extent.failed else regime_of(definition, statistics, at_rest=extent.at_rest)
    return Facts(
        schema=SCHEMA,
        name=definition.name,
        identity=definition.identity,
        regime=regime,
        period=float(np.median(extent.periods[moving])) if moving.any() else float("nan"),
        periods=_tuple(extent.periods),
        mean=_tuple(extent.mean),
        standard_deviation=_tuple(extent.standard_deviation),
        bounds=tuple(zip(_tuple(extent.low), _tuple(extent.high), strict=True)),
        divergence=Measured(*divergence),
        lyapunov_spectrum=Measured(_tuple(statistics.mean), _tuple(statistics.standard_error)),
        kaplan_yorke_dimension=Measured(dimension, dimension_error),
        lyapunov_time=1.0 / largest if largest > 3.0 * error else None,
        transient=transient,
        integrator=choose(system).name,
        method=_method(settings),
        seed=seed,
        versions=settings["versions"],
    )


def _method(settings: Mapping[str, Any]) -> str:
    tolerance = "" if settings["rtol"] is None else f", rtol {settings['rtol']:g}"
    orbits = f"{settings['starts']} orbits, {settings['duration']:g} units of time in all"
    return f"{settings['method']}{tolerance}, QR every {settings['interval']:g}; {orbits}"


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
