"""diffrax: Dopri8 with a PID controller, compiled by XLA, tolerances as arguments so that a system is compiled once."""

import os
from collections.abc import Callable, Iterator

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ..arrays import JAX, array_function, suits
from ..measure import Point
from ..problem import Problem
from ..translate import Dialect, scalar_function
from .base import Peer

_JAX = Dialect(
    "import jax.numpy as jnp\n"
    "from jax.numpy import abs, arccos as acos, arcsin as asin, arctan as atan, arctan2 as atan2, cos, cosh, exp, floor, log, sign, sin, sinh, sqrt\n"
    "from jax.numpy import tan, tanh, where, maximum, minimum, mod",
    {"min": "minimum({0}, {1})", "max": "maximum({0}, {1})"},
)
_LADDER = (1e-6, 1e-8, 1e-10, 1e-12, 1e-13)
_MOST_STEPS = 200_000


class Diffrax(Peer):
    """XLA gets one core: the threads it starts inherit the affinity of the moment in which it starts."""

    distribution = "diffrax"
    fresh = """
import diffrax, jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
def rates(t, s, args):
    x, y, z = s
    return jnp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8 / 3 * z])
control = diffrax.PIDController(rtol=1e-9, atol=1e-9)
start, times = jnp.array([1.0, 1.0, 20.0]), 0.01 * jnp.arange(1000)
found = diffrax.diffeqsolve(
    diffrax.ODETerm(rates), diffrax.Dopri8(), 0.0, 9.99, None, start, saveat=diffrax.SaveAt(ts=times), stepsize_controller=control
)
found.ys.block_until_ready()
"""

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)
        if hasattr(os, "sched_setaffinity"):
            allowed = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {min(allowed)})
            jax.devices("cpu")
            jnp.ones(8).sum().block_until_ready()
            os.sched_setaffinity(0, allowed)

    def solver(self, problem: Problem, times: np.ndarray) -> Callable:
        """Return solve(start, tolerance) -> states (T, D), not compiled yet."""
        if suits(problem.system.tape) and problem.dimension > 12:
            right = array_function(problem.system.tape, problem.system.parameter_values, JAX, "t, s, args", rolled=True)
        else:
            states = [f"x{k}" for k in range(problem.dimension)]
            opening = f"{', '.join(states)} = s"
            right = scalar_function(problem.scalars, _JAX, head="t, s, args", opening=opening, states=states, closing="return jnp.stack([{rates}])")
        saved, term, method = jnp.asarray(times), diffrax.ODETerm(right), diffrax.Dopri8()

        def solve(start, tolerance):
            control = diffrax.PIDController(rtol=tolerance, atol=tolerance)
            at = diffrax.SaveAt(ts=saved)
            found = diffrax.diffeqsolve(
                term, method, times[0], times[-1], None, start, saveat=at, stepsize_controller=control, max_steps=_MOST_STEPS, throw=False
            )
            return found.ys

        return solve

    def trajectory(self, problem: Problem) -> Iterator[Point]:
        """Yield the ladder."""
        solve = jax.jit(self.solver(problem, problem.times))
        start = jnp.asarray(problem.starts[0])
        for tolerance in _LADDER:

            def run(tolerance=tolerance) -> np.ndarray:
                return np.asarray(solve(start, tolerance))

            yield self.point(problem, "Dopri8", tolerance, run)

    def ensemble(self, problem: Problem) -> Iterator[Point]:
        """Yield the ladder over all trajectories by vmap."""
        solve = jax.jit(jax.vmap(self.solver(problem, problem.times), in_axes=(0, None)))
        starts = jnp.asarray(problem.starts)
        for tolerance in _LADDER:

            def run(tolerance=tolerance) -> np.ndarray:
                return np.asarray(solve(starts, tolerance))

            yield self.many(problem, "vmap, Dopri8", tolerance, run, len(problem.starts))
