"""Spread trajectories over threads. The drivers release the interpreter lock, so threads are as good as processes and share all arrays.

A process takes all its cores unless CHAOSBENCH_THREADS says how many; whoever starts several processes sets that, so that they do not get in each
other's way.
"""

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np

from chaosbench.errors import IntegrationError

THREADS = "CHAOSBENCH_THREADS"
_BLOCKS_PER_THREAD = 8
_LANE_ROUNDS = 32  # trajectories a lane in a block; with 8 a tenth of the time was lost


def all_cores() -> int:
    """Return the number of threads to use by default: $CHAOSBENCH_THREADS, or the number of cores this process may use."""
    given = os.environ.get(THREADS)
    if given:
        if not (given.isascii() and given.isdigit() and int(given) > 0):
            raise IntegrationError(f"{THREADS} is {given!r}; it must be a whole number of at least 1; unset it to use all cores")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
