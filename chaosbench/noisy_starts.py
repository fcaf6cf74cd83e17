"""Where the noise of a trajectory starts, and runs whose transient cannot be made apart from the rest.

Settling draws from streams of its own, so that the samples of trajectory b use its stream from the beginning, however many draws were rejected.
Fractional noise depends on all of its past: transient and samples are one run then.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import DatasetError
from chaosbench.integrators._philox import streams_of
from chaosbench.integrators.base import InitialState, Solution


def one_run(system: CompiledSystem) -> bool:
    """Whether a run of `system` cannot be continued: its noise is fractional."""
    noise = system.definition.noise
    return noise is not None and noise.hurst is not None


def settling_noise(drawn: InitialState, system: CompiledSystem, purpose: str, attempt: int, numbers: np.ndarray) -> InitialState:
    """Return `drawn` with the streams in which trajectories `numbers` (B,) settle at this attempt."""
    if system.definition.noise is None:
        return drawn
    streams = [streams_of(f"{purpose}, settling, attempt {attempt}", int(number), 1) for number in numbers]
    return replace(drawn, noise=np.concatenate(streams))


def unused_noise(settled: InitialState, system: CompiledSystem, purpose: str, first: int) -> InitialState:
    """Return settled states at the beginning of the streams that their trajectories follow."""
    if system.definition.noise is None:
        return settled
    return replace(settled, noise=streams_of(purpose, first, len(settled.states)))


def after_wait(
    solve: Callable[[InitialState, np.ndarray], Solution], initial: InitialState, times: np.ndarray, transient: float, anchor: int = 0
) -> Solution:
    """Return the samples at `times` (T,) of one run that begins `transient` earlier, rounded up to a whole number of sampling intervals."""
    if anchor:
        raise DatasetError(f"anchor = {anchor}: a run with fractional noise cannot start again at a sample; leave anchor 0")
    dt = float(times[1] - times[0]) if len(times) > 1 else max(transient, 1.0)
    waited = int(np.ceil(transient / dt - 1e-9))
    solution = solve(initial, dt * np.arange(waited + len(times)))
    return replace(solution, times=times, states=np.ascontiguousarray(solution.states[:, waited:]))
