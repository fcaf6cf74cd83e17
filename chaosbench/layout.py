"""How states lie in a dataset: a row of components, or for fields a grid, which can be flattened again."""

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


def flat_states(dataset: xr.Dataset) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Return states (B, T, D), component names and periods (D,) of a dataset of `simulate`, fields flattened as their system's states are."""
    states = np.asarray(dataset["state"].values)
    if "component" in dataset.dims:
        return states, tuple(str(name) for name in dataset["component"].values), np.asarray(dataset["period"].values)
    states = states.reshape(*states.shape[:2], -1)
    fields = [str(name) for name in dataset["field"].values]
    count = states.shape[2] // len(fields)
    return states, tuple(f"{name}{place}" for name in fields for place in range(count)), np.full(states.shape[2], np.nan)
