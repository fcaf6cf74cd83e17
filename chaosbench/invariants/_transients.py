"""How long to wait before measuring, also for systems that come to rest and have no period."""

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.facts import load_facts
from chaosbench.invariants._rounding import two_digits
from chaosbench.requests import MAP_TRANSIENT, transient_periods
from chaosbench.timescale import typical_time_and_rest


def time_scale(system: CompiledSystem) -> float:
    """Return `typical_time` in two digits, so that no machine's rounding decides how long a run is."""
    return time_scale_and_rest(system)[0]


def time_scale_and_rest(system: CompiledSystem) -> tuple[float, float | None]:
    """Return `time_scale`, and the time after which a pilot found no motion, None where the scale is a dominant period."""
    time, rest = typical_time_and_rest(system)
    return two_digits(time), None if rest is None else two_digits(rest)


def transient_of(system: CompiledSystem, period: float) -> float:
    """Return 100 periods, with noise, which forgets, and for fields in the plane fewer; 1000 iterations for maps; 0 for conservative systems."""
    if system.definition.conservative:
        return 0.0
    return float(MAP_TRANSIENT) if system.definition.discrete else two_digits(transient_periods(system) * period)


def default_transient(system: CompiledSystem) -> float:
    """Return the measured transient of a known system, else `transient_of` a pilot's period."""
    facts = load_facts(system.definition)
    return facts.transient if facts is not None else transient_of(system, time_scale(system))
