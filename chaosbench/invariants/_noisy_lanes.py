"""Orbits of a stochastic system with their tangent columns, under one path of the noise each: common noise for all that start near each other.

Tangents follow the derivative of the step of the state. That needs a method whose step needs no corrected drift: SRA1 for additive noise, SRIW1 for
Ito equations with diagonal or scalar noise, Euler-Maruyama for other Ito equations, Heun for Stratonovich equations and for fractional noise. The
bias of an exponent is that of a mean under the method: of order h for Euler-Maruyama and Heun, h^2 for the other two (and for Heun where noise is
additive).
"""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.errors import InvariantError
from chaosbench.integrators._fractional import circular_table
from chaosbench.integrators._noise_steps import FRACTION, equal_steps
from chaosbench.integrators._philox import pair_kernels
from chaosbench.integrators._stochastic import NoisyRun
from chaosbench.integrators._stochastic_steps import EULER, HEUN, MAP, SRA, SRI, memory_of
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._lanes import Lane
from chaosbench.invariants._noisy_growth_drivers import noisy_growth

METHODS = {SRA: "SRA1", SRI: "SRIW1", EULER: "Euler-Maruyama", HEUN: "stochastic Heun", MAP: "iterated noisy map"}


class NoisyLane(Lane):
    """One orbit with K columns; the interval counts steps of h."""

    def __init__(
        self, run: NoisyRun, state: np.ndarray, tangents: np.ndarray, parameters: np.ndarray, noise: np.ndarray, table: np.ndarray, h: float
    ) -> None:
        system, columns = run.system, len(tangents)
        super().__init__(60 + 4 * system.dimension * (1 + columns) + 30 * run.diffusion.count, 2 * tangents.size * columns)
        kernels = system.kernels(columns=columns), run.diffusion.kernels(columns)
        self._run, self._h, self._noise, self._table = run, h, np.array(noise), table
        self._memory = memory_of(*kernels, None, system.n_parameters, run.diffusion.count, pair_kernels())
        self._memory[0][:] = np.concatenate([state, tangents.ravel()])
        self._memory[11][: system.n_parameters] = parameters
        self._periods = np.asarray(system.periods, dtype=np.float64)

    def time_of(self, interval: float) -> float:
        return interval * self._h

    def _carry(self, interval: float, per_record: int, logs: np.ndarray, stop: np.ndarray) -> int:
        run = self._run
        return int(
            noisy_growth(
                run.code,
                run.addresses,
                self._periods,
                run.groups,
                run.process_of,
                run.key,
                self._noise,
                self._table,
                self._h,
                int(interval),
                per_record,
                self._memory,
                logs,
                self.counts,
                stop,
            )
        )


def noisy_lanes(
    system: CompiledSystem, initial: InitialState, tangents: np.ndarray, rows: np.ndarray, seed: int, fraction: float | None
) -> tuple[list[NoisyLane], str]:
    """Return a lane for each orbit, and the method in words.

    Parameters: tangents (B, K, D); rows (B, P); fraction: the step in units of the shortest time scale, None means a 64th; all orbits take the
    shortest step of any.
    """
    diffusion = system.diffusion
    if diffusion is None or initial.noise is None:
        raise InvariantError(
            f"{system.definition.name}: an initial state without streams of noise; a stochastic system needs them (on_attractor makes it)"
        )
    code, h = _method(diffusion), 1.0
    run = NoisyRun.of(system, code, "both", seed, columns=tangents.shape[1])
    words = METHODS[code]
    if not diffusion.noise.discrete:
        h = float(np.min(equal_steps(system, diffusion, initial.states, rows, FRACTION if fraction is None else fraction)))
        if not np.isfinite(h):
            raise InvariantError(
                f"{system.definition.name}: drift and noise have no time scale; nothing grows or shrinks; there is no exponent to measure"
            )
        words += f", step {h:g}"
    lanes = []
    for b, state in enumerate(initial.states):
        table = np.zeros((0, diffusion.count))
        if diffusion.noise.hurst is not None:
            table = circular_table(system, rows[b], run.key, initial.noise[b, 0], h)
        lanes.append(NoisyLane(run, state, tangents[b], rows[b], initial.noise[b], table, h))
    return lanes, words


def _method(diffusion: Diffusion) -> int:
    noise = diffusion.noise
    if noise.discrete:
        return MAP
    if noise.hurst is not None:
        return HEUN
    if diffusion.structure == "additive":
        return SRA
    if noise.calculus == "stratonovich":
        return HEUN
    return SRI if diffusion.structure in ("diagonal", "scalar") else EULER
