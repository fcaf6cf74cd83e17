"""Does a free run go on moving? Valid prediction time cannot see that a model's orbits come to rest, or leave, long after the forecast is lost."""

from collections.abc import Sequence

import torch
from torch import Tensor

from chaosbench.forecasters._plrnn_sums import pairwise_sum
from chaosbench.forecasters._torch_loop import TorchLoop
from chaosbench.forecasters._valid_time import Alone, Free, Windows, valid_windows

_LONG = 8  # how many horizons a free run goes before it is looked at, and for how many it then is
_LONG_ALONE = 4  # the same for a network that is not stacked with others, whose steps cost up to ten milliseconds
_LEAST, _MOST = 0.5, 2.0  # spread, relative to the median and the largest of the held-out windows


def goes_on(free: Free, windows: Sequence[Windows], long: int = _LONG) -> Tensor:
    """Return (R, W) whether the run from each held-out context still moves as the data do after `long` horizons and for as many more.

    Method: over the second half the root mean square deviation from the mean, over samples and components, must lie between half the median
    and twice the largest of the windows' truths (each one horizon long). The smallest instead of the median let pass small cycles around a point that
    the system, too, circles for a while.
    """
    state = free.start(torch.stack([window.context for window in windows]))
    horizon = windows[0].truth.shape[1]
    for _ in range(long * horizon):
        state = free.step(state)
    first = free.observe(state)
    total, squares = torch.zeros_like(first), torch.zeros_like(first)
    for _ in range(long * horizon):
        state = free.step(state)
        moved = free.observe(state) - first  # differences from the first, so that a run at rest has exactly no spread
        total, squares = total + moved, squares + moved * moved
    count = long * horizon
    spread = pairwise_sum(squares / count - (total / count).square()) / first.shape[-1]
    true = [window.truth.var(1, correction=0).mean(-1) for window in windows]
    usual, most = torch.stack([values.median() for values in true])[:, None], torch.stack([values.max() for values in true])[:, None]
    return (spread >= _LEAST**2 * usual) & (spread <= _MOST**2 * most)


@torch.inference_mode()
def lasting_steps(loop: TorchLoop, windows: Windows) -> float:
    """Return the mean over windows of the valid leads (`_valid_time`), 0 for those whose free run does not go on for eight horizons in all."""
    free = Alone(loop)
    steps = valid_windows(free, [windows])
    return float((steps * goes_on(free, [windows], _LONG_ALONE)).double().mean())
