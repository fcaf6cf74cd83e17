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
_HALVINGS = (30, 15)
_JUMP, _KEPT = 1e-9, 0.5


def has_jumps(system: CompiledSystem, initial: InitialState, period: float, threads: int | None = None) -> bool:
    """Tell whether the right-hand side of a flow jumps on the way from the states `initial` (B, D) over 32 periods.

    Method: the straight line between two neighbouring samples (32 a period) is halved 30 times, each time keeping the half over which the right-hand
    side changes more, and then 15 times more; a change that these still halve at least once is a steep or bent place, one that they leave is a jump.
    Nothing is asked of smooth equations, nor of delays, whose jumps no method here sees.
    """
    if system.definition.kind != "flows" or system.tape.smooth:
        return False
    solution = choose(system).integrator.solve(system, initial, period / 32.0 * np.arange(_SAMPLES), rtol=1e-6, atol=1e-9, threads=threads)
    good = solution.states[np.isfinite(solution.states).all(axis=(1, 2))]
    if not len(good):
        return False
    left, right = (part.reshape(-1, system.dimension).copy() for part in (good[:, :-1], good[:, 1:]))
    at_left, at_right = system.value(left), system.value(right)
    scale = np.maximum(np.abs(at_left).max(axis=0), 1e-300)
    changes = []
    for halvings in _HALVINGS:
        for _ in range(halvings):
            middle = 0.5 * (left + right)
            at_middle = system.value(middle)
            first = (np.abs(at_middle - at_left) / scale).max(axis=1) >= (np.abs(at_right - at_middle) / scale).max(axis=1)
            left, at_left = np.where(first[:, None], left, middle), np.where(first[:, None], at_left, at_middle)
            right, at_right = np.where(first[:, None], middle, right), np.where(first[:, None], at_middle, at_right)
        changes.append((np.abs(at_right - at_left) / scale).max(axis=1))
    return bool(((changes[1] > _JUMP) & (changes[1] > _KEPT * changes[0])).any())
