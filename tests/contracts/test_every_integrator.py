"""All integrators that can solve a shipped system agree on it."""

from itertools import pairwise

import numpy as np
import pytest

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.initial import draw_initial
from chaosbench.integrators._choice import supporting

CONTINUOUS = {name: path for name, path in system_files().items() if path.parent.name != "maps"}


@pytest.mark.parametrize("name", sorted(CONTINUOUS))
def test_methods_of_different_order_agree_on_every_system(name: str) -> None:
    """1e-10 a step, over one unit of time, allowed to grow by four digits."""
    system = compile_system(read_definition(CONTINUOUS[name]))
    initial = draw_initial(system, seed=3, n=2)
    times = np.linspace(0.0, 1.0, 11)
    solutions = [load("integrators", method)().solve(system, initial, times, rtol=1e-10, atol=1e-10) for method in supporting(system.definition.kind)]
    assert len(solutions) > 1
    for one, other in pairwise(solutions):
        assert not one.status.any()
        assert not other.status.any()
        assert np.abs(one.states - other.states).max() < 1e-6 * (1.0 + np.abs(one.states).max())
