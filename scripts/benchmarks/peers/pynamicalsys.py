"""pynamicalsys: its adaptive Runge-Kutta 4(5), which returns the states at the steps it takes."""

from collections.abc import Iterator

import numpy as np
from numba import njit
from pynamicalsys import ContinuousDynamicalSystem

from ..measure import Point
from ..problem import Problem
from ..translate import PYTHON, scalar_function
from .base import Peer

_LADDER = (1e-6, 1e-8, 1e-10, 1e-12)
_JUDGED = 400


class Pynamicalsys(Peer):
    """Timed over the checked time; a sample is dt of it, whatever the number of steps. Judged at 400 of its own times."""

    distribution = "pynamicalsys"

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield its adaptive method over the ladder."""
        states = [f"x{k}" for k in range(problem.dimension)]
        opening = "; ".join(f"{name} = u[{k}]" for k, name in enumerate(states))
        right = scalar_function(
            problem.scalars,
            _numba(),
            head="time, u, parameters",
            opening=opening,
            states=states,
            closing="return np.array([{rates}])",
        )
        model = ContinuousDynamicalSystem(equations_of_motion=njit(right), system_dimension=problem.dimension, parameters=[0.0])
        end = problem.dt * (problem.checked - 1)

        def judge(rows: np.ndarray) -> float:
            chosen = rows[np.unique(np.linspace(0, len(rows) - 1, _JUDGED).astype(int))]
            truth = problem.truth.at(chosen[:, 0])
            return float(np.abs((chosen[:, 1:] - truth) / problem.scale).max()) if np.isfinite(chosen).all() else float("inf")

        for tolerance in _LADDER:

            def run(tolerance=tolerance) -> np.ndarray:
                model.integrator("rk45", atol=tolerance, rtol=tolerance)
                return model.trajectory(problem.starts[0], end, parameters=[0.0])

            point = self.point(problem, "rk45", tolerance, run, samples=problem.checked)
            point.judge = judge
            yield point


def _numba():
    return type(PYTHON)(PYTHON.imports + "\n\nimport numpy as np", PYTHON.forms)
