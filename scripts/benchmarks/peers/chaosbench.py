"""This project: its default method for flows and its Runge-Kutta pair of order 8."""

from collections.abc import Iterator

import numpy as np

from chaosbench.catalogue import load, names
from chaosbench.integrators.base import InitialState

from ..measure import Point
from ..problem import Problem
from .base import Peer

_LADDERS = {
    # As many settings as the other Taylor method gets: the fastest of many noisy ones would be favoured.
    "taylor": (1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-16),
    "dop853": (1e-6, 1e-8, 1e-10, 1e-12, 1e-13, 1e-14, 1e-15),
}


class Chaosbench(Peer):
    """`Integrator.solve` as a user calls it, checks and threads included."""

    distribution = "chaosbench"
    fresh = """
import numpy as np
from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators.base import InitialState
name = "taylor"
load("integrators", name)().solve(compile_system(system("lorenz63")), InitialState(np.array([[1.0, 1.0, 20.0]])), 0.01 * np.arange(1000))
"""

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield both methods over their ladders."""
        start = InitialState(problem.starts[:1])
        for name in _LADDERS.keys() & set(names("integrators")):
            method = load("integrators", name)()
            for tolerance in _LADDERS[name]:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    return method.solve(problem.system, start, problem.times, rtol=tolerance, atol=tolerance, threads=1).states[0]

                yield self.point(problem, name, tolerance, run)

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield both methods, states written into one buffer that is used again."""
        start = InitialState(problem.starts)
        buffer = np.empty((len(problem.starts), problem.samples, problem.dimension))
        for name in _LADDERS.keys() & set(names("integrators")):
            method = load("integrators", name)()
            for tolerance in _LADDERS[name]:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    return method.solve(problem.system, start, problem.times, rtol=tolerance, atol=tolerance, threads=1, out=buffer).states

                yield self.many(problem, name, tolerance, run, len(buffer))
