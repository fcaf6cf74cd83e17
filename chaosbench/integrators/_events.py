"""The events of a run of a hybrid system."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Events:
    """E events, ordered by trajectory and then by time.

    time (E,). kind (E,) int64: number of the event in file order. state (E, D): just before it. row_size (B,) int64: events of each trajectory.
    """

    time: np.ndarray
    kind: np.ndarray
    state: np.ndarray
    row_size: np.ndarray

    def of(self, trajectory: int) -> slice:
        """Return where the events of one trajectory stand."""
        beyond = int(self.row_size[: trajectory + 1].sum())
        return slice(beyond - int(self.row_size[trajectory]), beyond)


def joined(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Events:
    """Return the Events of trajectories given one by one as (time, kind, state)."""
    times, kinds, states = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return Events(times, kinds, states, np.array([len(part[0]) for part in parts], dtype=np.int64))


def followed(first: Events, second: Events, ended: np.ndarray) -> Events:
    """Return the events of two parts of the same run, one after the other; trajectories that ended (B,) in the first have none in the second."""
    parts = []
    for b in range(len(first.row_size)):
        runs = (first,) if ended[b] else (first, second)
        time, kind, state = (np.concatenate([getattr(run, name)[run.of(b)] for run in runs]) for name in ("time", "kind", "state"))
        parts.append((time, kind, state))
    return joined(parts)
