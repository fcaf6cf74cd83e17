"""A task with its numbers filled in from the system's measured facts: sampling interval, units of time, horizon."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chaosbench.atlas import facts_of
from chaosbench.blinding import changed_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system
from chaosbench.errors import TaskError
from chaosbench.suites import Suite, TaskSpec

SAMPLES_PER_PERIOD = 100
LARGEST_RELATIVE_ERROR = 0.1

Progress = Callable[[float, str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a task means for its system; nothing is simulated yet.

    dt, period, lyapunov_time (NaN when refused: not positive, or a standard error above 10 %): time units of the system. horizon: samples.
    definition: of the test; of blind tasks with changed parameters.
    """

    spec: TaskSpec
    definition: SystemDefinition
    seed: int
    dt: float
    period: float
    lyapunov_time: float
    spectrum: tuple[float, ...]

    @property
    def time_unit(self) -> str:
        """In which unit horizons and times of this task are stated."""
        return "Lyapunov time" if np.isfinite(self.lyapunov_time) else "period"

    @property
    def horizon(self) -> int:
        """Samples in each test window."""
        unit = self.lyapunov_time if np.isfinite(self.lyapunov_time) else self.period
        return max(1, int(np.ceil(self.spec.horizon * unit / self.dt - 1e-9)))

    def recipe(self) -> dict[str, Any]:
        """Return everything that decides the data, as JSON data."""
        numbers = {"dt": self.dt, "period": self.period, "lyapunov_time": self.lyapunov_time, "spectrum": self.spectrum}
        return {"task": self.spec.to_data(), "system": self.definition.identity, "seed": self.seed} | numbers


def plan(spec: TaskSpec, suite: Suite, progress: Progress | None = None) -> Plan:
    """Return the task with its sampling interval and units of time; a system without measured facts is measured now."""
    definition = system(spec.system, dict(spec.parameters))
    if spec.blind:
        definition, facts = changed_system(definition, suite.seed, progress)
    else:
        facts = facts_of(definition, progress=progress)
    spectrum, errors = (
        tuple(float(x) for x in np.ravel(numbers)) for numbers in (facts.lyapunov_spectrum.value, facts.lyapunov_spectrum.standard_error)
    )
    if spec.start:
        definition = _moved(definition, spec)
    if not np.isfinite(facts.period):
        raise TaskError(f"task {spec.label!r}: {definition.name} comes to rest at these parameters, nothing is left to forecast; choose others")
    trusted = spectrum[0] > 0 and errors[0] <= LARGEST_RELATIVE_ERROR * spectrum[0]
    if not trusted:
        _log.info("%s: largest exponent %g +- %g; times are in dominant periods", spec.label, spectrum[0], errors[0])
    if definition.discrete:
        if spec.samples_per_period is not None or spec.dt not in (None, 1.0):
            raise TaskError(f"task {spec.label!r}: a map is sampled at every iteration; remove dt and samples_per_period")
        dt = 1.0
    else:
        dt = spec.dt or facts.period / (spec.samples_per_period or SAMPLES_PER_PERIOD)
    return Plan(spec, definition, suite.seed, dt, facts.period, 1.0 / spectrum[0] if trusted else float("nan"), spectrum)


def _moved(definition: SystemDefinition, spec: TaskSpec) -> SystemDefinition:
    """Return `definition` with trajectories that begin near the task's start, spread as they are about the definition's own centre."""
    centre = definition.initial.centre
    if centre is None or len(centre) != len(spec.start):
        count = "no centre" if centre is None else f"{len(centre)} components"
        raise TaskError(f"task {spec.label!r}: start = {list(spec.start)}: the system's initial states have {count}; give as many numbers")
    return replace(definition, initial=replace(definition.initial, centre=spec.start))
