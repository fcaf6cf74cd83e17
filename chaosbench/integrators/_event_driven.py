"""What the integrators of hybrid systems share: the pair is data, the loop from event to event is one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.integrators._event_drivers import CLOCK
from chaosbench.integrators._event_memory import event_arrays, scene_memory
from chaosbench.integrators._events import joined
from chaosbench.integrators._hybrid_drivers import solve_hybrid
from chaosbench.integrators._memory import working_memory
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState, Integrator, Solution
from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

Progress = Callable[[int, int], None]
_EVENTS = 64


class EventDriven(Integrator):
    """An explicit Runge-Kutta pair from event to event.

    Method: steps, error control and samples as for flows. In each step the guards are looked at on the continuous extension, at nine points with
    their rates; a step is halved until cubics through five of them foretell the other four, and never exceeds `longest_step`. The first crossing is
    bracketed and refined there; then the step is taken again with the length at which the guard is 0 to rounding (Newton), so that the state at an
    event has the error of a step. All events within rounding of it happen at that instant, in file order. After a reset a guard at 0 is on the side
    that the flow moves to. A sample at the time of an event is the state after it. Fifty events in a row without progress end the trajectory.

    Error: that of the steps; near an event of speed |dg/dt| a state error e shifts its time by e |grad g| / |dg/dt|, which grows without bound
    towards grazing. Missed: two crossings of one guard within an eighth of a step between which its rate changes sign twice or not at all, as those
    of a guard with corners; `longest_step` in the definition excludes that.
    """

    kinds = ("hybrid",)
    adaptive = True
    needs_equations = True
    tableau: ClassVar[Tableau]

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
        progress: Progress | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        return self._run(request, times, progress)

    def _run(self, request: Request, times: np.ndarray, progress: Progress | None = None, fixed: float = 0.0) -> Solution:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error (how the order is measured)."""
        system, dimension = request.system, request.system.dimension
        arrays = event_arrays(system, self.tableau, 0)
        kernels = system.kernels(self.tableau)
        limits = system.jumps.limits(request.parameters)
        settings = np.array([request.rtol, request.atol, fixed])
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [
            (np.empty(0), np.empty(0, dtype=np.int64), np.empty((0, dimension)))
        ] * request.lanes

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve one block of trajectories with working memory of its own."""
            buffers, scene = working_memory(kernels), scene_memory(system)
            for lane in range(first, beyond):
                buffers[0][:] = request.states[lane]
                row = min(lane, len(request.parameters) - 1)
                clock = np.zeros(len(CLOCK))
                record = (np.empty(_EVENTS), np.empty(_EVENTS, dtype=np.int64), np.empty((_EVENTS, dimension)))
                status, count, record = solve_hybrid(
                    *arrays[:3],
                    settings,
                    arrays[3],
                    limits[row],
                    request.max_steps,
                    request.parameters[row],
                    request.times[min(lane, len(request.times) - 1)],
                    buffers,
                    scene,
                    clock,
                    request.out[lane],
                    request.counts[lane],
                    stop,
                    record,
                )
                request.status[lane] = status
                request.final[lane] = buffers[0]
                found[lane] = (record[0][:count].copy(), record[1][:count].copy(), record[2][:count].copy())

        run_blocks(task, request.lanes, request.threads, progress)
        return request.solution(times, events=joined(found))
