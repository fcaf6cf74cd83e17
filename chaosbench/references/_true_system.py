"""The true system, started in the whole state behind the last sample of a context: what observations hide from a forecaster."""

from dataclasses import dataclass, replace

import numpy as np

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.errors import TaskError
from chaosbench.integrators.base import InitialState
from chaosbench.observations import TIGHT, USUAL, seed_of, seen
from chaosbench.requests import Request, checked_request
from chaosbench.settling import settle
from chaosbench.tasks import Prepared


@dataclass(frozen=True)
class TrueSystem:
    """A task's system with the whole states (B, ...) that end its contexts.

    deviation: (D,) of the states over the contexts, of angles at most that of an even spread over their period.
    """

    prepared: Prepared
    request: Request
    start: InitialState
    deviation: np.ndarray

    def forecast(self, start: InitialState, samples: int) -> np.ndarray:
        """Return the observed standardised answer (B, samples, D) of one run from `start`; NaN from where a trajectory ended early."""
        states, _ = self.run(start, samples)
        return self.observed(states)

    def run(self, start: InitialState, samples: int) -> tuple[np.ndarray, InitialState]:
        """Return the whole states (B, samples, D) that follow `start`, angles not wrapped, and the state to go on from."""
        request = self.request
        solution = request.integrator.solve(
            request.system,
            start,
            request.dt * np.arange(samples + 1),
            parameters=request.rows,
            seed=request.seed,
            rtol=request.rtol,
            atol=request.atol,
        )
        return solution.states[:, 1:], solution.final

    def observed(self, states: np.ndarray) -> np.ndarray:
        """Return whole states (B, T, D) as a forecaster of the task would see them."""
        return self.prepared.standardised(seen(self.prepared.plan, states))

    def changed(self, start: InitialState, states: np.ndarray, history: np.ndarray | None) -> InitialState:
        """Return `start` with other numbers: spectra and digits beyond doubles do not outlive the change."""
        if isinstance(self.request.system, FieldSystem):
            states = self.request.system.projected(states, self.request.rows)
        return InitialState(np.ascontiguousarray(states), history, start.lags)


def refusal(prepared: Prepared, *, disturbed: bool) -> str | None:
    """Return why the true system cannot be run on from the contexts of a task, or None. disturbed: whether the states are changed."""
    definition = prepared.plan.definition
    if definition.noise is not None:
        return "noise drives the system: its state does not decide its future, so the true system is no certain answer"
    if disturbed and definition.kind == "hybrid":
        return "events decide the system's mode: a disturbed state may lie where no trajectory can be"
    return None


def true_system(prepared: Prepared, purpose: str) -> TrueSystem:
    """Return the system at the end of the contexts of `purpose`, "windows" or "climate"; the same trajectories that the task's truth continues."""
    spec, plan = prepared.plan.spec, prepared.plan
    tight = purpose == "windows"
    n = spec.windows if tight else spec.climate_runs
    rtol, atol = TIGHT if tight else USUAL
    request = checked_request(plan.definition, n, spec.context, seed_of(plan, purpose), plan.dt, None, None, None, rtol, atol, 0)
    initial, _ = settle(request, request.seed, "initial", 0, None)
    head = request.integrator.solve(
        request.system, initial, plan.dt * np.arange(spec.context), parameters=request.rows, seed=request.seed, rtol=rtol, atol=atol
    )
    if head.status.any():
        raise TaskError(f"task {spec.label!r}: {int((head.status != 0).sum())} of {n} contexts ended early; change the task's parameters")
    spread = head.states.reshape(-1, request.system.dimension).std(axis=0)
    deviation = np.fmin(spread, request.system.periods / np.sqrt(12.0))
    system = TrueSystem(prepared, request, head.final, deviation)
    given = prepared.clean_contexts(purpose)
    gap = float(np.abs(system.observed(head.states)[:, -1] - given[:, -1]).max())
    if not gap <= 1e-6:
        raise TaskError(f"task {spec.label!r}: the true system's states differ from the contexts by {gap:.3g}; this is an error of the package")
    start = InitialState(head.final.states) if tight and head.final.history is None else head.final  # as the truth starts there
    return replace(system, start=start)
