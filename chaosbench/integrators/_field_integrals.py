"""The step that holds the integrals which a definition of fields declares.

What a step leaves where a run begins says little about later: a smooth wave breaks up into solitons, a uniform one into bursts. So trajectories of
definitions with integrals are carried on by steps of the usual length for a while, and their drift, which falls like step^5, says how much finer
steps have to be. A drift counts in units of the integral of the size of what is integrated: a momentum may be 0.
"""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.field_numpy import to_states
from chaosbench.expressions.tree import Binary, Call, Expression, Unary
from chaosbench.integrators._call import driver
from chaosbench.integrators._field_drivers import field_step
from chaosbench.integrators._field_engine import FieldEngine

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_AHEAD, _DRIFT, _ORDER = 1024, 1e-6, 5
_COARSE, _HALVINGS = 0.01, 6  # a larger drift says that steps are too long, not by how much


def halvings_for_integrals(
    system: "CompiledSystem", engine: FieldEngine, states: np.ndarray, parameters: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """Return how often `steps` (n,) are to be halved that the integrals of states (n, D) with parameters (P,) drift by less than a millionth.

    Method: 1024 steps, then as often as step^5 asks; where integrals drift by a hundredth or are lost, half the step first, over the same time.
    """
    found, waiting, integrals = np.zeros(len(states), dtype=np.int64), np.ones(len(states), dtype=bool), system.definition.integrals or {}
    for halved in range(_HALVINGS):
        for step in np.unique(steps[waiting]):
            engine.begin(states)
            start = _spectra(engine, len(states))
            carry(engine.address, engine.block[:1], engine.mirror, engine.arrays(step / 2**halved), _AHEAD * 2**halved)
            before, after = (to_states(engine.plan, spectra) for spectra in (start, _spectra(engine, len(states))))
            drift = np.zeros(len(states))
            for tree in integrals.values():
                first, last = (system.quantity(tree).value(ends, parameters) for ends in (before, after))
                size = np.abs(system.quantity(of_sizes(tree)).value(before, parameters))
                drift = np.maximum(drift, np.abs(last - first) / np.maximum(size, 1e-300))
            told = waiting & (steps == step) & (drift <= _COARSE)  # false where anything is NaN
            more = np.ceil(np.log2(np.maximum(drift, _DRIFT) / _DRIFT, where=told, out=np.zeros(len(states))) / _ORDER)
            found[told] = halved + more[told].astype(np.int64)
            waiting &= ~told
        if not waiting.any():
            break
    found[waiting] = _HALVINGS
    return found


def of_sizes(tree: Expression) -> Expression:
    """Return an expression of means with the size of what each of them averages."""
    match tree:
        case Call("mean", (arg,)):
            return Call("mean", (Call("abs", (arg,)),))
        case Unary(op, arg):
            return Unary(op, of_sizes(arg))
        case Binary(op, left, right):
            return Binary(op, of_sizes(left), of_sizes(right))
    return tree


def _spectra(engine: FieldEngine, count: int) -> np.ndarray:
    return np.stack([engine.spectra(0, lane) for lane in range(count)])


@driver
def carry(address: np.ndarray, block: np.ndarray, mirror: np.ndarray, arrays: tuple[np.ndarray, ...], steps: int) -> None:
    """Carry the states in row 0 so many steps on."""
    for _ in range(steps):
        field_step(address, block, mirror, arrays)
