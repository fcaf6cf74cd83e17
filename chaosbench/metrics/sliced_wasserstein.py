"""How far the states of a long free run would have to be moved to lie like those of the truth."""

from typing import ClassVar, Literal

import numpy as np

from chaosbench.metrics._arguments import none
from chaosbench.metrics._runs import RunMetric
from chaosbench.metrics.base import Scales
from chaosbench.randomness import generator

CAP = 10.0
DIRECTIONS = 64


class SlicedWasserstein(RunMetric):
    """Sliced 1-Wasserstein distance of the visited states: mean distance to move them along one direction, in standard deviations.

    Method: components in units of their standard deviation (training data). Run and truth are projected on 64 unit vectors, the rows of random
    orthogonal matrices drawn once from the number of components alone (one component: the component itself). In each direction W1 is the mean
    difference of the sorted projections; the score is the mean over directions, 10 at most. Independent components keep deviation 1 in every
    direction, so a shift of all of them by s scores between 0.8 s (many) and s (one). There are no bins: it works in many components, where cells
    are empty. Order in time does not matter. Errors of the marginals and of correlations show, thin structure hardly does.
    Error: positive for two runs of the same system, falling as 1 over the square root of the length; compare with the floor reported beside each
    value. The 64 fixed directions leave a few per cent against all directions, the same for every forecaster.
    Source: N. Bonneel, J. Rabin, G. Peyre, H. Pfister, J. Math. Imaging Vis. (2015), doi:10.1007/s10851-014-0506-3, with the distance to the
    power 1.
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"
    unit: ClassVar[str] = "standard deviations"
    failed_value: ClassVar[float] = CAP
    source: ClassVar[str] = "N. Bonneel, J. Rabin, G. Peyre, H. Pfister, J. Math. Imaging Vis. (2015), doi:10.1007/s10851-014-0506-3"

    def __init__(self, argument: float | None = None) -> None:
        super().__init__(argument)
        none(argument, "sliced_wasserstein")

    def distance(self, run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
        """Return the mean over directions of the distance of the sorted projections."""
        deviation = scales.standard_deviation
        moved = [np.mean(np.abs(np.sort(run / deviation @ line) - np.sort(truth / deviation @ line))) for line in _directions(truth.shape[1])]
        return min(float(np.mean(moved)), CAP)


def _directions(dimension: int) -> np.ndarray:
    """Return unit vectors (K, D): rows of random orthogonal matrices, which cover the sphere more evenly than independent draws."""
    if dimension == 1:
        return np.ones((1, 1))
    stream = generator(0, "sliced-wasserstein-directions", str(dimension))
    blocks = [np.linalg.qr(stream.normal(size=(dimension, dimension)))[0] for _ in range(-(-DIRECTIONS // dimension))]
    return np.concatenate(blocks)[:DIRECTIONS]
