"""dysts: its own make_trajectory, with its default setting and with the best of SciPy's methods it can pass on."""

from collections.abc import Callable, Iterator

import numpy as np
from dysts.analysis import find_lyapunov_exponents
from dysts.base import DynSys, staticjit

from ..measure import Point
from ..problem import Problem
from ..scalars import Scalars
from ..translate import PYTHON, Dialect, jacobian_function, scalar_function
from .base import Peer

_SETTINGS = {"DOP853": (1e-8, 1e-10, 1e-12, 1e-13), "LSODA": (1e-10, 1e-12, 1e-13), "Radau": (1e-12,)}
_FEW, _POINTS, _PER_PERIOD = 6, 500, 100
_NUMPY = Dialect("import numpy as np\n" + PYTHON.imports, PYTHON.forms)


class Dysts(Peer):
    """A system of the user, whose right-hand side is compiled as those of the package are. Its default is Radau at 1e-12."""

    distribution = "dysts"
    fresh = """
from dysts.flows import Lorenz
Lorenz().make_trajectory(1000, method="DOP853", rtol=1e-9, atol=1e-9)
"""

    def model(self, problem: Problem, *, jacobian: bool = False) -> DynSys:
        """Return the system as one of its objects, with the Jacobian if its exponents are wanted."""
        states = [f"x{k}" for k in range(problem.dimension)]
        head = f"{', '.join(states)}, t"
        members = {"_rhs": staticjit(scalar_function(problem.scalars, PYTHON, head=head, opening="", states=states, closing="return ({rates},)"))}
        if jacobian:
            scalars = Scalars(problem.system.tangent_tape, problem.system.parameter_values, jacobian=True)
            members["_jac"] = staticjit(jacobian_function(scalars, _NUMPY, head=head, opening="", states=states))
        start = {"parameters": {}, "dimension": problem.dimension, "initial_conditions": problem.starts[0].tolist()}
        return type(f"Translated{problem.name}", (DynSys,), members)(metadata_path=None, dt=problem.dt, period=problem.dt, **start)

    def exponents(self, problem: Problem) -> Iterator[tuple[str, Callable[[float], np.ndarray]]]:
        """Yield its procedure over an orbit that DOP853 makes, at its default density of 500 points a period; few variables only."""
        if problem.dimension > _FEW:
            return
        model = self.model(problem, jacobian=True)
        model.period = _PER_PERIOD * problem.dt

        def run(duration: float) -> np.ndarray:
            points = int(duration / model.period * _POINTS)
            return find_lyapunov_exponents(model, points, pts_per_period=_POINTS, method="DOP853", rtol=1e-6, atol=1e-6)

        yield f"DOP853 orbit, {_POINTS} points a period", run

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield its methods, timed over the checked samples only."""
        model = self.model(problem)
        for method, tolerances in _SETTINGS.items():
            for tolerance in tolerances:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    return model.make_trajectory(problem.checked, method=method, resample=False, rtol=tolerance, atol=tolerance)

                label = "default (Radau, 1e-12)" if method == "Radau" else method
                yield self.point(problem, label, tolerance, run, samples=problem.checked, slow=method == "Radau")
