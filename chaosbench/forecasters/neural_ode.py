"""A perceptron as the right-hand side of a differential equation, trained through its Runge-Kutta steps."""

from typing import ClassVar

import numpy as np
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import one_of, positive
from chaosbench.forecasters._markov import ACTIVATIONS, VECTOR, MarkovNetwork
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range


class NeuralODE(TorchForecaster):
    """dx/ds = u p(x), p a perceptron, s the time in samples; one sample is `substeps` classical Runge-Kutta steps.

    Symbols: u (D,) the root mean square increment of the training data per component; p has `layers` hidden layers of `width`.
    Method: multiple shooting: from every first sample of `batch` random intervals of `shooting` samples the equation is integrated over the interval;
    loss = mean of |x - truth|^2 / u^2, gradients through the Runge-Kutta steps; noise on the first samples. AdamW with a cosine schedule; weights of
    the best valid prediction time on held-out data.
    Source: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, "Neural Ordinary Differential Equations", NeurIPS 2018, arXiv:1806.07366.
    Changed: equal Runge-Kutta steps differentiated directly, in place of an adaptive solver and adjoints; multiple shooting.
    Cost: layers x width^2 weights, 4 x substeps x shooting evaluations an update; about a minute to train on one core.
    Fails: components that are not a full state (hidden variables, delays), maps, and sampling so coarse that a few Runge-Kutta steps cannot follow.
    """

    family: ClassVar = "continuous"
    rollout = "windowed"
    source = "R. T. Q. Chen et al., NeurIPS 2018, arXiv:1806.07366"
    space: ClassVar = {
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 3, whole=True),
        "shooting": Range(1, 16, log=True, whole=True),
        "substeps": Range(1, 4, whole=True),
        "learning_rate": Range(1e-3, 3e-2, log=True),
        "noise": Range(1e-5, 1e-2, log=True),
    }

    def __init__(
        self,
        *,
        width: int = 64,
        layers: int = 2,
        activation: str = "silu",
        shooting: int = 4,
        substeps: int = 1,
        updates: int = 4000,
        batch: int = 64,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-4,
    ) -> None:
        super().__init__()
        positive({"width": width, "layers": layers, "shooting": shooting, "substeps": substeps, "updates": updates, "batch": batch})
        one_of("activation", activation, tuple(ACTIVATIONS))
        if width % VECTOR:
            raise ForecasterError(
                f"width = {width!r}: must be a multiple of {VECTOR}, which keeps windows independent bit for bit; take {-(-width // VECTOR) * VECTOR}"
            )
        self.width, self.layers, self.activation, self.shooting, self.substeps = width, layers, activation, shooting, substeps
        self.recipe = Recipe(
            updates=updates, batch=batch, segment=shooting, carried=1, learning_rate=learning_rate, weight_decay=weight_decay, noise=noise
        )

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> MarkovNetwork:
        sizes = [self.width] * self.layers
        return MarkovNetwork(states[0].shape[1], sizes, self.activation, 1, self.substeps, increment_size(states), draws)
