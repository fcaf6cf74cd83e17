"""Spread trajectories over threads. The drivers release the interpreter lock, so threads are as good as processes and share all arrays.

A process takes all its cores unless CHAOSBENCH_THREADS says how many; whoever starts several processes sets that, so that they do not get in each
other's way.
"""

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators.base import Status

if TYPE_CHECKING:
    from chaosbench.integrators._request import Request

THREADS = "CHAOSBENCH_THREADS"
_BLOCKS_PER_THREAD = 8
_LANE_ROUNDS = 32  # trajectories a lane in a block; with 8 a tenth of the time was lost
_FEW_STEPS, _MANY_STEPS, _MANY_NUMBERS, _FEW_COMPONENTS = 64, 20_000, 10_000_000, 20


def all_cores() -> int:
    """Return the number of threads to use by default: $CHAOSBENCH_THREADS, or the number of cores this process may use."""
    given = os.environ.get(THREADS)
    if given:
        if not (given.isascii() and given.isdigit() and int(given) > 0):
            raise IntegrationError(f"{THREADS} is {given!r}; it must be a whole number of at least 1; unset it to use all cores")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_request(
    task: Callable[[int, int, np.ndarray, int], None], request: "Request", progress: Callable[[int, int], None] | None = None, grain: int = 1
) -> None:
    """Call task(first, beyond, stop, max_steps) on blocks that cover all trajectories; a run that takes few steps ends in the calling thread.

    Starting a thread and waiting for it takes 100 microseconds, longer than a short run. But nothing interrupts the calling thread inside a driver,
    and how many steps a trajectory takes is not known beforehand: so one block is tried here with a few steps. If that was not enough, the
    outputs reached so far tell how many it will take; it is begun again, here if they are some ten milliseconds, else in a thread.
    """
    count = request.lanes
    if count <= grain and request.states.shape[1] <= _FEW_COMPONENTS and request.out.size <= _MANY_NUMBERS:
        budget = _FEW_STEPS
        while 0 < budget <= _MANY_STEPS:
            budget = min(budget, request.max_steps)
            task(0, count, np.zeros(1, dtype=np.int64), budget)
            if budget == request.max_steps or not (request.status == Status.TOO_MANY_STEPS).any():
                if progress is not None:
                    progress(count, count)
                return
            reached = int(np.isfinite(request.out[:, :, 0]).sum(axis=1).min()) - 1
            request.status[:], request.counts[:] = Status.OK, 0
            budget = 2 * _FEW_STEPS * request.out.shape[1] // reached if reached > 0 and budget == _FEW_STEPS else 0
    run_blocks(lambda first, beyond, stop: task(first, beyond, stop, request.max_steps), count, request.threads, progress, grain)


def run_blocks(
    task: Callable[[int, int, np.ndarray], None], count: int, threads: int, progress: Callable[[int, int], None] | None = None, grain: int = 1
) -> None:
    """Call task(first, beyond, stop) on blocks that cover 0..count and wait for all of them.

    The calling thread only waits, so Ctrl-C reaches it at once: it sets `stop`, which every driver looks at before each step, waits for them to end,
    and raises on. Which thread takes which block is left to chance; a task must not depend on it. `progress` is called here, never in a worker.
    grain: blocks are a multiple of it.
    """
    stop = np.zeros(1, dtype=np.int64)
    rounds = -(-count // (threads * _BLOCKS_PER_THREAD * grain))
    if grain > 1:  # where a block ends some lanes have nothing left to do: that should be rare, but every thread needs a block
        rounds = min(max(rounds, _LANE_ROUNDS), -(-count // (threads * grain)))
    size = rounds * grain
    starts = range(0, count, size)
    done = 0
    with ThreadPoolExecutor(min(threads, len(starts)) or 1, thread_name_prefix="trajectories") as pool:
        try:
            sizes = {pool.submit(task, first, min(first + size, count), stop): min(size, count - first) for first in starts}
            pending = set(sizes)
            while pending:
                finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += sizes[future]
                if progress is not None and finished:
                    progress(done, count)
        finally:
            stop[0] = 1
