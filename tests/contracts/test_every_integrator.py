"""All integrators that can solve a shipped system agree on it."""

from itertools import pairwise

import numpy as np
import pytest

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.facts import load_facts
from chaosbench.initial import draw_initial
from chaosbench.integrators._choice import supporting
from chaosbench.integrators.base import Status

CONTINUOUS = {
    name: path for kinds in (("flows", "delays"), ("hybrid",)) for name, path in sorted(system_files().items()) if path.parent.name in kinds
}


def disagreement(name: str, tolerance: float) -> float:
    """How far methods of neighbouring order are apart at most, in units of 1 + the largest state; explicit methods may refuse stiff systems."""
    system = compile_system(read_definition(CONTINUOUS[name]))
    initial = draw_initial(system, seed=3, n=2)
    facts = load_facts(system.definition)
    times = np.linspace(0.0, 1.0 if facts is None or facts.lyapunov_time is None else min(1.0, 5.0 * facts.lyapunov_time), 11)
    methods = [load("integrators", method) for method in supporting(system.definition.kind)]
    solutions = [method().solve(system, initial, times, rtol=tolerance, atol=tolerance) for method in methods if method.unsupported(system) is None]
    solved = [solution for solution in solutions if not (solution.status == Status.STIFF).any()]
    assert len(solved) > 1
    assert not any(solution.status.any() for solution in solved)
    return max(float(np.abs(one.states - other.states).max() / (1.0 + np.abs(one.states).max())) for one, other in pairwise(solved))


@pytest.mark.parametrize("name", [name if place % 6 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(CONTINUOUS)])
def test_methods_of_different_order_agree_on_every_system(name: str) -> None:
    """1e-10 a step, over one unit of time but at most five Lyapunov times, may grow by four digits.

    Where it grows more, as on the slow passages of relaxation oscillations, that must be errors of steps and no other difference: with a hundredth
    of the tolerance it falls by 20 at least (methods of equal steps stay where they are), to less than five digits above it.
    """
    apart = disagreement(name, 1e-10)
    if apart >= 1e-6:
        closer = disagreement(name, 1e-12)
        assert closer < min(1e-7, apart / 20)
