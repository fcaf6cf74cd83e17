"""The arrays that the drivers of hybrid systems take: what describes flow and events, and the working memory of one thread."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._event_search import PARTS, SCENE
from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


def event_arrays(system: "CompiledSystem", tableau: Tableau, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the drivers' `address`, `sizes`, `weights` and `jumps`; the kernels live as long as `system`."""
    jumps, flow, plain = system.jumps, system.kernels(tableau, columns), system.kernels()
    address = np.array([flow.value, flow.step, flow.dense, plain.value, jumps.conditions.value], dtype=np.int64)
    sizes = [flow.size, tableau.stages, tableau.degree, len(tableau.dense_c), tableau.error_order, system.dimension, jumps.count, jumps.width]
    weights = np.array([tableau.error, tableau.error_second] if tableau.error_second else [tableau.error])
    table = np.zeros((3, jumps.count + system.dimension), dtype=np.int64)
    for place, (reset, rest) in enumerate(jumps.resets):
        table[0, place], table[1, place] = reset.value, 0 if rest is None else rest.value
    table[2, : jumps.count], table[2, jumps.count :] = jumps.directions, jumps.discrete
    return address, np.array(sizes, dtype=np.int64), weights, table


def scene_memory(system: "CompiledSystem") -> tuple[np.ndarray, ...]:
    """Return the drivers' `scene`, in the order of SCENE."""
    jumps, dimension = system.jumps, system.dimension
    resets = [kernels for pair in jumps.resets for kernels in pair if kernels is not None]
    shapes: dict[str, tuple[int, ...]] = {
        "state": (2 * jumps.width,),
        "seen": (max(jumps.conditions.out_size, 2 * jumps.width),),
        "condition_work": (max(jumps.conditions.work_size, 1),),
        "rate": (max(system.kernels().out_size, dimension),),
        "rate_work": (max(system.kernels().work_size, 1),),
        "before": (2 * dimension,),
        "after": (max(2 * dimension, *(kernels.out_size for kernels in resets)),),
        "reset_work": (max(1, *(kernels.work_size for kernels in resets)),),
        "control": (3,),
        "past": (1,),
        "point": (1, dimension),
        **dict.fromkeys(("guards", "armed", "slopes"), (PARTS + 1, jumps.count)),
        **dict.fromkeys(("side", "next_side", "noise", "fired", "at_event"), (jumps.count,)),
    }
    return tuple(np.zeros(shapes[name]) for name in SCENE)
