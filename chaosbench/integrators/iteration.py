"""Repeated application of a map."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators._drivers import solve_maps
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class Iteration(Integrator):
    """Apply the map as often as the times say; exact up to rounding, so tolerances are ignored and the order is that of an exact method, 0.

    Angles are left unwrapped here: a map that lets an angle grow without bound loses one digit of it for every tenfold growth.
    """

    kinds = ("maps",)
    order = 0
    adaptive = False
    source = "the definition of a discrete-time dynamical system"

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
        """Iterate all trajectories and store them at `times`, whole numbers of iterations; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        broken = request.times[(request.times != np.floor(request.times)) | (np.abs(request.times) > 2.0**53)]
        if broken.size:
            raise IntegrationError(f"times contains {broken[0]}; for a map they count iterations and must be whole numbers, as np.arange(T)")
        kernels = system.kernels()
        address, _ = kernel_arrays(kernels)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Iterate one block of trajectories with working memory of its own."""
            solve_maps(
                address,
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
