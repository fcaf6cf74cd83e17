"""A trajectory request, checked at the border: everything that decides the numbers, nothing that does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, FieldSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DatasetError, nearest
from chaosbench.facts import load_facts
from chaosbench.integrators._choice import Choice, choose
from chaosbench.integrators.base import Integrator
from chaosbench.timescale import MAP_PERIOD, estimate_period, typical_time

SAMPLES_PER_PERIOD = 100
TRANSIENT_PERIODS, NOISY_TRANSIENT_PERIODS = 100, 20
_OF_PLANES = 25  # fields in two dimensions: a period of theirs costs seconds
MAP_TRANSIENT = 1000


@dataclass(frozen=True)
class Request:
    """A checked trajectory request: everything that decides the numbers, nothing that does not, and `reason`, why this integrator."""

    system: CompiledSystem
    integrator: Integrator
    integrator_name: str
    reason: str
    rows: np.ndarray
    n_samples: int
    seed: int
    dt: float
    transient: float
    rtol: float
    atol: float


def method_name(integrator: Integrator) -> str:
    """Return the catalogue name of an integrator: the stem of its file."""
    return type(integrator).__module__.rpartition(".")[2]


def checked_request(
    definition: SystemDefinition,
    n_trajectories: int,
    n_samples: int,
    seed: int,
    dt: float | None,
    transient: float | None,
    parameters: Mapping[str, float | np.ndarray] | None,
    integrator: str | Integrator | None,
    rtol: float | None,
    atol: float | None,
    first: int,
    certify: bool = False,
) -> Request:
    """Return the checked request of `simulate`'s arguments; DatasetError says value, rule and fix."""
    for name, count, least in (("n_trajectories", n_trajectories, 1), ("n_samples", n_samples, 1), ("seed", seed, 0), ("first", first, 0)):
        if isinstance(count, bool) or int(count) != count or count < least:
            raise DatasetError(f"{name} = {count!r}: must be a whole number, at least {least}")
    for name, number, positive in (("dt", dt, True), ("transient", transient, False), ("rtol", rtol, True), ("atol", atol, True)):
        if number is not None and not (np.isfinite(number) and (number > 0 if positive else number >= 0)):
            raise DatasetError(f"{name} = {number!r}: must be finite and {'positive' if positive else 'not negative'}")
    scalars = {name: float(value) for name, value in (parameters or {}).items() if np.ndim(value) == 0}
    system = compile_system(definition.with_parameters(scalars) if scalars else definition)
    rows = np.tile(system.parameter_values, (n_trajectories, 1))
    for name, value in (parameters or {}).items():
        if np.ndim(value) == 0:
            continue
        if name not in system.definition.parameter_names:
            raise DatasetError(f"parameters: unknown name {name!r}{nearest(name, system.definition.parameter_names)}")
        if np.shape(value) != (n_trajectories,) or not np.isfinite(value).all():
            raise DatasetError(f"parameters[{name!r}]: shape {np.shape(value)} given; one finite number a trajectory, ({n_trajectories},), is needed")
        rows[:, system.definition.parameter_names.index(name)] = value
    choice = _chosen(integrator, system)
    method = choice.integrator
    if definition.kind not in method.kinds:
        raise DatasetError(f"integrator {choice.name} takes {', '.join(method.kinds)}; {definition.name} is of kind {definition.kind}")
    if (reason := method.unsupported(system)) is not None:
        raise DatasetError(f"integrator {choice.name} cannot take {definition.name}: {reason}; leave integrator out for one that can")
    if certify and definition.noise is not None:
        raise DatasetError(
            f"certify: {definition.name} has noise, whose path is drawn on the grid of the steps; no second method has a trust horizon for it; "
            "leave it out, and compare runs with half the step and one refinement less"
        )
    if definition.discrete and dt not in (None, 1, 1.0):
        raise DatasetError(f"dt = {dt!r}: a map is sampled once an iteration; leave dt out")
    step = dt if dt is not None else MAP_PERIOD if definition.discrete else _period(system) / SAMPLES_PER_PERIOD
    wait = default_transient(system) if transient is None else float(transient)
    tolerances = [usual if wish is None else wish for wish, usual in zip((rtol, atol), method.tolerances, strict=True)]
    return Request(system, method, choice.name, choice.reason, rows, int(n_samples), seed, float(step), wait, *tolerances)


def with_step(integrator: str | None, step: float) -> Integrator:
    """Return the integrator called `integrator` with a longest step; DatasetError where it chooses its steps itself."""
    equal = [name for name in names("integrators") if "step" in signature(load("integrators", name)).parameters]
    if integrator is None or (integrator in names("integrators") and integrator not in equal):
        raise DatasetError(f"step = {step:g}: integrator {integrator or 'by default'} chooses its steps; those with equal steps: {', '.join(equal)}")
    method: Integrator = load("integrators", integrator)(step=step)
    return method


def _chosen(integrator: str | Integrator | None, system: CompiledSystem) -> Choice:
    if integrator is None:
        return choose(system)
    method = integrator if isinstance(integrator, Integrator) else load("integrators", integrator)()
    return Choice(method, method_name(method), "named by the caller")


def _period(system: CompiledSystem) -> float:
    facts = load_facts(system.definition)
    if facts is None:
        return estimate_period(system)
    return facts.period if np.isfinite(facts.period) else typical_time(system)


def transient_periods(system: CompiledSystem) -> int:
    """Return how many periods a transient lasts: 100, in the plane 25, with noise, whose longest memory is what the period is made of, 20."""
    if system.definition.noise is not None:
        return NOISY_TRANSIENT_PERIODS
    return _OF_PLANES if isinstance(system, FieldSystem) and system.plane else TRANSIENT_PERIODS


def default_transient(system: CompiledSystem) -> float:
    """Return the time to leave out: measured, else 100 periods (with noise 20, maps 1000 iterations), 0 for conservative systems."""
    if system.definition.conservative:
        return 0.0
    if system.definition.discrete:
        return float(MAP_TRANSIENT)
    facts = load_facts(system.definition)
    return facts.transient if facts is not None else transient_periods(system) * estimate_period(system)
