"""heyoka: Taylor integrators, in default and compact mode, and in batches."""

from collections.abc import Callable, Iterator

import heyoka
import numpy as np

from ..measure import Point
from ..problem import Problem
from ..translate import Dialect, scalar_function
from .base import Peer

_HEYOKA = Dialect(
    "import heyoka as hy\nfrom heyoka import acos, asin, atan, atan2, cos, cosh, exp, log, sin, sinh, sqrt, tan, tanh",
    {
        "lt": "hy.lt({0}, {1})",
        "le": "hy.lte({0}, {1})",
        "gt": "hy.gt({0}, {1})",
        "ge": "hy.gte({0}, {1})",
        "where": "hy.select({0}, {1}, {2})",
        "abs": "hy.select(hy.lt({0}, 0.0), -{0}, {0})",
        "min": "hy.select(hy.lte({0}, {1}), {0}, {1})",
        "max": "hy.select(hy.gte({0}, {1}), {0}, {1})",
    },
)
_LADDER = (1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 2.3e-16)


class Heyoka(Peer):
    """Integrators are built once for a tolerance and used again, as its manual advises."""

    distribution = "heyoka"
    fresh = """
import heyoka as hy, numpy as np
x, y, z = hy.make_vars("x", "y", "z")
equations = [(x, 10.0 * (y - x)), (y, x * (28.0 - z) - y), (z, x * y - 8 / 3 * z)]
hy.taylor_adaptive(equations, [1.0, 1.0, 20.0], tol=1e-9).propagate_grid(0.01 * np.arange(1000))
"""

    def equations(self, problem: Problem) -> list:
        """Return the system as pairs of variable and expression."""
        names = [f"x{k}" for k in range(problem.dimension)]
        write: Callable = scalar_function(problem.scalars, _HEYOKA, head=", ".join(names), opening="", states=names, closing="return [{rates}]")
        variables = [heyoka.expression(name) for name in names]
        return [(variable, heyoka.expression(rate)) for variable, rate in zip(variables, write(*variables), strict=True)]

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield both modes; construction is in the first call."""
        equations = self.equations(problem)
        for method, compact in (("taylor_adaptive", False), ("taylor_adaptive, compact", True)):
            for tolerance in _LADDER:
                held: list = []

                def run(held=held, tolerance=tolerance, compact=compact) -> np.ndarray:
                    if not held:
                        held.append(heyoka.taylor_adaptive(equations, problem.starts[0], tol=tolerance, compact_mode=compact))
                    held[0].time, held[0].state[:] = 0.0, problem.starts[0]
                    return held[0].propagate_grid(problem.times)[-1]

                yield self.point(problem, method, tolerance, run)

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield batches of the recommended width and of 8, one after the other through one integrator."""
        equations, starts = self.equations(problem), problem.starts
        states = np.empty((len(starts), problem.samples, problem.dimension))
        for width in sorted({heyoka.recommended_simd_size(), 8}):
            grid = np.ascontiguousarray(np.repeat(problem.times[:, None], width, axis=1))
            for tolerance in _LADDER:
                held: list = []

                def run(held=held, tolerance=tolerance, width=width, grid=grid) -> np.ndarray:
                    if not held:
                        held.append(heyoka.taylor_adaptive_batch(equations, starts[:width].T.copy(), tol=tolerance))
                    for first in range(0, len(starts) // width * width, width):
                        held[0].set_time(0.0)
                        held[0].state[:] = starts[first : first + width].T
                        states[first : first + width] = held[0].propagate_grid(grid)[-1].transpose(2, 0, 1)
                    return states

                yield self.many(problem, f"taylor_adaptive_batch of {width}", tolerance, run, len(starts) // width * width)
