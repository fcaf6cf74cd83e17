"""Seeded initial states: drawn by the definition's rule, projected onto level sets, and brought onto the attractor."""

from collections.abc import Mapping

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, FieldSystem
from chaosbench.dynamics.field_draw import draw_fields
from chaosbench.dynamics.field_rule import FieldRule
from chaosbench.errors import DatasetError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.tree import Expression
from chaosbench.integrators._philox import streams_of
from chaosbench.integrators.base import InitialState
from chaosbench.randomness import generator

HISTORY_POINTS = 1025
TRIES = 50


def draw_initial(
    system: CompiledSystem, *, seed: int, n: int, purpose: str = "initial", first: int = 0, attempt: int = 0, parameters: np.ndarray | None = None
) -> InitialState:
    """Return `n` initial states (B = n, D), trajectory `first + b` from its own random stream.

    The stream is keyed by (seed, purpose, identity, trajectory, attempt): the draw of one trajectory does not depend on how many are drawn.
    parameters: (n, P) when they differ between trajectories. Raises DatasetError when a level set cannot be reached.
    """
    definition = system.definition
    streams = [generator(seed, purpose, definition.identity, (first + b) * TRIES + attempt) for b in range(n)]
    rows = np.broadcast_to(system.parameter_values if parameters is None else parameters, (n, system.n_parameters))
    if definition.initial.history is not None:
        return _draw_history(system, streams, rows)
    if isinstance(system, FieldSystem) and isinstance(definition.initial, FieldRule):
        drawn = np.stack([draw_fields(system.equations, definition.initial, row, stream) for row, stream in zip(rows, streams, strict=True)])
        return InitialState(system.projected(drawn, np.ascontiguousarray(rows)))
    states = np.stack([_draw(system, stream, first + b) for b, stream in enumerate(streams)])
    if definition.initial.on is not None:
        states = np.stack([_on_level_set(system, definition.initial.on, state, rows[b], streams[b]) for b, state in enumerate(states)])
    return InitialState(states, noise=None if definition.noise is None else streams_of(purpose, first, n))


def _draw(system: CompiledSystem, stream: np.random.Generator, index: int) -> np.ndarray:
    rule = system.definition.initial
    if rule.points is not None:
        return np.array(rule.points[index % len(rule.points)], dtype=np.float64)
    if rule.box is not None:
        low, high = (_spread_out(system, tuple(edge)) for edge in zip(*rule.box, strict=True))
        return np.asarray(low + (high - low) * stream.random(system.dimension))
    centre = _spread_out(system, rule.centre or (0.0,))
    return np.asarray(centre + _spread_out(system, rule.spread) * stream.standard_normal(system.dimension))


def _spread_out(system: CompiledSystem, per_variable: float | tuple[float, ...]) -> np.ndarray:
    """Repeat one number per variable for all its cells: (variables,) or one number -> (D,)."""
    variables = system.tape.variables
    numbers = np.broadcast_to(np.asarray(per_variable, dtype=np.float64), (len(variables),))
    return np.repeat(numbers, [variable.slots for variable in variables])


def _draw_history(system: CompiledSystem, streams: list[np.random.Generator], rows: np.ndarray) -> InitialState:
    rule = system.definition.initial
    longest = max(float(np.max(system.lags(row))) for row in rows)
    lags = np.linspace(longest, 0.0, HISTORY_POINTS)
    histories: dict[bytes, np.ndarray] = {}
    for row in rows:
        if row.tobytes() not in histories:
            histories[row.tobytes()] = _history(system, row, -lags)
    offsets = np.stack([_spread_out(system, rule.spread) * stream.standard_normal(system.dimension) for stream in streams])
    history = np.stack([histories[row.tobytes()] for row in rows]) + offsets[:, None, :]
    return InitialState(np.ascontiguousarray(history[:, -1]), history, lags)


def _history(system: CompiledSystem, row: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return (L, D): the history expressions at `times` <= 0 with the parameters of one trajectory."""
    definition = system.definition
    names = dict(zip(definition.parameter_names, row, strict=True))
    texts = definition.initial.history or {}
    columns = [
        [constant_value(texts[variable.name], {**names, "t": float(time)}, where=f"{definition.label}: initial.history") for time in times]
        for variable in system.tape.variables
    ]
    return np.array(columns).T


def _on_level_set(
    system: CompiledSystem, levels: Mapping[str, Expression], state: np.ndarray, row: np.ndarray, stream: np.random.Generator
) -> np.ndarray:
    """Move `state` to the level set by Gauss-Newton steps along the integrals' gradients; redraw when that fails."""
    definition = system.definition
    integrals = definition.integrals or {}
    quantities = [system.quantity(integrals[name]) for name in levels]
    names = {**definition.scalars, **dict(zip(definition.parameter_names, row, strict=True))}
    wanted = np.array([constant_value(level, names, where=f"{definition.label}: initial.on") for level in levels.values()])
    tolerance = 1e-14 * (1 + np.abs(wanted).max())

    for _ in range(TRIES):
        point = state.copy()
        for _ in range(60):
            residual = wanted - np.array([float(quantity.value(point[None], row)[0]) for quantity in quantities])
            if np.abs(residual).max() <= tolerance:
                return point
            gradient = np.concatenate([quantity.gradient(point[None], row) for quantity in quantities])
            if not np.isfinite(gradient).all() or not np.isfinite(residual).all():
                break
            point = point + np.linalg.lstsq(gradient, residual, rcond=None)[0]
        state = _draw(system, stream, 0)
    level = ", ".join(f"{name} = {float(value):.6g}" for name, value in zip(levels, wanted, strict=True))
    found = ", ".join(f"{float(quantity.value(state[None], row)[0]):.6g}" for quantity in quantities)
    raise DatasetError(
        f"{definition.name}: none of {TRIES} draws of [initial] could be moved onto {level} (the last began at {found}); perhaps no state near them "
        "has it: change the level (initial.on, or the parameter that it names), or the centre or box of [initial]"
    )
