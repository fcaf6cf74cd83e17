"""Gauss collocation with equal steps: the core of every Gauss method."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from chaosbench.integrators._equal_steps import checked_step, longest_steps
from chaosbench.integrators._gauss_drivers import solve_collocation
from chaosbench.integrators._memory import kernel_arrays, starting_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class Collocation(NamedTuple):
    """A collocation method of s stages: nodes (s,), matrix (s, s), weights (s,), and what carries the rates of one step to the next (s, s)."""

    nodes: np.ndarray
    matrix: np.ndarray
    weights: np.ndarray
    forecast: np.ndarray


class Gauss(Integrator):
    """Collocation at the zeros of a Legendre polynomial, solved by repeated substitution until nothing changes; subclasses give `stages`
    and `fraction`.

    Symplectic for every Hamiltonian, and every quadratic integral is kept to rounding. Sums are compensated. rtol and atol are ignored.

    Parameters
    ----------
    step: the longest step, as in the splitting methods. None: `fraction` of 1 / |J| at the trajectory's own initial state, rounded down to a power of
        two.

    Error: of order step^order over a fixed time. Where substitution does not converge within 100 rounds the step is too coarse: status 1.
    """

    kinds = ("flows",)
    adaptive = False
    conserves = ("quadratic integrals", "symplectic form")
    stages: ClassVar[int]
    fraction: ClassVar[float]

    def __init__(self, step: float | None = None) -> None:
        self.step = checked_step(step)

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
        method = collocation(self.stages)
        longest = longest_steps(request, self.step, self.fraction)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            memory = (*starting_memory(system.dimension)[:5], np.zeros(max(kernels.work_size, 1)), np.zeros(kernels.out_size))
            solve_collocation(
                address,
                method.matrix,
                method.weights,
                method.forecast,
                np.zeros((2, self.stages, system.dimension)),
                longest,
                request.max_steps,
                request.states,
                request.parameters,
                request.times,
                memory,
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


@cache
def collocation(stages: int) -> Collocation:
    """Return the Gauss method of `stages` stages, order twice that, from the zeros of the Legendre polynomial.

    matrix[i, j] is the integral of the j-th Lagrange polynomial from 0 to node i, weights those from 0 to 1; forecast[i, j] is its value one step
    behind node i, which carries rates on as a polynomial.
    """
    nodes = 0.5 * (np.polynomial.legendre.leggauss(stages)[0] + 1.0)
    powers = np.arange(stages)
    coefficients = np.linalg.inv(nodes[:, None] ** powers)  # column j: coefficients of the j-th Lagrange polynomial
    integrals = np.concatenate([nodes, [1.0]])[:, None] ** (powers + 1) / (powers + 1) @ coefficients
    forecast = (1.0 + nodes)[:, None] ** powers @ coefficients
    return Collocation(nodes, np.ascontiguousarray(integrals[:-1]), np.ascontiguousarray(integrals[-1]), np.ascontiguousarray(forecast))
