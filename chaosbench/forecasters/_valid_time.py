"""The objective that every torch forecaster is selected by: valid prediction time on held-out initial conditions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chaosbench.forecasters._torch_loop import TorchLoop, advance

THRESHOLD = 0.4  # root mean square error over components, in standard deviations
_WINDOWS = 32
_CONTEXT = 64
_HORIZON = 512
_CHUNK = 32  # leads between two looks at whether any window is still valid


@dataclass(frozen=True)
class Windows:
    """Held-out windows: context (W, C, D) and what follows, truth (W, H, D)."""

    context: Tensor
    truth: Tensor


def cut_windows(checks: Sequence[np.ndarray], device: torch.device, reads: int = 1) -> Windows | None:
    """Return about 32 evenly spaced windows of the held-out series, or None when there are none as long as the `reads` samples a model needs.

    All windows have one shape, set by the shortest series: a context of 64 samples or a quarter of the series, and a horizon of 512 samples or
    half of the rest.
    """
    checks = [series for series in checks if len(series) > reads]
    if not checks:
        return None
    shortest = min(len(series) for series in checks)
    context = max(reads, min(_CONTEXT, shortest // 4))
    horizon = min(_HORIZON, (shortest - context + 1) // 2)
    each = -(-_WINDOWS // len(checks))
    cut = []
    for series in checks:
        last = len(series) - context - horizon
        starts = np.unique(np.linspace(0, last, min(each, last + 1)).astype(int))
        cut += [series[start : start + context + horizon] for start in starts]
    both = torch.as_tensor(np.stack(cut), dtype=torch.float64, device=device)
    return Windows(both[:, :context], both[:, context:])


@torch.inference_mode()
def valid_steps(loop: TorchLoop, windows: Windows) -> float:
    """Return the mean over windows of the number of leads before the error first exceeds 0.4 standard deviations.

    A non-finite error exceeds it. Stops as soon as every window has been left, so that poor models cost little.
    """
    state = loop.start(windows.context)
    horizon = windows.truth.shape[1]
    alive = torch.ones(len(windows.truth), dtype=torch.bool, device=loop.device)
    total = 0
    for first in range(0, horizon, _CHUNK):
        truth = windows.truth[:, first : first + _CHUNK]
        state, seen = advance(loop, state, truth.shape[1])
        good = (seen - truth).square().mean(-1).sqrt() <= THRESHOLD
        run = torch.cumprod(good.to(torch.int64), 1) * alive[:, None]
        total += int(run.sum())
        alive = run[:, -1].bool()
        if not bool(alive.any()):
            break
    return total / len(windows.truth)
