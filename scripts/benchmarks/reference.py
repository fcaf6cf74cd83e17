"""Trajectories in 80-bit arithmetic, against which every method is judged.

Method: extrapolation of the modified midpoint rule with the step numbers 2, 4, ..., 2k (Gragg; Hairer, Norsett, Wanner, Solving Ordinary Differential
Equations I, 2nd ed. (1993), section II.9), order 2k, on the readable evaluator of the tape. It shares neither coefficients nor code with any method
that is measured, and its only coefficients are ratios of whole numbers. A step is halved until its two best results agree to 2e-18 of the state.

Error: the trajectory is computed a second time, two orders higher and with every step halved; the largest difference is stored as `uncertainty` and
bounds what can be asked of the methods. Kept on disk under the cache folder, by everything that decides it.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.expressions.evaluate import evaluate
from chaosbench.folders import cache_folder, write_whole

Rates = Callable[[np.ndarray], np.ndarray]
_PAIRS, _TOLERANCE, _DEEPEST = 7, 2e-18, 12


def rates_of(system: CompiledSystem) -> Rates:
    """Return the right-hand side (B, D) -> (B, D) in extended precision at the system's parameters."""
    parameters = system.parameter_values.astype(np.longdouble)
    return lambda states: evaluate(system.tape, states, parameters)[0]


def extrapolated(rates: Rates, states: np.ndarray, step: np.ndarray, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the states (B, D) a `step` (B, 1) later and the difference of the two best results."""
    table: list[np.ndarray] = []
    first = rates(states)
    for k in range(1, pairs + 1):
        h = step / (2 * k)
        before, here = np.zeros_like(states), h * first  # increments, so that rounding is relative to the step and not to the state
        for _ in range(2 * k - 1):
            before, here = here, before + 2 * h * rates(states + here)
        row = [(before + here + h * rates(states + here)) / 2]  # Gragg's smoothing
        for j in range(1, k):
            ratio = (np.longdouble(k) / np.longdouble(k - j)) ** 2
            row.append(row[-1] + (row[-1] - table[j - 1]) / (ratio - 1))
        table = row
    return states + table[-1], table[-1] - table[-2]


def advance(rates: Rates, states: np.ndarray, step: np.ndarray, *, pairs: int = _PAIRS, halvings: int = 0, depth: int = 0) -> np.ndarray:
    """Return the states (B, D) a `step` (B, 1) later, in as many parts as the tolerance needs and `halvings` halvings more."""
    reached, difference = extrapolated(rates, states, step, pairs)
    size = np.abs(states).max(axis=1, keepdims=True) + 1e-300
    good = bool((np.abs(difference) <= _TOLERANCE * size).all())
    if good and halvings == 0:
        return reached
    if depth >= _DEEPEST:
        raise ArithmeticError(f"a step of {float(step.max()):.3g} in {2**depth} parts does not settle; the system is stiff or not smooth here")
    left = halvings - 1 if good else halvings
    for _ in range(2):
        states = advance(rates, states, step / 2, pairs=pairs, halvings=left, depth=depth + 1)
    return states


@dataclass(frozen=True)
class Reference:
    """states: (T, B, D) in extended precision at multiples of dt. uncertainty: (B,) largest difference to the finer run, in units of `scale`."""

    states: np.ndarray
    uncertainty: np.ndarray
    dt: float
    rates: Rates

    def at(self, times: np.ndarray) -> np.ndarray:
        """Return the states (len(times), D) of the first trajectory at any times within the span."""
        step = np.longdouble(self.dt)
        places = np.clip((times / self.dt).astype(int), 0, len(self.states) - 1)
        rest = times.astype(np.longdouble) - places * step
        return advance(self.rates, self.states[places, 0], rest[:, None])


def reference(system: CompiledSystem, starts: np.ndarray, dt: float, samples: int, scale: np.ndarray) -> Reference:
    """Return the trajectories from `starts` (B, D) at `samples` multiples of dt, from the cache or computed; scale (D,) for the uncertainty."""
    rates = rates_of(system)
    key = repr((system.definition.identity, starts.tobytes(), dt, samples, scale.tobytes(), _PAIRS, _TOLERANCE, np.finfo(np.longdouble).nmant))
    path = cache_folder("benchmark", "references", f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz")
    if path.exists():
        with np.load(path) as stored:
            high, low = stored["high"], stored["low"]
            return Reference(high.astype(np.longdouble) + low, stored["uncertainty"], dt, rates)
    step = np.full((len(starts), 1), np.longdouble(dt))
    coarse = fine = starts.astype(np.longdouble)
    states, uncertainty = [fine], np.zeros(len(starts))
    for _ in range(samples - 1):
        coarse = advance(rates, coarse, step)
        fine = advance(rates, fine, step, pairs=_PAIRS + 1, halvings=1)
        states.append(fine)
        uncertainty = np.maximum(uncertainty, np.abs((coarse - fine) / scale).max(axis=1).astype(float))
    table = np.array(states)
    high = table.astype(np.float64)
    buffer = io.BytesIO()
    np.savez(buffer, high=high, low=(table - high).astype(np.float64), uncertainty=uncertainty)
    write_whole(path, buffer.getvalue())
    return Reference(table, uncertainty, dt, rates)
