"""A perceptron for the next increment: the plainest nonlinear map."""

from typing import ClassVar

import numpy as np
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import one_of, positive, within
from chaosbench.forecasters._markov import ACTIVATIONS, VECTOR, MarkovNetwork
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range

_POSITIONS = 16  # predictions that each drawn segment trains on


class ResidualMLP(TorchForecaster):
    """x_{t+1} = x_t + u p(x_t, ..., x_{t-k+1}), p a perceptron.

    Symbols: k = delays; u (D,) the root mean square increment of the training data per component; p has `layers` hidden layers of `width`.
    Method: loss = mean of |increment - prediction|^2 / u^2 over `batch` segments of 16 predictions, with noise on the inputs; with unrolled = K > 0
    the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid prediction time on
    held-out data.
    Source: the discrete-time counterpart of R. Rico-Martinez, I. G. Kevrekidis, IEEE Int. Conf. Neural Networks 1993, 1522-1525,
    doi:10.1109/ICNN.1993.298782.
    Changed: trained by AdamW on increments, with input noise.
    Cost: layers x width^2 weights; some ten seconds to train on one core.
    Fails: hidden variables: it knows no more of the past than its delays; nothing keeps a free run near the data.
    """

    family: ClassVar = "direct"
    rollout = "windowed"
    source = "R. Rico-Martinez, I. G. Kevrekidis, IEEE ICNN 1993, 1522, doi:10.1109/ICNN.1993.298782"
    space: ClassVar = {
        "width": Choice((64, 128, 256)),
        "layers": Range(1, 4, whole=True),
        "delays": Range(1, 4, whole=True),
        "learning_rate": Range(1e-3, 3e-2, log=True),
        "noise": Range(1e-5, 1e-2, log=True),
        "unrolled": Choice((0, 8, 16)),
    }

    def __init__(
        self,
        *,
        width: int = 128,
        layers: int = 2,
        delays: int = 1,
        activation: str = "gelu",
        updates: int = 4000,
        batch: int = 32,
        learning_rate: float = 5e-3,
        weight_decay: float = 0.0,
        noise: float = 3e-4,
        unrolled: int = 0,
    ) -> None:
        super().__init__()
        positive({"width": width, "layers": layers, "delays": delays, "updates": updates, "batch": batch})
        one_of("activation", activation, tuple(ACTIVATIONS))
        within("unrolled", unrolled, 0, 10_000)
        if width % VECTOR:
            raise ForecasterError(
                f"width = {width!r}: must be a multiple of {VECTOR}, which keeps windows independent bit for bit; take {-(-width // VECTOR) * VECTOR}"
            )
        self.width, self.layers, self.delays, self.activation = width, layers, delays, activation
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=_POSITIONS + delays - 1,
            carried=1,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> MarkovNetwork:
        sizes = [self.width] * self.layers
        return MarkovNetwork(states[0].shape[1], sizes, self.activation, self.delays, 0, increment_size(states), draws)
