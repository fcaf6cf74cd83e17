"""Bring drawn states onto the attractor: integrate over the transient, redraw what escapes, wrap angles."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import DatasetError
from chaosbench.initial import TRIES, draw_initial
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState, Status
from chaosbench.noisy_starts import one_run, settling_noise, unused_noise
from chaosbench.requests import Request, default_transient

_HALVINGS = 7


def on_attractor(
    system: CompiledSystem,
    *,
    n: int,
    seed: int,
    purpose: str,
    transient: float | None = None,
    parameters: np.ndarray | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-12,
    threads: int | None = None,
    first: int = 0,
) -> InitialState:
    """Return `n` states on the attractor: drawn with (seed, purpose, first + b), transient removed. Raises DatasetError as `simulate` does."""
    rows = np.broadcast_to(system.parameter_values if parameters is None else parameters, (n, system.n_parameters))
    choice = choose(system)
    wait = default_transient(system) if transient is None else float(transient)
    request = Request(system, choice.integrator, choice.name, choice.reason, np.ascontiguousarray(rows), 1, seed, 1.0, wait, rtol, atol)
    return settle(request, seed, purpose, first, threads)[0]


def settle(request: Request, seed: int, purpose: str, first: int, threads: int | None) -> tuple[InitialState, np.ndarray]:
    """Draw, integrate over the transient, redraw what escaped; return the settled states and the number of rejected draws (B,).

    A reference method is left its first state by the default one: a transient has no truth to keep, and the same seed then gives the same states.
    """
    if request.integrator.reference:
        usual = choose(request.system)
        rtol, atol = usual.integrator.tolerances
        request = replace(request, integrator=usual.integrator, integrator_name=usual.name, rtol=rtol, atol=atol)
    n = len(request.rows)
    pending = np.arange(n)
    rejected = np.zeros(n, dtype=np.int64)
    settled: InitialState | None = None
    for attempt in range(TRIES):
        draws = [
            draw_initial(request.system, seed=seed, n=1, purpose=purpose, first=first + int(b), attempt=attempt, parameters=request.rows[b : b + 1])
            for b in pending
        ]
        drawn = InitialState(
            np.concatenate([draw.states for draw in draws]),
            np.concatenate([draw.history for draw in draws if draw.history is not None]) if draws[0].history is not None else None,
            draws[0].lags,
        )
        ended, ends = _after_transient(
            request, settling_noise(drawn, request.system, purpose, attempt, pending + first), request.rows[pending], threads
        )
        if settled is None:
            settled = InitialState(ended.states.copy(), None if ended.history is None else ended.history.copy(), ended.lags)
        else:
            settled.states[pending] = ended.states
            if settled.history is not None and ended.history is not None:
                settled.history[pending] = ended.history
        failed = ends != Status.OK
        rejected[pending[failed]] += 1
        pending, ends = pending[failed], ends[failed]
        if not pending.size:
            return unused_noise(_wrapped(settled, request.system.periods), request.system, purpose, first), rejected
    raise DatasetError(
        f"{request.system.definition.name}: trajectory {first + int(pending[0])} left the attractor in {TRIES} draws from [initial]; "
        f"{_advice(request, Status(int(ends[0])))}narrow the initial rule, shorten the transient, or change the parameters"
    )


def _advice(request: Request, end: Status) -> str:
    """Say first that equal steps that somebody chose may be too long, where a state grew beyond all bounds."""
    step = request.integrator.options.get("step")
    if step is None or end != Status.BLOW_UP:
        return ""
    return f"step = {step:g} may be too long for {request.integrator_name} to be stable, so give a smaller step first; else "


def _after_transient(request: Request, drawn: InitialState, rows: np.ndarray, threads: int | None) -> tuple[InitialState, np.ndarray]:
    """Return where the drawn states are after the transient, and the status with which each of them first ended."""
    if request.transient <= 0 or one_run(request.system):
        return drawn, np.full(len(rows), Status.OK, dtype=np.int64)
    reached, ends, rows = drawn, np.full(len(rows), Status.OK, dtype=np.int64), np.ascontiguousarray(rows)
    for start, end in pairwise(_marks(request)):
        span = np.array([0.0, end - start])
        solution = request.integrator.solve(
            request.system, reached, span, parameters=rows, seed=request.seed, rtol=request.rtol, atol=request.atol, threads=threads
        )
        reached, ends = solution.final, np.where(ends == Status.OK, solution.status, ends)
    return reached, ends


def _marks(request: Request) -> list[float]:
    """Return where the transient is cut; that of fields after a 128th, a 64th, ..., a half: their step belongs to the state in which a run begins."""
    pieces = _HALVINGS if request.system.definition.kind == "fields" else 0
    return [0.0, *(request.transient * 0.5**k for k in range(pieces, -1, -1))]


def _wrapped(initial: InitialState, periods: np.ndarray) -> InitialState:
    """Bring every angle into [0, period), history and present by the same whole number of turns."""
    angles = np.flatnonzero(~np.isnan(periods))
    if not angles.size:
        return initial
    states = initial.states.copy()
    history = None if initial.history is None else initial.history.copy()
    for index in angles:
        turns = np.floor(states[:, index] / periods[index]) * periods[index]
        states[:, index] -= turns
        if history is not None:
            history[:, :, index] -= turns[:, None]
    return InitialState(states, history, initial.lags, initial.noise)
