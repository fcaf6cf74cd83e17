"""True states in random order: the right climate, and no dynamics at all."""

from typing import ClassVar

import numpy as np

from chaosbench.randomness import generator
from chaosbench.references.base import Reference
from chaosbench.tasks import Prepared


class ShuffledTruth(Reference):
    """x_h = y_{s(h)}: every sample is a state of an independent true trajectory y, drawn at random.

    Method: the answer to a free run is a true trajectory from a start of its own, its samples in random order (a permutation, so that its
    distribution is that trajectory's exactly); windows are filled with draws from all these trajectories. Neither the context nor the truth of the
    task is read.
    Cost: one simulation of as many samples as the free runs have. Fails: by design at everything that asks for order in time: metrics of the spectrum
    and of prediction must see that it is no model, while a comparison of distributions cannot tell it from a perfect one.
    """

    source: ClassVar[str] = "the surrogate of shuffled samples; J. Theiler et al., Physica D 58, 77-94 (1992), doi:10.1016/0167-2789(92)90102-S"

    def windows(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (W, 1, H, D) independent draws."""
        states = prepared.independent_runs(max(1, prepared.plan.spec.climate_runs)).reshape(-1, prepared.problem.dimension)
        drawn = generator(seed, "shuffled windows").integers(len(states), size=(len(prepared.contexts), 1, prepared.problem.horizon))
        return np.asarray(states[drawn])

    def climate(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (R, 1, T, D), each run a permuted trajectory."""
        runs = prepared.independent_runs(max(1, prepared.plan.spec.climate_runs))[: prepared.plan.spec.climate_runs]
        orders = [generator(seed, "shuffled run", index=run).permutation(runs.shape[1]) for run in range(len(runs))]
        return np.stack([states[order] for states, order in zip(runs, orders, strict=True)])[:, None] if orders else runs[:, None]
