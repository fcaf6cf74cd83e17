"""Does a free run go on moving? Valid prediction time cannot see that a model's orbits come to rest, or leave, long after the forecast is lost."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from chaosbench.forecasters._plrnn_sums import pairwise_sum
from chaosbench.forecasters._valid_time import Windows

_LONG = 8  # how many horizons a free run goes before it is looked at, and for how many it then is
_LEAST, _MOST = 0.5, 2.0  # spread, relative to the median and the largest of the held-out windows


class Free(Protocol):
    """Stacked networks that run on their own output: contexts (R, W, C, D), states (R, W, S), observations (R, W, D)."""

    def start(self, context: Tensor) -> Tensor:
        """Return the states after reading `context`."""

    def step(self, state: Tensor) -> Tensor:
        """Return the next states."""

    def observe(self, state: Tensor) -> Tensor:
        """Return the observations of `state`."""


def goes_on(free: Free, windows: Sequence[Windows]) -> Tensor:
    """Return (R, W) whether the run from each held-out context still moves as the data do after eight horizons and for eight more.

    Method: over the last eight horizons the root mean square deviation from the mean, over samples and components, must lie between half the median
    and twice the largest of the windows' truths (each one horizon long). The smallest instead of the median let pass small cycles around a point that
    the system, too, circles for a while.
    """
    state = free.start(torch.stack([window.context for window in windows]))
    horizon = windows[0].truth.shape[1]
    for _ in range(_LONG * horizon):
        state = free.step(state)
    first = free.observe(state)
    total, squares = torch.zeros_like(first), torch.zeros_like(first)
    for _ in range(_LONG * horizon):
        state = free.step(state)
        moved = free.observe(state) - first  # differences from the first, so that a run at rest has exactly no spread
        total, squares = total + moved, squares + moved * moved
    count = _LONG * horizon
    spread = pairwise_sum(squares / count - (total / count).square()) / first.shape[-1]
    true = [window.truth.var(1, correction=0).mean(-1) for window in windows]
    usual, most = torch.stack([values.median() for values in true])[:, None], torch.stack([values.max() for values in true])[:, None]
    return (spread >= _LEAST**2 * usual) & (spread <= _MOST**2 * most)
