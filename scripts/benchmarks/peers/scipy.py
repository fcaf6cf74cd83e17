"""SciPy's solve_ivp with a right-hand side in Python, or in NumPy over whole arrays for sized systems."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.integrate import solve_ivp

from ..arrays import NUMPY, array_function, suits
from ..measure import Point
from ..problem import Problem
from ..translate import PYTHON, scalar_function
from .base import Peer

_LADDERS = {"DOP853": (1e-6, 1e-8, 1e-10, 1e-12, 1e-13), "LSODA": (1e-8, 1e-10, 1e-12, 1e-13), "Radau": (1e-6, 1e-9)}
_ENSEMBLE = 8


def rates(problem: Problem) -> Callable:
    """Return the right-hand side f(t, s) that is fastest in Python: scalars for few variables, arrays for cells."""
    if suits(problem.system.tape) and problem.dimension > 12:
        return array_function(problem.system.tape, problem.system.parameter_values, NUMPY, "t, s", rolled=False)
    states = [f"x{k}" for k in range(problem.dimension)]
    return scalar_function(
        problem.scalars, PYTHON, head="t, s", opening=f"{', '.join(states)} = s.tolist()", states=states, closing="return [{rates}]"
    )


class Scipy(Peer):
    """The methods of high order, and the implicit one that other packages take as default."""

    distribution = "scipy"
    fresh = """
import numpy as np
from scipy.integrate import solve_ivp
def rates(t, s):
    x, y, z = s.tolist()
    return [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8 / 3 * z]
solve_ivp(rates, (0.0, 9.99), [1.0, 1.0, 20.0], "DOP853", 0.01 * np.arange(1000), rtol=1e-9, atol=1e-9)
"""

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield the ladders, timed over the checked samples only: a sample costs hundreds of times more than with compiled code."""
        right, times = rates(problem), problem.times[: problem.checked]
        for method, ladder in _LADDERS.items():
            if method == "Radau" and problem.dimension > 12:
                continue
            for tolerance in ladder:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    return solve_ivp(right, (0.0, times[-1]), problem.starts[0], method, times, rtol=tolerance, atol=tolerance).y.T

                yield self.point(problem, method, tolerance, run, samples=len(times), slow=method == "Radau")

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield loops over eight trajectories."""
        few = problem.starts[:_ENSEMBLE]
        right = rates(problem)
        for method in ("DOP853", "LSODA"):
            for tolerance in _LADDERS[method]:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    span = (0.0, problem.times[-1])
                    found = [solve_ivp(right, span, start, method, problem.times, rtol=tolerance, atol=tolerance).y.T for start in few]
                    return np.array(found)

                yield self.many(problem, f"{method}, loop", tolerance, run, len(few))
