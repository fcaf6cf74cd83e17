"""The step of methods that never change it: given, or a fraction of the shortest time scale where a trajectory starts."""

import math
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.foreign import FunctionSystem
from chaosbench.errors import IntegrationError
from chaosbench.integrators._request import Request

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_BLOCK = 1 << 18


def checked_step(step: float | None) -> float | None:
    """Return `step`, or raise IntegrationError if it is no length of time."""
    if step is not None and not (math.isfinite(step) and step > 0.0):
        raise IntegrationError(f"step is {step}; it must be finite and positive, or None for a share of the shortest time scale")
    return step


def longest_steps(request: Request, step: float | None, fraction: float) -> np.ndarray:
    """Return the longest step of each trajectory (B,): `step`, or `fraction` of 1 / |J| at its initial state, rounded down to a power of two.

    |J| is the root of the largest column sum times the largest row sum of the Jacobian's absolute values.
    """
    if step is not None:
        return np.full(request.lanes, float(step))
    if isinstance(request.system, FunctionSystem):
        raise IntegrationError(f"{request.system.definition.name}: a function has no Jacobian to take the step from; give it, as step=...")
    rows = np.broadcast_to(request.parameters, (request.lanes, request.parameters.shape[1]))
    block = max(1, _BLOCK // request.system.dimension**2)
    slopes = np.concatenate([_slopes(request.system, request.states[k : k + block], rows[k : k + block]) for k in range(0, request.lanes, block)])
    usable = (slopes > 0.0) & (slopes < math.inf)
    _, exponent = np.frexp(fraction / np.where(usable, slopes, 1.0))
    return np.where(usable, np.ldexp(0.5, exponent), math.inf)


def _slopes(system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return a bound of the spectral norm of the Jacobian at each state (B,)."""
    sizes = np.abs(system.jacobian(states, parameters))
    return np.asarray(np.sqrt(sizes.sum(axis=1).max(axis=1) * sizes.sum(axis=2).max(axis=1)))
