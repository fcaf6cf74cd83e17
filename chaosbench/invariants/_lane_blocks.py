"""Eight orbits with their tangent columns, carried side by side by one kernel."""

import math

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.unroll import unrolled_size
from chaosbench.integrators._memory import aligned
from chaosbench.invariants._carrier import Carrier
from chaosbench.invariants._growth_drivers import carry
from chaosbench.kernels.growth import Record
from chaosbench.kernels.lanes import Lanes

LANES = 8
_LARGEST = 25_000  # lines of code, roughly
_MOST_STEPS = 10_000_000.0
_ROUNDS = 256.0  # steps between two looks at whether the run was interrupted


def taylor_order(rtol: float) -> int:
    """Return the order of the series, 9 down to 3e-4 and 13 at 1e-10: the time of a run is flat around it."""
    return min(max(math.ceil(6.95 - 0.25 * math.log(rtol)), 9), 20)


def terms(system: CompiledSystem, rtol: float) -> float:
    """Return about how many operations the series of a state and one column take."""
    each = 0.35 * taylor_order(rtol) ** 2 if system.definition.kind == "flows" else 1.0
    return each * len(tangent_tape(system.scalar_tape).nodes)


def fits(system: CompiledSystem, columns: int, rtol: float) -> bool:
    """Whether the orbits of a system go side by side: one without delays whose kernel, cells written out, compiles in about two seconds at most."""
    if system.definition.kind in ("delays", "hybrid") or unrolled_size(system.tape) > _LARGEST:
        return False
    return terms(system, rtol) + min(3.0 * columns**2 * system.dimension, 4500.0) <= _LARGEST


class LaneBlock(Carrier):
    """Up to eight orbits of a flow or a map.

    states (B, D), tangents (B, K, D), parameters (B, P). rtol, atol: of a flow's steps. The interval is a time (maps: iterations). The columns of a
    flow are orthonormalised after `every` steps and at the end of a record, those of a map after every interval.
    """

    def __init__(self, system: CompiledSystem, states: np.ndarray, tangents: np.ndarray, parameters: np.ndarray, rtol: float, atol: float) -> None:
        self._flow = system.definition.kind == "flows"
        order = taylor_order(rtol) if self._flow else 0
        self._kernels = kernels = system.growth_kernels(order, LANES, tangents.shape[1])
        self.orbits, self._dimension = states.shape
        self._size = states.shape[1] + tangents[0].size
        self._u, p, self._past, work = (aligned(length) for length in kernels.sizes)
        self._buffers = (self._u, p, self._past, work, aligned(kernels.columns * LANES))
        self._address = np.array([kernels.advance, kernels.finish], dtype=np.int64)
        self._record = Record(system.dimension, kernels.columns, LANES)
        extended = np.concatenate([states, tangents.reshape(self.orbits, -1)], axis=1)
        held = np.minimum(np.arange(LANES), self.orbits - 1)  # a lane without an orbit rests at a copy of the last one
        self._u[: self._size * LANES] = extended[held].T.ravel()
        p[: parameters.shape[1] * LANES] = parameters[held].T.ravel()
        self._past[: kernels.columns * LANES] = 1.0
        factor = float(f"{rtol ** (-1.0 / (order * (order - 1))):.2g}") if order else 0.0  # few digits, so that no machine's pow decides a bit
        lanes = Lanes(self._size, LANES)
        for name, value in (("rtol", rtol), ("atol", atol), ("factor", factor), ("most_steps", _MOST_STEPS), ("rounds", _ROUNDS)):
            self._u[lanes.setting(name)] = value
        self._counts = np.zeros((self.orbits, 2), dtype=np.int64)
        # one is about 2 ns, where caches hold: a step of one orbit, and an orthonormalisation
        self._costs = (2.0 + 0.006 * terms(system, rtol) * (1 + kernels.columns), 0.04 * system.dimension * kernels.columns**2)
        self._work = 0.0

    @property
    def steps(self) -> int:
        return int(self._counts[:, 0].sum())

    @property
    def evaluations(self) -> int:
        # a series of order N counts as N + 1, a shortened step as one more
        return int(self._counts[:, 0].sum()) * (self._kernels.order + 1) + int(self._counts[:, 1].sum())

    @property
    def work(self) -> float:
        return self._work

    def states(self) -> np.ndarray:
        """Return where the orbits are (B, D)."""
        return self._u[: self._dimension * LANES].reshape(self._dimension, LANES).T[: self.orbits].copy()

    def advance(self, interval: float, per_record: int, every: int, logs: np.ndarray, status: np.ndarray, stop: np.ndarray) -> None:
        rounds, before = float(every if self._flow else interval), self.steps
        self._past[self._record.every] = rounds
        carry(self._address, LANES, self._size, self._buffers, float(interval * per_record), _MOST_STEPS, logs, status, self._counts, stop)
        self._work += (self.steps - before) * (self._costs[0] + self._costs[1] / rounds)
