"""How the Jacobian of a system is evaluated and factorised: as few tangent columns as possible, and an order of the unknowns with a narrow band.

Method: columns of the Jacobian without a common row share one tangent (A. R. Curtis, M. J. D. Powell, J. K. Reid, IMA Journal of Applied
Mathematics 13, 117-119 (1974), doi:10.1093/imamat/13.1.117), by greedy colouring; unknowns are ordered by reverse Cuthill-McKee (E. Cuthill,
J. McKee, Proceedings of the 24th ACM National Conference, 157-172 (1969), doi:10.1145/800195.805928). A chain or ring of cells takes a few
columns and a band of a few diagonals, whatever its length; a full Jacobian keeps its order.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.expressions.sparsity import jacobian_pattern

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_SMALL = 12


@dataclass(frozen=True, eq=False)
class JacobianPlan:
    """seeds (K, D): the tangents. place (D,): row and column of the matrix that component d takes. band: entries lie within it on both sides.

    entries (n, 3): row, column, and position in the kernel's output of each entry that may differ from 0, by columns.
    """

    seeds: np.ndarray
    place: np.ndarray
    band: int
    entries: np.ndarray

    @property
    def columns(self) -> int:
        """K, tangents a Jacobian."""
        return len(self.seeds)


@lru_cache(maxsize=128)
def jacobian_plan(system: "CompiledSystem") -> JacobianPlan:
    """Return the plan for `system`."""
    dimension = system.dimension
    pattern = jacobian_pattern(system.tape) if dimension > _SMALL else None
    if pattern is None:
        pattern, place, colours = np.ones((dimension, dimension), dtype=bool), np.arange(dimension), np.arange(dimension)
    else:
        place, colours = _narrow(pattern), _colours(pattern)
    seeds = np.zeros((colours.max() + 1, dimension))
    seeds[colours, np.arange(dimension)] = 1.0
    columns, rows = np.nonzero(pattern.T)
    entries = np.stack([place[rows], place[columns], (1 + colours[columns]) * dimension + rows], axis=1)
    entries = entries[np.lexsort((entries[:, 0], entries[:, 1]))]
    band = int(np.abs(entries[:, 0] - entries[:, 1]).max(initial=0))
    return JacobianPlan(seeds, place.astype(np.int64), band, np.ascontiguousarray(entries, dtype=np.int64))


def _colours(pattern: np.ndarray) -> np.ndarray:
    """Return the number of the tangent that each column takes; columns that meet in a row take different ones."""
    rows_of = [np.flatnonzero(column) for column in pattern.T]
    columns_of = [np.flatnonzero(row) for row in pattern]
    colours = np.full(len(pattern), -1)
    for column, rows in enumerate(rows_of):
        taken = {int(colours[other]) for row in rows for other in columns_of[row]}
        colours[column] = next(colour for colour in range(len(pattern)) if colour not in taken)
    return colours


def _narrow(pattern: np.ndarray) -> np.ndarray:
    """Return the position of each unknown in the reverse Cuthill-McKee order of the symmetric pattern."""
    together = pattern | pattern.T
    neighbours = [np.flatnonzero(row) for row in together]
    degree = together.sum(axis=1)
    seen, order = np.zeros(len(pattern), dtype=bool), []
    for start in np.argsort(degree, kind="stable"):
        if seen[start]:
            continue
        queue = [int(_outermost(int(start), neighbours))]
        seen[queue[0]] = True
        for node in queue:
            new = [int(other) for other in sorted(neighbours[node], key=lambda other: (degree[other], other)) if not seen[other]]
            seen[new] = True
            queue += new
        order += queue
    place = np.empty(len(pattern), dtype=np.int64)
    place[order[::-1]] = np.arange(len(pattern))
    return place


def _outermost(start: int, neighbours: list[np.ndarray]) -> int:
    """Return an unknown far from `start`, where levels are narrow: the last one that a breadth-first search reaches."""
    seen, queue = {start}, [start]
    for node in queue:
        new = [int(other) for other in neighbours[node] if int(other) not in seen]
        seen.update(new)
        queue += new
    return queue[-1]
