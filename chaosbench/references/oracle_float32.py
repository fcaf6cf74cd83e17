"""The true equations with a state of single precision: what arithmetic alone costs a perfect model."""

from typing import ClassVar

import numpy as np

from chaosbench.integrators.base import InitialState
from chaosbench.references._true_system import TrueSystem, refusal, true_system
from chaosbench.references.base import Reference
from chaosbench.tasks import Prepared


class OracleFloat32(Reference):
    """x_{n+1} = r(flow over dt of x_n), x_0 = r(the context's last state), r rounding every component to the nearest float32.

    Method: between two samples the true system is integrated in float64 by the method and at the tolerances of the truth; only what is handed from
    one sample to the next is rounded (with delays the whole history, angles unwrapped, in the system's own units). It is the best that a recurrent
    model with float32 state can do, and says where a forecaster's single precision, not its model, ends the forecast.
    Cost: one start of the integrator a sample. Fails: on noise-driven and hybrid systems (refused).
    """

    source: ClassVar[str] = "the perfect-model experiment of weather prediction, with rounding; E. N. Lorenz, Tellus 34, 505-513 (1982)"

    def unsupported(self, prepared: Prepared) -> str | None:
        """Return a reason for systems whose state does not decide their future."""
        return refusal(prepared, disturbed=True)

    def windows(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (W, 1, H, D)."""
        return self._run(true_system(prepared, "windows"), prepared.problem.horizon)[:, None]

    def climate(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (R, 1, T, D)."""
        if not prepared.plan.spec.climate_runs:
            return np.zeros((0, 1, prepared.climate_length, prepared.problem.dimension))
        return self._run(true_system(prepared, "climate"), prepared.climate_length)[:, None]

    def _run(self, system: TrueSystem, samples: int) -> np.ndarray:
        state, rows = _rounded(system, system.start), []
        for _ in range(samples):
            _, following = system.run(state, 1)
            state = _rounded(system, following)
            rows.append(state.states)
        return system.observed(np.stack(rows, axis=1))


def _rounded(system: TrueSystem, state: InitialState) -> InitialState:
    history = None if state.history is None else state.history.astype(np.float32).astype(np.float64)
    states = state.states.astype(np.float32).astype(np.float64) if history is None else history[:, -1]
    return system.changed(state, states, history)
