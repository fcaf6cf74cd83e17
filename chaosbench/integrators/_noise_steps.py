"""The default step of stochastic methods: a fraction of the shortest time scale of drift and noise where trajectories start."""

import math
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.randomness import generator

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

FRACTION = 1.0 / 64.0
_STARTS = 16


def equal_steps(system: "CompiledSystem", diffusion: Diffusion, states: np.ndarray, parameters: np.ndarray, fraction: float) -> np.ndarray:
    """Return the longest step of each trajectory (B,): `fraction` of the shortest time scale, rounded down to a power of two.

    The rate of the drift is its Jacobian's size, that of the noise the square of the size of the Jacobian of B(x) 1, sizes as the root of the largest
    column sum times the largest row sum of absolute values. Taken is the median over the trajectory's own start and 16 draws by the initial rule:
    noise carries a trajectory away from where a Jacobian happens to vanish, and few starts lie far out.
    """
    elsewhere = _starts(system)
    found = np.empty(len(states))
    for lane, state in enumerate(states):
        row = parameters[min(lane, len(parameters) - 1)]
        seen = np.concatenate([state[None], elsewhere])
        rates = _sizes(system.jacobian(seen, row))
        if diffusion.structure != "additive":
            rates = np.maximum(rates, _sizes(_noise_jacobian(diffusion, seen, row)) ** 2)
        usable = rates[np.isfinite(rates)]
        fastest = float(np.median(usable)) if usable.size else 0.0
        found[lane] = math.ldexp(0.5, math.frexp(fraction / fastest)[1]) if fastest > 0.0 else math.inf
    return found


def _noise_jacobian(diffusion: Diffusion, states: np.ndarray, row: np.ndarray) -> np.ndarray:
    batch, dimension = states.shape
    rows = np.repeat(states, dimension, axis=0)
    columns = diffusion.tangent(rows, np.tile(np.eye(dimension), (batch, 1)), np.ones(diffusion.count), row)
    return columns.reshape(batch, dimension, dimension).transpose(0, 2, 1)


def _sizes(jacobians: np.ndarray) -> np.ndarray:
    sizes = np.abs(jacobians)
    return np.asarray(np.sqrt(sizes.sum(axis=1).max(axis=1) * sizes.sum(axis=2).max(axis=1)))


def _starts(system: "CompiledSystem") -> np.ndarray:
    """Return states (16 or fewer, D) by the initial rule."""
    rule, stream = system.definition.initial, generator(0, "noise steps", system.definition.identity)
    if rule.points is not None:
        return np.array(rule.points[:_STARTS], dtype=np.float64)
    slots = [variable.slots for variable in system.tape.variables]
    if rule.box is not None:
        low, high = (np.repeat(edge, slots) for edge in zip(*rule.box, strict=True))
        return np.asarray(low + (high - low) * stream.random((_STARTS, system.dimension)))
    centre, spread = (np.repeat(np.broadcast_to(numbers or 0.0, len(slots)), slots) for numbers in (rule.centre, rule.spread))
    return np.asarray(centre + spread * stream.standard_normal((_STARTS, system.dimension)))
