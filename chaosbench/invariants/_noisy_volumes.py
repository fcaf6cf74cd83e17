"""The mean rate at which a stochastic flow changes volumes: what its exponents sum to.

For dX = f dt + sum_a g_a dW_a (Ito) the tangent matrix V has d ln|det V| = (div f - 1/2 sum_a tr(J_a^2)) dt + sum_a div g_a dW_a, with J_a the
Jacobian of g_a; the last term has mean 0. A Stratonovich drift f lacks 1/2 sum_a J_a g_a, whose divergence is 1/2 sum_a (tr(J_a^2) + g_a . grad div
g_a): the rate is div f + 1/2 sum_a g_a . grad div g_a. With additive noise both are div f. A noisy map has ln|det(J_f + sum_a n_a J_a)|.
"""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.randomness import generator

_STEP = 1e-6


def volume_rates(system: CompiledSystem, diffusion: Diffusion, states: np.ndarray, seed: int) -> np.ndarray:
    """Return the rate (B,) at each of `states` (B, D); of a noisy map with noise drawn by `seed`."""
    if diffusion.noise.discrete:
        drawn = generator(seed, "volumes", system.definition.identity).standard_normal((len(states), diffusion.count))
        return np.asarray(np.linalg.slogdet(system.jacobian(states) + _jacobian(diffusion, states, drawn))[1])
    rates = np.trace(system.jacobian(states), axis1=1, axis2=2)
    for group in diffusion.groups:
        if diffusion.noise.calculus == "ito":
            jacobian = _jacobian(diffusion, states, group)
            rates = rates - 0.5 * np.einsum("bij,bji->b", jacobian, jacobian)
        else:
            step = _STEP * (1.0 + np.abs(states).max(axis=1, keepdims=True)) * diffusion.value(states, group)
            ahead, behind = (np.trace(_jacobian(diffusion, states + sign * step, group), axis1=1, axis2=2) for sign in (1.0, -1.0))
            rates = rates + 0.5 * (ahead - behind) / (2.0 * _STEP * (1.0 + np.abs(states).max(axis=1)))
    return np.asarray(rates)


def _jacobian(diffusion: Diffusion, states: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the Jacobian (B, D, D) of B(x) w."""
    batch, dimension = states.shape
    rows = np.repeat(states, dimension, axis=0)
    directions = np.tile(np.eye(dimension), (batch, 1))
    drawn = weights if weights.ndim == 1 else np.repeat(weights, dimension, axis=0)
    return diffusion.tangent(rows, directions, drawn).reshape(batch, dimension, dimension).transpose(0, 2, 1)
