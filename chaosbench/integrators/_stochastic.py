"""What stochastic methods have in common: equal steps along a Brownian path that depends on seed, system and trajectory alone."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.dynamics.noise import Noise
from chaosbench.errors import IntegrationError
from chaosbench.integrators._equal_steps import checked_step
from chaosbench.integrators._fractional import fractional_table, uniform_steps
from chaosbench.integrators._noise_steps import FRACTION, equal_steps
from chaosbench.integrators._philox import MOST_STEPS, key_of, pair_kernels, streams_of
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._stochastic_drivers import increments, solve_stochastic
from chaosbench.integrators._stochastic_steps import Memory, memory_of
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

Form = Literal["ito", "stratonovich", "both"]
_DEEPEST = 20


class Stochastic(Integrator):
    """Equal steps from sample to sample; subclasses give `code`, `form` (the calculus of the drift that the step needs) and `order_for`.

    Parameters
    ----------
    step: the longest step, in the system's unit of time. Each sampling interval is divided into equal steps no longer than that. None: a 64th of the
        shortest time scale of drift and noise at the start, rounded down to a power of two, see `_noise_steps.equal_steps`.
    refinement: r, increments are drawn on a grid 2^r times as fine and added up. A step h with r and a step h/2 with r - 1 follow the same path: so
        strong orders are measured.

    Noise: increments come from a counter (Philox) by seed, system, trajectory and step, so that they depend neither on threads nor on who is solved
    beside whom, and all methods follow the same path. A drift in the other calculus is corrected by half of sum_a J_a g_a. `final.noise` says how far
    the path is used up: a run in pieces that end at sampling times repeats the whole run bit for bit, if `step` is given. rtol and atol are ignored.
    """

    kinds = ("stochastic",)
    adaptive = False
    needs_equations = True
    code: ClassVar[int]
    form: ClassVar[Form]

    def __init__(self, step: float | None = None, refinement: int = 0) -> None:
        self.step = checked_step(step)
        if isinstance(refinement, bool) or int(refinement) != refinement or not 0 <= refinement <= _DEEPEST:
            raise IntegrationError(
                f"refinement is {refinement!r}; it must be a whole number from 0 to {_DEEPEST}: the grid is 2^refinement times as fine"
            )
        self.refinement = int(refinement)

    @property
    def options(self) -> dict[str, float]:
        """Step and refinement, if given."""
        given = {} if self.step is None else {"step": float(self.step)}
        return given | ({"refinement": float(self.refinement)} if self.refinement else {})

    @classmethod
    @abstractmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return the strong order for this noise, 0 if the method cannot take it."""

    @classmethod
    def unsupported(cls, system: "CompiledSystem") -> str | None:
        """Return why the method cannot take the noise of `system`."""
        diffusion = system.diffusion
        if diffusion is None:
            return "it has no noise"
        if diffusion.noise.discrete:
            return "it is a noisy map, which is iterated and not integrated"
        return None if cls.order_for(diffusion) > 0 else cls._refusal(diffusion)

    @classmethod
    def _refusal(cls, diffusion: Diffusion) -> str:
        if diffusion.noise.hurst is not None:
            return "its noise is fractional, and the method is made for Wiener processes"
        return f"its noise is {diffusion.structure}, for which the method does not converge at its order"

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
        """Solve all trajectories at `times`; see `Integrator.solve`. Raises IntegrationError for noise that the method cannot take."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        diffusion = system.diffusion
        if diffusion is None or (reason := self.unsupported(system)) is not None:
            raise IntegrationError(f"{system.definition.name}: {type(self).__name__} cannot take it: {reason}; leave the method to `choose`")
        run = NoisyRun.of(system, self.code, self.form, seed)
        noise = _noise_of(initial, request, diffusion.noise)
        longest = self._longest(request, diffusion)
        parts = 2**self.refinement
        fractional = diffusion.noise.hurst is not None
        count = uniform_steps(request.times, longest) if fractional else np.zeros(request.lanes, dtype=np.int64)

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            memory, table = run.memory(), np.zeros((0, diffusion.count))
            for lane in range(first, beyond) if fractional else (first,):
                if fractional:
                    table = fractional_table(system, request, lane, noise[lane], run.key, int(count[lane]), parts)
                run.solve(request, noise, parts, table, longest, memory, stop, lane, lane + 1 if fractional else beyond)

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times, InitialState(request.final, noise=noise))

    def _longest(self, request: Request, diffusion: Diffusion) -> np.ndarray:
        if self.step is not None:
            return np.full(request.lanes, self.step)
        return equal_steps(request.system, diffusion, request.states, request.parameters, FRACTION)


@dataclass(frozen=True, eq=False)
class NoisyRun:
    """What the drivers take of a system and a method, which is the same for all trajectories."""

    system: "CompiledSystem"
    diffusion: Diffusion
    code: int
    addresses: np.ndarray
    shift: float
    key: np.ndarray
    columns: int = 0

    @classmethod
    def of(cls, system: "CompiledSystem", code: int, form: Form, seed: int | None, columns: int = 0) -> "NoisyRun":
        """Return the run; columns: tangents beside the state, for methods that need no correction of the drift."""
        diffusion = system.diffusion
        if diffusion is None:
            raise IntegrationError(f"{system.definition.name}: has no noise; take a method for {system.definition.kind}")
        tangent = diffusion.kernels(1).value if not columns and not diffusion.noise.discrete else 0
        addresses = [system.kernels(columns=columns).value, diffusion.kernels(columns).value, tangent, pair_kernels().value]
        shift = 0.0
        if diffusion.noise.calculus and form not in ("both", diffusion.noise.calculus):
            shift = 0.5 if form == "ito" else -0.5
        return cls(system, diffusion, code, np.array(addresses, dtype=np.int64), shift, key_of(seed, system.definition.identity), columns)

    @property
    def groups(self) -> np.ndarray:
        """See `Diffusion.groups`; a fresh array, which is writeable."""
        return self.diffusion.groups.copy()

    @property
    def process_of(self) -> np.ndarray:
        """The process that drives each entry of the (extended) state."""
        return np.tile(self.diffusion.process_of, 1 + self.columns)

    def memory(self) -> Memory:
        """Return working memory for one thread."""
        tangent = self.diffusion.kernels(1) if self.addresses[2] else None
        kernels = self.system.kernels(columns=self.columns), self.diffusion.kernels(self.columns)
        return memory_of(*kernels, tangent, self.system.n_parameters, self.diffusion.count, pair_kernels())

    def solve(
        self,
        request: Request,
        noise: np.ndarray,
        parts: int,
        table: np.ndarray,
        longest: np.ndarray,
        memory: Memory,
        stop: np.ndarray,
        first: int,
        beyond: int,
    ) -> None:
        """Solve trajectories first ... beyond - 1 of a request."""
        solve_stochastic(
            self.code,
            self.addresses,
            self.shift,
            self.groups,
            self.process_of,
            self.key,
            noise,
            parts,
            table,
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


def wiener_increments(
    system: "CompiledSystem", initial: InitialState, *, seed: int, step: float, steps: int, refinement: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the increments w (B, n, M) of the Wiener processes that trajectories from `initial` follow, and z, the integrals of W over each step."""
    run = NoisyRun.of(system, 0, "both", seed)
    noise = streams_of("initial", 0, len(initial.states)) if initial.noise is None else initial.noise
    found = np.empty((len(initial.states), steps, run.diffusion.count, 2))
    increments(run.addresses, run.key, noise.copy(), 2**refinement, step, np.zeros((0, run.diffusion.count)), run.memory(), found)
    return found[..., 0], found[..., 1]


def _noise_of(initial: InitialState, request: Request, noise: Noise) -> np.ndarray:
    """Return the streams and used-up steps (B, 2), a copy that the run counts on."""
    label = request.system.definition.name
    if initial.noise is None:
        return streams_of("initial", 0, request.lanes)
    found = np.array(initial.noise)
    if found.shape != (request.lanes, 2) or found.dtype != np.uint64:
        raise IntegrationError(
            f"{label}: initial.noise is {found.dtype} {found.shape}; it must be uint64 ({request.lanes}, 2): stream and steps done; leave it None"
        )
    if noise.hurst is not None and found[:, 1].any():
        raise IntegrationError(
            f"{label}: the run goes on where another ended, but fractional noise depends on all of its past, which is not carried; "
            "make one run over all times"
        )
    if (found[:, 1] > MOST_STEPS // 2).any():
        raise IntegrationError(f"{label}: initial.noise says {found[:, 1].max()} finest steps are done; a stream has {MOST_STEPS}; take another seed")
    return found
