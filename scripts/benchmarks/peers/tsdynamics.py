"""TSDynamics: its native engine, with the methods that have a continuous extension, and its ensembles."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import tsdynamics

from ..measure import Point
from ..problem import Problem
from ..translate import Dialect, scalar_function
from .base import Peer

_SYMENGINE = Dialect(
    "from symengine import Piecewise, acos, asin, atan, atan2, cos, cosh, exp, floor, log, sign, sin, sinh, sqrt, tan, tanh",
    {"where": "Piecewise(({1}, {0}), ({2}, True))", "abs": "abs({0})"},
)
_SOLVERS = {"dop853": (1e-6, 1e-8, 1e-10, 1e-12, 1e-13, 1e-14), "tsit5": (1e-4, 1e-6, 1e-8, 1e-10)}
_NUMBERS = count()


class Tsdynamics(Peer):
    """Compiled by its just-in-time backend, which is its default."""

    distribution = "tsdynamics"
    fresh = """
import tsdynamics
tsdynamics.systems.Lorenz(ic=[1.0, 1.0, 20.0]).run(final_time=9.99, dt=0.01, solver="dop853")
"""

    def model(self, problem: Problem) -> object:
        """Return the system as one of its classes; each needs a name of its own."""
        states = [f"x{k}" for k in range(problem.dimension)]
        opening = f"{', '.join(states)} = [y(k) for k in range({problem.dimension})]"
        rates = scalar_function(problem.scalars, _SYMENGINE, head="y, t", opening=opening, states=states, closing="return ({rates},)")
        body = {"variables": tuple(states), "params": {}, "_equations": staticmethod(rates)}
        return type(f"Translated{next(_NUMBERS)}", (tsdynamics.ContinuousSystem,), body)(ic=problem.starts[0].tolist())

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield both methods over their ladders."""
        model, end = self.model(problem), problem.dt * (problem.samples - 1)
        for solver, ladder in _SOLVERS.items():
            for tolerance in ladder:

                def run(solver=solver, tolerance=tolerance) -> np.ndarray:
                    return model.run(final_time=end, dt=problem.dt, solver=solver, rtol=tolerance, atol=tolerance).y

                yield self.point(problem, solver, tolerance, run)

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield its ensemble of all trajectories."""
        band, end = self.model(problem).ensemble(problem.starts), problem.dt * (problem.samples - 1)
        for tolerance in _SOLVERS["dop853"][1:]:

            def run(tolerance=tolerance) -> np.ndarray:
                return np.asarray(band.run(final_time=end, dt=problem.dt, solver="dop853", rtol=tolerance, atol=tolerance))

            yield self.many(problem, "ensemble, dop853", tolerance, run, len(problem.starts))

    def exponents(self, problem: Problem) -> Iterator[tuple[str, Callable[[float], np.ndarray]]]:
        """Yield its fastest setting that keeps the sum of the exponents."""
        model, step = self.model(problem), 0.5 if problem.dimension <= 6 else 0.2

        def run(duration: float) -> np.ndarray:
            found = tsdynamics.analysis.lyapunov_spectrum(
                model, final_time=duration, dt=step, transient=0.0, ic=problem.starts[0], solver="dop853", rtol=1e-6, atol=1e-6
            )
            return np.asarray(found.exponents if hasattr(found, "exponents") else found, dtype=float)

        yield f"dop853, 1e-6, QR every {step:g}", run
