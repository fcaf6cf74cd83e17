"""How long to wait before measuring, also for systems that come to rest and have no period."""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.facts import load_facts
from chaosbench.invariants._rounding import two_digits
from chaosbench.requests import MAP_TRANSIENT, TRANSIENT_PERIODS
from chaosbench.timescale import MAP_PERIOD, pilot


def time_scale(system: CompiledSystem) -> float:
    """Return the dominant period found in a pilot; for a system that comes to rest the slowest turn of its Jacobian there, or the longest lag."""
    if system.definition.kind == "maps":
        return MAP_PERIOD
    found = pilot(system)
    if found.period is not None:
        return two_digits(found.period)
    if system.definition.kind == "delays":
        return float(np.max(system.lags()))
    rates = np.abs(np.linalg.eigvals(system.jacobian(found.state[None])[0]))
    slowest = float(rates.min()) if np.isfinite(rates).all() else 1.0
    return two_digits(2.0 * np.pi / max(slowest, 1e-3))


def transient_of(system: CompiledSystem, period: float) -> float:
    """Return 100 periods; 1000 iterations for maps; 0 for conservative systems, which have none."""
    if system.definition.conservative:
        return 0.0
    return float(MAP_TRANSIENT) if system.definition.kind == "maps" else two_digits(TRANSIENT_PERIODS * period)


def default_transient(system: CompiledSystem) -> float:
    """Return the measured transient of a known system, else `transient_of` a pilot's period."""
    facts = load_facts(system.definition)
    return facts.transient if facts is not None else transient_of(system, time_scale(system))
