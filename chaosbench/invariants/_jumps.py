"""Whether a flow has jumps: right-hand sides that are discontinuous where orbits go.

At a jump the tangent flow is multiplied by a saltation matrix, which the variational equations do not contain: their exponents are wrong there,
however finely they are integrated.
Source: R. I. Leine, H. Nijmeijer, Dynamics and Bifurcations of Non-Smooth Mechanical Systems (2004), chapter 7.
"""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState

_SAMPLES = 1024
_HALVINGS = 40
_JUMP = 1e-5


def has_jumps(system: CompiledSystem, initial: InitialState, period: float) -> bool:
    """Tell whether the right-hand side of a flow jumps on the way from the states `initial` (B, D) over 32 periods.

    Method: the straight line between two neighbouring samples (32 a period) is halved 40 times, each time keeping the half over which the right-hand
    side changes more; what is left of the change is a jump if it exceeds 1e-5 of the largest rate seen of that component. Nothing is asked of smooth
    equations.
    """
    if system.definition.kind != "flows" or system.tape.smooth:
        return False
    solution = choose(system).integrator.solve(system, initial, period / 32.0 * np.arange(_SAMPLES), rtol=1e-6, atol=1e-9)
    good = solution.states[np.isfinite(solution.states).all(axis=(1, 2))]
    if not len(good):
        return False
    left, right = (part.reshape(-1, system.dimension).copy() for part in (good[:, :-1], good[:, 1:]))
    at_left, at_right = system.value(left), system.value(right)
    scale = np.maximum(np.abs(at_left).max(axis=0), 1e-300)
    for _ in range(_HALVINGS):
        middle = 0.5 * (left + right)
        at_middle = system.value(middle)
        first = (np.abs(at_middle - at_left) / scale).max(axis=1) >= (np.abs(at_right - at_middle) / scale).max(axis=1)
        left, at_left = np.where(first[:, None], left, middle), np.where(first[:, None], at_left, at_middle)
        right, at_right = np.where(first[:, None], middle, right), np.where(first[:, None], at_middle, at_right)
    return bool((np.abs(at_right - at_left) > _JUMP * scale).any())
