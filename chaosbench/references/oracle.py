"""The true equations from a slightly wrong start: how far any model could see with such data."""

from typing import ClassVar

import numpy as np

from chaosbench.errors import TaskError
from chaosbench.integrators.base import InitialState
from chaosbench.randomness import generator
from chaosbench.references._true_system import TrueSystem, refusal, true_system
from chaosbench.references.base import Reference
from chaosbench.tasks import Prepared


class Oracle(Reference):
    """x(t) = flow of the true system from the context's last state + noise * deviation * normal(0, 1), every component of the whole state disturbed.

    Symbols: deviation (D,): standard deviation of each state variable over the contexts. `noise` 1e-3 is a thousandth of it; 0 leaves the state as it
    is. Where a task's observations are noisier than that, their noise is taken: the ceiling for a forecaster that reads one sample. `digits` then
    rounds the state to a multiple of deviation * 10^-digits.
    Method: the hidden whole state that the last sample of each context was observed from (with delays its history, disturbed by one draw for all of
    it; of fields the projection onto what they can be) is disturbed once and integrated by the method and at the tolerances of the truth. With the
    noise as the only error, valid prediction times are about ln(threshold / noise) / lambda: the error of the start grows like exp(lambda t).
    Cost: that of the truth. Fails: on noise-driven systems (refused) and beyond the truth's own trust horizon.
    """

    source: ClassVar[str] = "the perfect-model experiment of weather prediction; E. N. Lorenz, Tellus 34, 505-513 (1982)"

    def __init__(self, *, noise: float = 1e-3, digits: int | None = None) -> None:
        if not 0 <= noise < float("inf"):
            raise TaskError(f"noise = {noise!r}: must be a number of at least 0; leave it out for the default")
        if digits is not None and (isinstance(digits, bool) or int(digits) != digits or not 0 <= digits <= 15):
            raise TaskError(f"digits = {digits!r}: must be a whole number from 0 to 15; leave it out for no rounding")
        self.noise = noise
        self.digits = digits

    def unsupported(self, prepared: Prepared) -> str | None:
        """Return a reason for systems whose state does not decide their future."""
        return refusal(prepared, disturbed=self._noise(prepared) > 0 or self.digits is not None)

    def windows(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (W, 1, H, D)."""
        system = true_system(prepared, "windows")
        return system.forecast(self._disturbed(system, seed, "windows"), prepared.problem.horizon)[:, None]

    def climate(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (R, 1, T, D)."""
        if not prepared.plan.spec.climate_runs:
            return np.zeros((0, 1, prepared.climate_length, prepared.problem.dimension))
        system = true_system(prepared, "climate")
        return system.forecast(self._disturbed(system, seed, "climate"), prepared.climate_length)[:, None]

    def _disturbed(self, system: TrueSystem, seed: int, purpose: str) -> InitialState:
        start, noise = system.start, self._noise(system.prepared)
        if noise == 0 and self.digits is None:
            return start
        draws = [generator(seed, f"oracle {purpose}", index=b).standard_normal(start.states.shape[1]) for b in range(len(start.states))]
        shift = noise * system.deviation * np.stack(draws)
        history = None if start.history is None else self._rounded(start.history + shift[:, None], system.deviation)
        states = self._rounded(start.states + shift, system.deviation) if history is None else history[:, -1]
        return system.changed(start, states, history)

    def _noise(self, prepared: Prepared) -> float:
        return max(self.noise, prepared.plan.spec.noise)

    def _rounded(self, states: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        if self.digits is None:
            return states
        unit = np.where(deviation > 0, deviation, 1.0) * 10.0**-self.digits
        return np.asarray(np.rint(states / unit) * unit)
