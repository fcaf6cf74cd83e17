"""How an event of a hybrid system moves a neighbouring orbit: the saltation matrix, the readable way.

A neighbour reaches the guard a little earlier or later and flows on with the other rate meanwhile:
S = DR + (f_after - DR f_before) (grad g)^T / (grad g . f_before), with the reset R and the guard g.
Source: R. I. Leine, H. Nijmeijer, Dynamics and Bifurcations of Non-Smooth Mechanical Systems (2004), chapter 7.
"""

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem


def saltation_matrices(system: CompiledSystem, event: int, states: np.ndarray, parameters: np.ndarray | None = None) -> np.ndarray:
    """Return the matrices (B, C, C) of event number `event` at the states (B, D) just before it; C counts the variables that are not discrete.

    Where the event's rest applies its reset is taken. An event that is met at a tangent (grad g . f = 0) gives infinite entries.
    """
    jumps = system.jumps
    values = system.parameter_values if parameters is None else parameters
    before = system.value(states, values)
    _, _, slopes = jumps.conditions_at(states, values, before)
    speed = slopes[:, event]
    after, jacobian = jumps.reset_at(event, states, values)
    if jumps.reset_tapes[event][1] is not None:
        resting = np.abs(speed) < jumps.limits(np.broadcast_to(values, (len(states), values.shape[-1])))[:, event]
        calm, still = jumps.reset_at(event, states, values, rest=True)
        after, jacobian = np.where(resting[:, None], calm, after), np.where(resting[:, None, None], still, jacobian)
    moved = system.value(after, values) - np.einsum("bij,bj->bi", jacobian, before)
    gradient = np.stack([jumps.conditions_at(states, values, np.broadcast_to(unit, states.shape))[2][:, event] for unit in np.eye(system.dimension)])
    with np.errstate(divide="ignore", invalid="ignore"):
        matrices = jacobian + moved[:, :, None] * (gradient.T / speed[:, None])[:, None, :]
    kept = ~jumps.discrete
    return np.asarray(matrices[:, kept][:, :, kept])
