"""How fast the events of a hybrid system change volumes: the part of the mean divergence that no rate shows."""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.saltation import saltation_matrices
from chaosbench.integrators._events import Events

PARTS = 64


def rates_at_events(system: CompiledSystem, events: Events, good: np.ndarray, span: float) -> np.ndarray:
    """Return the mean rates (B, 64) of ln |det S| in equal parts of a run of length `span`, for the trajectories marked in `good`.

    Minus infinity where an event leaves no volume: a reset that forgets part of the state, such as a rest.
    """
    rates = np.zeros((len(good), PARTS))
    for event in range(system.jumps.count):
        chosen = np.flatnonzero(events.kind == event)
        if not chosen.size:
            continue
        with np.errstate(divide="ignore"):
            logs = np.linalg.slogdet(saltation_matrices(system, event, events.state[chosen]))[1]
        rows = np.repeat(np.arange(len(good)), events.row_size)[chosen]
        parts = np.minimum((events.time[chosen] / span * PARTS).astype(int), PARTS - 1)
        np.add.at(rates, (rows, parts), logs)
    return np.asarray(rates[good] * (PARTS / span))
