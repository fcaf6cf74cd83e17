"""What two measurements of one definition do not agree on."""

from dataclasses import dataclass

import numpy as np

from chaosbench.facts import Facts
from chaosbench.invariants._trials import PRECISION


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
    reductions may round differently on another machine); otherwise within 4 joint standard errors, 0.4 %, or 6 units of ln over an orbit
    for exponents, and period and extent are not compared.
    """
    found = [
        Difference(name, getattr(first, name), getattr(second, name), np.inf)
        for name in ("identity", "regime")
        if getattr(first, name) != getattr(second, name)
    ]
    for name in ("lyapunov_spectrum", "kaplan_yorke_dimension", "divergence", "entropy_bound", "correlation_dimension", "lifetime"):
        one, other = getattr(first, name), getattr(second, name)
        if one is None or other is None:
            found += [Difference(name, one, other, np.inf)] if one is not other else []
            continue
        value, again = np.atleast_1d(one.value).astype(float), np.atleast_1d(other.value).astype(float)
        if value.shape != again.shape:
            found.append(Difference(name, value.shape, again.shape, np.inf))
            continue
        error = np.hypot(np.atleast_1d(one.standard_error).astype(float), np.atleast_1d(other.standard_error).astype(float))
        rounding, floor = 1e-9 * (1.0 + np.abs(value)), 6.0 * first.orbits / first.duration if name == "lyapunov_spectrum" else 0.0
        room = rounding if exact else np.maximum(4.0 * error, np.maximum(PRECISION * np.abs(value), floor))
        same = (value == again) | (np.isnan(value) & np.isnan(again))
        with np.errstate(invalid="ignore"):
            apart = ~same & ~(np.abs(value - again) <= np.where(np.isfinite(room), room, 0.0))
        for index in np.flatnonzero(apart):
            distance = float(abs(value[index] - again[index]) / error[index]) if error[index] > 0 else np.inf
            found.append(Difference(f"{name}[{index}]", float(value[index]), float(again[index]), distance))
    if exact:
        pairs = {name: (getattr(first, name), getattr(second, name)) for name in ("period", "mean", "standard_deviation", "bounds")}
        changed = [name for name, pair in pairs.items() if not np.allclose(*pair, rtol=1e-9, atol=1e-9, equal_nan=True)]
        found += [Difference(name, *pairs[name], np.inf) for name in changed]
    return found
