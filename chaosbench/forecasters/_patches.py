"""Parts of a lattice that are forecast one by one: which components each reads and which it writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from chaosbench.geometry import Geometry

_OUTSIDE = -1


@dataclass(frozen=True)
class Patches:
    """reads (G, n): components that each of G patches sees, -1 for places outside, which are 0; writes (G, m): those it forecasts, each once."""

    reads: np.ndarray
    writes: np.ndarray

    @property
    def count(self) -> int:
        """Number of patches G."""
        return len(self.reads)

    @property
    def dimension(self) -> int:
        """Number of components D = G m."""
        return self.writes.size

    @cached_property
    def _places(self) -> np.ndarray:
        return np.argsort(self.writes.ravel())

    def gather(self, samples: np.ndarray) -> np.ndarray:
        """Return what the patches see in `samples` (W, D) as columns (n, W * G), the patches of one sample side by side."""
        padded = np.concatenate([samples, np.zeros((len(samples), 1))], axis=1)
        return np.ascontiguousarray(padded[:, self.reads].reshape(-1, self.reads.shape[1]).T)

    def split(self, samples: np.ndarray) -> np.ndarray:
        """Return `samples` (W, D) as (W, G, m)."""
        parts: np.ndarray = samples[:, self.writes]
        return parts

    def join(self, parts: np.ndarray) -> np.ndarray:
        """Return `parts` (W, G, m) as samples (W, D)."""
        samples: np.ndarray = parts.reshape(len(parts), self.dimension)[:, self._places]
        return samples


def one_patch(dimension: int) -> Patches:
    """Return the whole as one patch."""
    everything = np.arange(dimension)[None]
    return Patches(everything, everything)


def patches_of(geometry: Geometry, *, side: int, overlap: int) -> Patches:
    """Return blocks of up to `side` sites along each axis that see `overlap` more sites at either end.

    The side of a block is the largest divisor of the axis up to `side`, so that all are alike. A block never sees a site twice: on a short periodic
    axis it sees fewer to either side.
    """
    total = int(np.prod(geometry.sites))
    read, write = [], []
    for sites in geometry.sites:
        length = largest_divisor(sites, side)
        reach = min(overlap, (sites - length) // 2) if geometry.periodic else overlap
        first = np.arange(0, sites, length)[:, None]
        seen = first + np.arange(-reach, length + reach)
        read.append(seen % sites if geometry.periodic else np.where((seen >= 0) & (seen < sites), seen, _OUTSIDE))
        write.append(first + np.arange(length))
    return Patches(_components(geometry, read, total), _components(geometry, write, total))


def wavelength(series: Sequence[np.ndarray], geometry: Geometry) -> float:
    """Return the typical wavelength of `series` (each (T, D)) in sites, at least 2: that of a single wave with the same mean square slope.

    A wave of f cycles a site has <(u_{i+1} - u_i)^2> = 4 sin^2(pi f) <u^2>; both means run over all samples, fields and axes.
    """
    grids = np.concatenate(list(series)).reshape(-1, geometry.fields, *geometry.sites)
    steep = np.mean([np.mean(np.diff(grids, axis=axis) ** 2) for axis in range(2, grids.ndim) if grids.shape[axis] > 1] or [0.0])
    ratio = min(1.0, float(np.sqrt(steep / np.mean((grids - grids.mean()) ** 2))) / 2.0)
    return float(np.pi / max(np.arcsin(ratio), 1e-9))


def largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor of `number` that is at most `most`."""
    return next(divisor for divisor in range(min(number, most), 0, -1) if number % divisor == 0)


def _components(geometry: Geometry, axes: list[np.ndarray], total: int) -> np.ndarray:
    """Return the components (G, fields * sites of a block) of all blocks, given the places (blocks, sites) along each axis."""
    blocks = []
    for block in product(*axes):
        grid = np.meshgrid(*block, indexing="ij")
        outside = np.any([place == _OUTSIDE for place in grid], axis=0)
        site = np.ravel_multi_index([np.maximum(place, 0) for place in grid], geometry.sites)
        fields = np.arange(geometry.fields)[:, None] * total + site.ravel()
        blocks.append(np.where(outside.ravel(), _OUTSIDE, fields).ravel())
    return np.stack(blocks)
