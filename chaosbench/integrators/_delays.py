"""What a delay system needs before and after its driver runs: a checked history, the times to land on, and a state to go on from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators._delay_drivers import Pieces, solve_delay
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._request import Request, floats
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import InitialState
from chaosbench.kernels.tableau import Tableau

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_MOST_BREAKS = 4096


@dataclass(frozen=True)
class _Reached(InitialState):
    """The end of a delay run, with the continuous extension of its last steps beside the history on the grid.

    The grid alone cannot hold the kinks that the first lags of a run contain; with the pieces a run goes on as if it had not been cut.
    They belong to `grid`, a copy of the history they were made with: a state whose history was changed goes on from that history.
    """

    pieces: tuple[Pieces, ...] = ()
    grid: np.ndarray | None = None


def solve_delays(
    tableau: Tableau, request: Request, initial: InitialState, fixed: float, progress: Callable[[int, int], None] | None
) -> InitialState:
    """Fill the request's arrays by the method of steps and return the state reached with its history on the grid of the initial one."""
    system = request.system
    lags = _lags(system, request.parameters)
    history, grid_lags = _history(system, initial, request.states, float(lags.max()))
    ends = _pieces(initial, tableau, system.dimension, request.lanes)
    slots, numbers = (np.array(column, dtype=np.int64) for column in zip(*system.tape.delayed, strict=True))
    nodes = np.array(tableau.c + tableau.dense_c)
    kernels = system.kernels(tableau)
    address, sizes = kernel_arrays(kernels, tableau)
    times = request.times - request.times[:, :1]
    reached = np.empty_like(history)

    def task(first: int, beyond: int, stop: np.ndarray) -> None:
        """Solve one block of trajectories with working memory of its own."""
        buffers = working_memory(kernels)
        for lane in range(first, beyond):
            clock, own_lags = times[min(lane, len(times) - 1)], lags[min(lane, len(lags) - 1)]
            settings = np.array([request.rtol, request.atol, fixed, request.times[min(lane, len(times) - 1), 0]])
            buffers[0][:] = request.states[lane]
            request.status[lane], time, oldest, newest, pieces = solve_delay(
                address,
                sizes,
                settings,
                request.max_steps,
                request.parameters[min(lane, len(request.parameters) - 1)],
                clock,
                buffers,
                (slots, own_lags[numbers], nodes, np.zeros(len(slots), dtype=np.int64), history[lane]),
                landing_times(tuple(own_lags.tolist()), float(clock[-1]), tableau.order + 1),
                grid_lags,
                ends[lane],
                request.out[lane],
                reached[lane],
                request.counts[lane],
                stop,
            )
            kept = slice(oldest, newest)
            ends[lane] = (pieces[0][kept] - time, pieces[1][kept].copy(), pieces[2][kept].copy())
            request.final[lane] = buffers[0]

    run_blocks(task, request.lanes, request.threads, progress)
    return _Reached(request.final, reached, grid_lags, pieces=tuple(ends), grid=reached.copy())


@lru_cache(maxsize=64)
def landing_times(lags: tuple[float, ...], end: float, terms: int) -> np.ndarray:
    """Return the sums of up to `terms` lags that lie before `end`, and `end` itself: where a step must end.

    A kink of the initial history at time 0 returns there, one derivative higher with every lag; after `terms` lags the method no longer sees it.
    With many lags the sums multiply: beyond 4096 of them the later ones are left to error control.
    """
    level, found = np.zeros(1), np.zeros(0)
    for _ in range(terms):
        sums = np.unique(np.add.outer(level, lags))
        level = sums[sums < end * (1.0 - 1e-12)]
        if len(found) + len(level) > _MOST_BREAKS:
            break
        found = np.union1d(found, level)
    apart = np.diff(found, prepend=0.0) > 1e-12 * max(end, 1e-300)
    return np.append(found[apart], end)


def _lags(system: "CompiledSystem", parameters: np.ndarray) -> np.ndarray:
    """Return the lags (1 or B, n), all positive."""
    lags = np.atleast_2d(system.lags(parameters))
    if not (np.isfinite(lags) & (lags > 0.0)).all():
        row, number = np.argwhere(~(np.isfinite(lags) & (lags > 0.0)))[0]
        raise IntegrationError(
            f"{system.definition.name}: lag number {number} of trajectory {row} is {lags[row, number]}; a lag must be positive; "
            "a term without lag is the state itself"
        )
    return lags


def _history(system: "CompiledSystem", initial: InitialState, states: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the checked history (B, L, D) and its lags (L,)."""
    name = system.definition.name
    if initial.history is None or initial.lags is None:
        raise IntegrationError(
            f"{name}: a delay system needs initial.history (B, L, D) and initial.lags (L,), the state at `time - lags`; "
            "draw one from the definition's [initial.history] with draw_initial, or go on from Solution.final"
        )
    lags = floats(initial.lags, "initial.lags", (None,))
    if len(lags) < 2 or lags[-1] != 0.0 or not np.allclose(lags, np.linspace(lags[0], 0.0, len(lags)), rtol=0.0, atol=1e-9 * abs(lags[0])):
        raise IntegrationError(
            f"{name}: initial.lags must be a uniform grid from the largest lag down to 0, as np.linspace(largest, 0, L) with L >= 2"
        )
    if lags[0] < longest * (1.0 - 1e-12):
        raise IntegrationError(f"{name}: initial.lags reaches back {lags[0]}, but the largest lag is {longest}; begin the grid there")
    history = floats(initial.history, "initial.history", (len(states), len(lags), system.dimension))
    gap = np.abs(history[:, -1] - states).max()
    if gap > 1e-12 * (1.0 + np.abs(states).max()):
        raise IntegrationError(f"{name}: initial.history[:, -1] differs from initial.states by {gap}; the history must end in the state")
    return history, lags


def _pieces(initial: InitialState, tableau: Tableau, dimension: int, lanes: int) -> list[Pieces]:
    """Return what each trajectory remembers of an earlier run: nothing, unless `initial` is its untouched end.

    Coefficients are at least as many as this method's; those of a method of lower degree are filled up with zeros.
    """
    width = (tableau.degree + 1) * dimension
    if isinstance(initial, _Reached) and initial.grid is not None and np.array_equal(initial.grid, np.asarray(initial.history)):
        missing = max(0, width - initial.pieces[0][2].shape[1])
        return [(starts, lengths, np.pad(rows, ((0, 0), (0, missing)))) for starts, lengths, rows in initial.pieces]
    return [(np.empty(0), np.empty(0), np.empty((0, width))) for _ in range(lanes)]
