"""How states lie in a dataset: a row of components, or for fields a grid, which can be flattened again."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from chaosbench.dynamics.compile import CompiledSystem, FieldSystem

Coordinates = dict[str, object]


def layout_of(system: CompiledSystem) -> tuple[tuple[str, ...], tuple[int, ...], Coordinates]:
    """Return the dimensions of one state, their lengths, and their coordinates.

    Points: (component), with `period`, NaN where a component is no angle. Fields: (field, x) or (field, y, x); a complex field is two, A_re and A_im;
    x and y are in units of the domain's length, at the definition's own parameters.
    """
    if not isinstance(system, FieldSystem):
        period = ("component", system.periods)  # of angles, which are stored wrapped; NaN for all others
        return ("component",), (system.dimension,), {"component": np.array(system.components, dtype=object), "period": period}
    space, definition = system.equations.space, system.definition
    names = [f"{entry.name}{part}" for entry in definition.state for part in space.parts]
    lengths = space.lengths(definition.scalars, definition.label)
    places = {axis.name: np.arange(axis.points) * (length / axis.points) for axis, length in zip(space.axes, lengths, strict=True)}
    dimensions = ("field", *(axis.name for axis in reversed(space.axes)))
    return dimensions, system.shape, {"field": np.array(names, dtype=object), **places}


@dataclass(frozen=True)
class Sites:
    """The places of the components of a chain or a grid, fields first. homogeneous: the same rule at every site, seen from there."""

    fields: int
    shape: tuple[int, ...]
    periodic: bool
    homogeneous: bool


def sites_of(system: CompiledSystem) -> Sites | None:
    """Return where the components of `system` lie, or None where they are no values on a chain or grid.

    A chain is a system whose every variable is indexed and no angle. A complex field counts as two. Homogeneous is what moves with its state: the
    right-hand side (without noise) of a random state shifted by one site is the shifted right-hand side.
    """
    definition = system.definition
    if isinstance(system, FieldSystem):
        return Sites(system.shape[0], system.shape[1:], True, _moves_along(system, system.shape))
    lengths = {variable.length for variable in definition.scope.variables}
    if definition.size is None or lengths != {definition.size[1]} or not np.isnan(definition.periods).all():
        return None
    shape = (len(definition.state), definition.size[1])
    periodic = definition.boundary == "periodic"
    return Sites(shape[0], shape[1:], periodic, periodic and not definition.lags and _moves_along(system, shape))


def _moves_along(system: CompiledSystem, shape: tuple[int, ...]) -> bool:
    states = np.random.default_rng(0).uniform(0.1, 0.9, (1, system.dimension))
    states = system.projected(states) if isinstance(system, FieldSystem) else states
    rates = system.value(states)
    for axis in range(2, 1 + len(shape)):
        moved, expected = (np.roll(values.reshape(1, *shape), 1, axis).reshape(1, -1) for values in (states, rates))
        if not np.allclose(system.value(moved), expected, rtol=1e-9, atol=1e-9 * float(np.abs(rates).max())):
            return False
    return True


def flat_states(dataset: xr.Dataset) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Return states (B, T, D), component names and periods (D,) of a dataset of `simulate`, fields flattened as their system's states are."""
    states = np.asarray(dataset["state"].values)
    if "component" in dataset.dims:
        return states, tuple(str(name) for name in dataset["component"].values), np.asarray(dataset["period"].values)
    states = states.reshape(*states.shape[:2], -1)
    fields = [str(name) for name in dataset["field"].values]
    count = states.shape[2] // len(fields)
    return states, tuple(f"{name}{place}" for name in fields for place in range(count)), np.full(states.shape[2], np.nan)
