"""The classical Runge-Kutta method of order 4 with fixed steps, for comparison."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.foreign import FunctionSystem
from chaosbench.errors import IntegrationError
from chaosbench.integrators._fixed_drivers import solve_fixed
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_FRACTION = 0.01
_BLOCK = 1 << 18


class Rk4(Integrator):
    """Four right-hand sides a step, no error control; rtol and atol are ignored.

    Parameters
    ----------
    step: the longest step, in the system's unit of time. Each sampling interval is divided into equal steps no longer than that, so every output
        is a state of the method itself. None: a hundredth of 1 / |J|, the shortest time scale at the trajectory's own initial state, rounded down to
        a power of two; |J| is the root of the largest column sum times the largest row sum of the Jacobian's absolute values.

    Error: global error of order step^4; with the default about 1e-10 a time scale |J|, where the time scale does not change along the trajectory.
    A run in pieces repeats the whole run only if `step` is given and the pieces end at sampling times.
    """

    kinds = ("flows",)
    order = 4
    adaptive = False
    source = (
        "W. Kutta, Beitrag zur naeherungsweisen Integration totaler Differentialgleichungen, "
        "Zeitschrift fuer Mathematik und Physik 46, 435-453 (1901)"
    )

    def __init__(self, step: float | None = None) -> None:
        if step is not None and not (math.isfinite(step) and step > 0.0):
            raise IntegrationError(f"step is {step}; it must be finite and positive, or None for a hundredth of the shortest time scale")
        self.step = step

    @property
    def options(self) -> dict[str, float]:
        """The step, if given."""
        return {} if self.step is None else {"step": float(self.step)}

    def solve(
        self,
        system: "CompiledSystem",
        initial: InitialState,
        times: np.ndarray,
        *,
        parameters: np.ndarray | None = None,
        seed: int | None = None,
        rtol: float = 1e-9,
        atol: float = 1e-12,
        max_steps: int = 10_000_000,
        threads: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        kernels = system.kernels()
        address, _ = kernel_arrays(kernels)
        longest = self._longest(request)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            solve_fixed(
                address,
                longest,
                request.max_steps,
                request.states,
                request.parameters,
                request.times,
                working_memory(kernels),
                request.out,
                request.final,
                request.status,
                request.counts,
                stop,
                first,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times)

    def _longest(self, request: Request) -> np.ndarray:
        """Return the longest step of each trajectory (B,)."""
        if self.step is not None:
            return np.full(request.lanes, float(self.step))
        if isinstance(request.system, FunctionSystem):
            raise IntegrationError(f"{request.system.definition.name}: a function has no Jacobian to take the step from; give it, Rk4(step=...)")
        rows = np.broadcast_to(request.parameters, (request.lanes, request.parameters.shape[1]))
        block = max(1, _BLOCK // request.system.dimension**2)
        slopes = np.concatenate([_slopes(request.system, request.states[k : k + block], rows[k : k + block]) for k in range(0, request.lanes, block)])
        usable = (slopes > 0.0) & (slopes < math.inf)
        _, exponent = np.frexp(_FRACTION / np.where(usable, slopes, 1.0))
        return np.where(usable, np.ldexp(0.5, exponent), math.inf)


def _slopes(system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return a bound of the spectral norm of the Jacobian at each state (B,)."""
    sizes = np.abs(system.jacobian(states, parameters))
    return np.asarray(np.sqrt(sizes.sum(axis=1).max(axis=1) * sizes.sum(axis=2).max(axis=1)))
