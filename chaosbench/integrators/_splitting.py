"""Symmetric compositions of the leapfrog step, for equations in two halves that move each other: the core of every splitting method."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.dynamics.foreign import FunctionSystem
from chaosbench.errors import IntegrationError
from chaosbench.integrators._equal_steps import checked_step, longest_steps
from chaosbench.integrators._memory import starting_memory
from chaosbench.integrators._request import checked
from chaosbench.integrators._splitting_drivers import solve_split
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class Splitting(Integrator):
    """Leapfrog steps of lengths w_1 h, ..., w_s h one after another, w symmetric with sum 1; subclasses give `weights` and `fraction`.

    The step is a composition of exact shears: symplectic where H = T(p) + V(q), always reversible and volume-preserving. Sums are compensated, so
    that rounding stays that of a few steps. rtol and atol are ignored.

    Parameters
    ----------
    step: the longest step, in the system's unit of time. Each sampling interval is divided into equal steps no longer than that, so that every
        output is a state of the method itself. None: `fraction` of 1 / |J|, the shortest time scale at the trajectory's own initial state, rounded
        down to a power of two.

    Error: of order step^order over a fixed time; the energy stays within a band of that width over times that grow exponentially with 1 / step,
    unless bodies meet closely, for which a step that never changes is wrong.
    """

    kinds = ("flows",)
    adaptive = False
    needs_equations = True
    conserves = ("volume", "symplectic form")
    weights: ClassVar[tuple[float, ...]]
    fraction: ClassVar[float]

    def __init__(self, step: float | None = None) -> None:
        self.step = checked_step(step)

    @property
    def options(self) -> dict[str, float]:
        """The step, if given."""
        return {} if self.step is None else {"step": float(self.step)}

    @classmethod
    def unsupported(cls, system: "CompiledSystem") -> str | None:
        """Return why the equations do not split."""
        if isinstance(system, FunctionSystem):
            return "its right-hand side is a function, which does not say how it splits"
        return None if system.halves else "its equations do not split into two halves that move only each other, as T(p) + V(q) does"

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
        """Solve all trajectories at `times`; see `Integrator.solve`. Raises IntegrationError for equations that do not split."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        halves = system.halves
        if halves is None:
            raise IntegrationError(f"{system.definition.name}: {self.unsupported(system)}; take a Gauss method, or one that chooses its steps")
        first, second = (system.part_kernels(half) for half in halves)
        address = np.array([first.value, second.value], dtype=np.int64)
        lengths = stage_lengths(self.weights)
        longest = longest_steps(request, self.step, self.fraction)
        work = max(first.work_size, second.work_size)

        def task(start: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            memory = (*starting_memory(system.dimension)[:5], np.zeros(max(work, 1)), np.zeros(max(first.out_size, second.out_size)))
            solve_split(
                address,
                lengths,
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
                start,
                beyond,
            )

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times)


def stage_lengths(weights: tuple[float, ...]) -> np.ndarray:
    """Return the lengths (2, s + 1) of the shears of either half in units of the step: first half w_1/2, second w_1, first (w_1 + w_2)/2, ..."""
    padded = np.array([0.0, *weights, 0.0])
    first = 0.5 * (padded[:-1] + padded[1:])
    return np.stack([first, np.array([*weights, 0.0])])


def symmetric(half: tuple[float, ...]) -> tuple[float, ...]:
    """Return the weights w_1, ..., w_m, w_0, w_m, ..., w_1 with sum 1 from the first m."""
    middle = 1.0 - 2.0 * math.fsum(half)
    return (*half, middle, *reversed(half))
