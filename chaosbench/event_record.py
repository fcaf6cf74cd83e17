"""The events of hybrid systems in a dataset: a contiguous ragged array as in the CF conventions, `row_size` events for each trajectory in turn."""

from typing import Any

import numpy as np
import xarray as xr

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.integrators._events import Events

EVENT = "event"
ROWS = "row_size"
CHUNK = 65_536  # events in one file of a store, whatever its blocks of trajectories


def event_variables(definition: SystemDefinition, events: Events | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return variables and coordinates that hold `events`, both empty without any; angles are wrapped into [0, period).

    Variables: event_time (event), event_kind (event), an index into the coordinate event_name, event_state (event, component), the state just before
    the event, and row_size (trajectory).
    """
    if events is None:
        return {}, {}
    states = events.state.copy()
    for slot in np.flatnonzero(~np.isnan(definition.periods)):
        period = definition.periods[slot]
        states[:, slot] -= np.floor(states[:, slot] / period) * period
        states[states[:, slot] >= period, slot] = 0.0  # an angle just below 0 rounds up to the period
    variables = {
        "event_time": ((EVENT,), events.time),
        "event_kind": ((EVENT,), events.kind),
        "event_state": ((EVENT, "component"), states),
        ROWS: (("trajectory",), events.row_size, {"sample_dimension": EVENT, "long_name": "number of events of this trajectory"}),
    }
    return variables, {"event_name": np.array([event.name for event in definition.events], dtype=object)}


def trajectories_of(dataset: xr.Dataset, start: int, count: int) -> xr.Dataset:
    """Return trajectories start .. start + count - 1 of a dataset, with their events where it has any."""
    part = dataset.isel(trajectory=slice(start, start + count))
    if ROWS not in dataset:
        return part
    ends = np.concatenate([[0], np.cumsum(dataset[ROWS].values)])
    return part.isel({EVENT: slice(int(ends[start]), int(ends[min(start + count, len(ends) - 1)]))})
