"""Exponents measured twice, and whether the two measurements agree."""

from dataclasses import dataclass

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.invariants._exponents import Exponents
from chaosbench.invariants._kaplan_yorke import zero_width

PRECISION = 0.004
_UNBALANCED = 0.005
_STICKY = 0.1  # orbits that stick to islands make exponents of conservative systems depend on the length of the run


@dataclass(frozen=True)
class Trial:
    """The exponents after a transient, and the run that is to confirm them; lost: hardly an orbit lasted through ten transients.

    divergence: mean rate of volume change and its standard error, measured apart.
    """

    definition: SystemDefinition
    transient: float
    first: Exponents
    second: Exponents
    lost: bool
    divergence: tuple[float, float]

    @property
    def distance(self) -> float:
        """Largest difference between the two, in units of what is allowed: see `Confirmation`."""
        one, other = self.first.statistics, self.second.statistics
        count = min(len(one.mean), len(other.mean))  # of delays the second may need fewer
        first, second = one.mean[:count], other.mean[:count]
        regular = not (first > zero_width(one)[:count]).any() and not (second > zero_width(other)[:count]).any()
        in_phase = regular | (np.abs(first) <= zero_width(one)[:count]) & (np.abs(second) <= zero_width(other)[:count])
        error = 4.0 * np.hypot(one.standard_error[:count], other.standard_error[:count])
        share = _STICKY if self.definition.conservative else PRECISION
        sizes = np.where(np.isfinite(first), np.abs(first), 0.0)
        allowed = np.where(in_phase, 0.5 * (one.slack + other.slack), 0.0) + np.maximum(error, share * sizes)
        same = first == second  # both may be -inf
        known = np.isfinite(first) & np.isfinite(second)
        distances = np.where(same, 0.0, np.inf)
        distances[known] = np.abs(first[known] - second[known]) / np.maximum(allowed[known], 1e-300)
        return float(distances.max())

    @property
    def escaping(self) -> bool:
        """Whether orbits leave for infinity."""
        return bool(self.lost or self.first.escaped or self.second.escaped)

    @property
    def tangents_of_flow(self) -> bool:
        """Whether there is a tolerance that matters."""
        return self.first.settings["rtol"] is not None and not self.first.settings["neighbours"] and not self.first.settings["steps_per_lag"]

    @property
    def finer_step(self) -> float | None:
        """Half the step of the first run, of fields; None for other kinds."""
        return finer_step(self.first)

    @property
    def balanced(self) -> bool:
        """Whether all exponents of a flow sum to its mean divergence, within 4 standard errors and 0.5 % of the fastest."""
        statistics, (value, error) = self.first.statistics, self.divergence
        if not self.tangents_of_flow or len(statistics.mean) < self.definition.tangent_dimension or not np.isfinite(value):
            return True
        room = 4.0 * np.hypot(error, np.sqrt(max(0.0, float(statistics.covariance.sum())))) + _UNBALANCED * np.abs(statistics.mean).max()
        return bool(abs(float(statistics.mean.sum()) - value) <= room + 0.5 * statistics.slack)

    @property
    def lasting(self) -> bool:
        """Whether the second largest exponent is not below the first by 3 joint standard errors: one orbit of sixteen at rest would show."""
        one, other = self.first.statistics, self.second.statistics
        apart = float(one.mean[0] - other.mean[0])
        error = float(np.hypot(one.standard_error[0], other.standard_error[0]))
        chaotic = one.mean[0] > zero_width(one)[0] and not self.definition.conservative
        return not chaotic or apart <= max(3.0 * error, PRECISION * abs(float(one.mean[0])))

    @property
    def sound(self) -> bool:
        """Whether the second run confirms the first, whose orbits agree, have the zero exponent of a flow and lose volume as fast as they should."""
        statistics = self.first.statistics
        nearest = int(np.argmin(np.abs(statistics.mean)))
        zero = np.abs(statistics.mean[nearest]) <= 4.0 * statistics.standard_error[nearest] + 0.5 * statistics.slack
        unknown = self.definition.kind == "fields" and bool(statistics.mean[-1] > zero_width(statistics)[-1])  # of many the first alone
        still = unknown or self.definition.discrete or self.definition.noise is not None or statistics.mean[0] <= zero_width(statistics)[0]
        return bool((zero or still) and self.balanced and self.lasting and self.distance <= 1.0 and not statistics.drifting and not statistics.mixed)


def finer_step(exponents: Exponents) -> float | None:
    """Return half the step of a run of fields; None for other kinds."""
    step = exponents.settings.get("step")
    return None if step is None else 0.5 * float(step)
