"""Runs that are over before a thread would have started."""

from collections.abc import Callable

import numpy as np

from chaosbench.integrators._request import Request
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import Status

_FEW_STEPS, _MANY_STEPS, _MANY_NUMBERS, _FEW_COMPONENTS = 64, 20_000, 10_000_000, 20


def run_request(
    task: Callable[[int, int, np.ndarray, int], None], request: Request, progress: Callable[[int, int], None] | None = None, grain: int = 1
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
