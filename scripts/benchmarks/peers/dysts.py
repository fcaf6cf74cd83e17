"""dysts: its own make_trajectory, with its default setting and with the best of SciPy's methods it can pass on."""

from collections.abc import Iterator

import numpy as np
from dysts.base import DynSys, staticjit

from ..measure import Point
from ..problem import Problem
from ..translate import PYTHON, scalar_function
from .base import Peer

_SETTINGS = {"DOP853": (1e-8, 1e-10, 1e-12, 1e-13), "LSODA": (1e-10, 1e-12, 1e-13), "Radau": (1e-12,)}


class Dysts(Peer):
    """A system of the user, whose right-hand side is compiled as those of the package are. Its default is Radau at 1e-12."""

    distribution = "dysts"
    fresh = """
from dysts.flows import Lorenz
Lorenz().make_trajectory(1000, method="DOP853", rtol=1e-9, atol=1e-9)
"""

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield its methods, timed over the checked samples only."""
        states = [f"x{k}" for k in range(problem.dimension)]
        rates = scalar_function(problem.scalars, PYTHON, head=f"{', '.join(states)}, t", opening="", states=states, closing="return ({rates},)")
        kind = type(f"Translated{problem.name}", (DynSys,), {"_rhs": staticjit(rates)})
        start = {"parameters": {}, "dimension": problem.dimension, "initial_conditions": problem.starts[0].tolist()}
        model = kind(metadata_path=None, dt=problem.dt, period=problem.dt, **start)
        for method, tolerances in _SETTINGS.items():
            for tolerance in tolerances:

                def run(method=method, tolerance=tolerance) -> np.ndarray:
                    return model.make_trajectory(problem.checked, method=method, resample=False, rtol=tolerance, atol=tolerance)

                label = "default (Radau, 1e-12)" if method == "Radau" else method
                yield self.point(problem, label, tolerance, run, samples=problem.checked, slow=method == "Radau")
