"""One orbit of a hybrid system with its tangent columns."""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.integrators._event_drivers import CLOCK
from chaosbench.integrators._event_memory import event_arrays, scene_memory
from chaosbench.integrators._memory import working_memory
from chaosbench.invariants._hybrid_growth_drivers import hybrid_growth
from chaosbench.invariants._lanes import Lane
from chaosbench.kernels.tableau import Tableau

_LOOKS = 2  # how much more than its steps the search for events costs


class HybridLane(Lane):
    """Steps with error control of state and columns; at events the saltation matrix."""

    def __init__(
        self,
        system: CompiledSystem,
        tableau: Tableau,
        state: np.ndarray,
        tangents: np.ndarray,
        parameters: np.ndarray,
        rtol: float,
        atol: float,
    ) -> None:
        super().__init__(_LOOKS * system.dimension * (1 + len(tangents)), 2 * tangents.size * len(tangents))
        self._kernels = system.kernels(tableau, columns=len(tangents))
        address, sizes, weights, jumps = event_arrays(system, tableau, len(tangents))
        row = np.array(parameters, dtype=np.float64)
        self._arrays = (address, sizes, weights, np.array([rtol, atol, 0.0]), jumps, system.jumps.limits(row[None])[0].copy())
        self._system = system  # its kernels must live as long as their addresses
        self._state = (np.asarray(system.periods, dtype=np.float64), row, working_memory(self._kernels), scene_memory(system), np.zeros(len(CLOCK)))
        self._state[2][0][:] = np.concatenate([state, tangents.ravel()])
        self._moment = np.array([-1.0, 0.0, 0.0])

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        return int(hybrid_growth(*self._arrays, *self._state, self._moment, float(interval), per_record, logs, self.counts, stop))
