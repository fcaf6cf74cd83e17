"""Which changes of parameters a linear map, an offset and another unit of time can undo: then a changed system is the known one, seen differently.

To first order, what changes of a right-hand side f can be undone are f itself (the unit of time; not of maps), and for each linear map L and offset l
what s + e (L s + l) makes of f: L f(s) - Df(s) (L s + l), for maps with l added. A parameter whose derivative of f lies among them is one that nobody
can see changed.
"""

from dataclasses import dataclass

import numpy as np
from candidates import Candidate

_STEP, _RANK = 1e-6, 1e-6


@dataclass(frozen=True)
class Visible:
    """names of the parameters that are not 0; share (P,): how much of f's relative change with each nothing undoes, root mean square over the
    attractor in units of f's own; rank: number of their independent combinations that nothing undoes."""

    names: tuple[str, ...]
    share: np.ndarray
    rank: int

    @property
    def hidden(self) -> tuple[str, ...]:
        """Parameters whose change can be undone (or changes no equation at all)."""
        return tuple(name for name, share in zip(self.names, self.share, strict=True) if share < _RANK)


def visible_parameters(candidate: Candidate, states: np.ndarray) -> Visible:
    """Return what of the parameters can be seen, on states (N, D) of the attractor.

    Method: derivatives by central differences, columns weighted by the deviations of f's components, least squares, singular values above 1e-6.
    """
    system, definition = candidate.system, candidate.definition
    angles = np.isfinite(definition.periods)
    rate = system.value(states)
    slopes = system.jacobian(states)
    weight = 1 / np.maximum(rate.std(axis=0) + np.abs(rate.mean(axis=0)), 1e-300)
    d = states.shape[1]
    phase = -1 if definition.forcing_period is None else d - 1
    undone = [] if definition.discrete else [rate]
    for row in range(d):
        offset = -slopes[:, :, row]  # D f times the unit vector
        if definition.discrete:
            offset = offset + np.eye(d)[row]
        undone.append(offset)
        for column in range(d):
            if (angles[row] or angles[column]) and not (phase == row == column):
                continue  # an angle may be shifted, nothing else; but the phase of a forcing has the period that the unit of time gives it
            change = -slopes[:, :, row] * states[:, column, None]
            change[:, row] += rate[:, column]
            undone.append(change)
    values = system.parameter_values
    free = np.flatnonzero(values != 0)
    seen = []
    for index in free:
        up, down = values.copy(), values.copy()
        up[index] *= 1 + _STEP
        down[index] *= 1 - _STEP
        seen.append((system.value(states, up) - system.value(states, down)) / (2 * _STEP))
    basis, wanted = (np.stack([(one * weight).ravel() for one in many], axis=1) for many in (undone, seen))
    basis = basis / np.maximum(np.linalg.norm(basis, axis=0), 1e-300)
    left = wanted - basis @ np.linalg.lstsq(basis, wanted, rcond=1e-10)[0]
    size = np.sqrt(np.mean((rate * weight) ** 2) * rate.size)
    names = [definition.parameters[i].name for i in range(len(definition.parameters)) if not definition.parameters[i].shape]
    return Visible(
        tuple(names[i] for i in free), np.linalg.norm(left, axis=0) / size, int((np.linalg.svd(left / size, compute_uv=False) > _RANK).sum())
    )
