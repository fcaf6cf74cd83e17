"""Training series on the device and contiguous segments drawn from them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_KEPT = 0.9  # share of all samples that must stay usable when several segments are read in one run


class Segments:
    """Draws runs of contiguous segments from trajectories; all tensors live on one device.

    Method: a run is n segments of `length` inputs and their n * length targets, one sample later. n is the largest number up to `carried` for which
    trajectories long enough to hold a run carry nine tenths of the samples (1 at least). Starts are uniform over all possible ones.
    """

    def __init__(self, states: Sequence[np.ndarray], *, length: int, carried: int, device: torch.device, dtype: torch.dtype) -> None:
        sizes = np.array([len(series) for series in states])
        self.length = length
        self.carried = next(n for n in range(carried, 0, -1) if n == 1 or sizes[sizes > n * length].sum() >= _KEPT * sizes.sum())
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        run = self.carried * length
        starts = np.concatenate([begin + np.arange(max(size - run, 0)) for begin, size in zip(first, sizes, strict=True)])
        self._samples = torch.as_tensor(np.concatenate(list(states)), dtype=dtype, device=device)  # (sum T_n, D)
        self._starts = torch.as_tensor(starts, device=device)
        self._offsets = torch.arange(run + 1, device=device)

    def draw(self, batch: int, generator: torch.Generator) -> Tensor:
        """Return `batch` runs (B, n * length + 1, D), drawn with replacement."""
        chosen = torch.randint(len(self._starts), (batch,), generator=generator, device=self._starts.device)
        return self._samples[self._starts[chosen][:, None] + self._offsets]


def increment_size(states: Sequence[np.ndarray]) -> np.ndarray:
    """Return the root mean square one-step increment (D,) of the series, 1 where a component never moves."""
    steps = np.concatenate([np.diff(series, axis=0) for series in states])
    size = np.sqrt(np.mean(steps**2, axis=0))
    return np.where(size > 0.0, size, 1.0)
