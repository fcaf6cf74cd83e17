"""pynamicalsys: its adaptive Runge-Kutta 4(5), which returns the states at the steps it takes."""

from collections.abc import Callable, Iterator

import numpy as np
from numba import njit
from pynamicalsys import ContinuousDynamicalSystem

from ..measure import Point
from ..problem import Problem
from ..scalars import Scalars
from ..translate import PYTHON, Dialect, jacobian_function, scalar_function
from .base import Peer

_LADDER = (1e-6, 1e-8, 1e-10, 1e-12)
_JUDGED = 400
_NUMBA = Dialect("import numpy as np\n" + PYTHON.imports, PYTHON.forms)


class Pynamicalsys(Peer):
    """Timed over the checked time; a sample is dt of it, whatever the number of steps. Judged at 400 of its own times."""

    distribution = "pynamicalsys"
    fresh = """
from pynamicalsys import ContinuousDynamicalSystem
model = ContinuousDynamicalSystem("lorenz system")
model.integrator("rk45", atol=1e-9, rtol=1e-9)
model.trajectory([1.0, 1.0, 20.0], 9.99, parameters=[10.0, 28.0, 8 / 3])
"""

    def model(self, problem: Problem, *, jacobian: bool = False) -> ContinuousDynamicalSystem:
        """Return the system as one of its objects, with the Jacobian that its exponents need."""
        states = [f"x{k}" for k in range(problem.dimension)]
        head, opening = "time, u, parameters", "; ".join(f"{name} = u[{k}]" for k, name in enumerate(states))
        right = scalar_function(problem.scalars, _NUMBA, head=head, opening=opening, states=states, closing="return np.array([{rates}])")
        slopes = None
        if jacobian:
            scalars = Scalars(problem.system.tangent_tape, problem.system.parameter_values, jacobian=True)
            slopes = njit(jacobian_function(scalars, _NUMBA, head=head, opening=opening, states=states))
        return ContinuousDynamicalSystem(equations_of_motion=njit(right), jacobian=slopes, system_dimension=problem.dimension, parameters=[0.0])

    def exponents(self, problem: Problem) -> Iterator[tuple[str, Callable[[float], np.ndarray]]]:
        """Yield its two methods."""
        model = self.model(problem, jacobian=True)
        for method, step in (("rk4", 0.01), ("rk45", 0.01)):

            def run(duration: float, method=method, step=step) -> np.ndarray:
                model.integrator(method, time_step=step, atol=1e-6, rtol=1e-6)
                return np.asarray(model.lyapunov(problem.starts[0], duration, parameters=[0.0]))

            yield f"{method}, {step:g}" if method == "rk4" else f"{method}, 1e-6", run

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield its adaptive method over the ladder."""
        model = self.model(problem)
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
