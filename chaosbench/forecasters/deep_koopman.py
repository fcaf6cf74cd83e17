"""A deep Koopman autoencoder: coordinates learned so that the dynamics in them is linear."""

from typing import ClassVar

import numpy as np
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import one_of, positive, within
from chaosbench.forecasters._koopman_network import KoopmanNetwork
from chaosbench.forecasters._markov import ACTIVATIONS, VECTOR
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range


class DeepKoopman(TorchForecaster):
    """x_{t+h} = decode(K^h encode(x_t)): an autoencoder whose code advances by a linear map.

    Equations: z_t = encode(x_t), P = `latents` / 2 complex numbers; z_{t+1} = mu z_t entry by entry; loss = mean over lags h <= `segment`,
    weighted by 1 / h, of |decode(K^h z_0) - x_h|^2, + mean of `linearity` |K^h z_0 - encode(x_h)|^2 + `reconstruction` |decode(encode(x)) - x|^2.
    Symbols: mu = modulus e^{i angle}; modulus = exp(-softplus(d)) <= 1 when `stable`, exp(d) otherwise; angle and d are learned.
    Method: encoder and decoder are perceptrons of `layers` hidden layers of `width`. by_radius = True makes mu a function of all squared
    radii |z_j|^2 (a perceptron of one hidden layer of 32 on top of the constants), so that a frequency may change with amplitude. A forecast encodes
    the last sample and stays in the code; reencode = True decodes and encodes again at every step, which is a nonlinear map of the sample. AdamW
    with a cosine schedule; weights of the best valid prediction time on held-out data.
    Source: B. Lusch, J. N. Kutz, S. L. Brunton, Nat. Commun. 9, 4950 (2018), doi:10.1038/s41467-018-07210-0.
    Changed: fixed eigenvalues by default (the source: by radius, one network for every pair); no maximum norm in the loss; lags weighted by 1 / h
    (equal weights drown the lags that can be forecast where a segment is many Lyapunov times: the Henon map was then forecast for no step);
    AdamW on random segments.
    Measured on Lorenz-63 (noise-free, 5 000 samples, dt = 0.02, 100 windows of test data): median valid prediction time 0.73 Lyapunov times (one
    seed), by radius 0.73; segments of 20 gave 0.43, re-encoding after training on segments of 5 gave 0.72 (persistence 0.07). On 5 000 samples at
    30 a period, 40 windows: Henon 1.3, Thomas 0.16 (persistence 0 and 0.05).
    Cost: 2 000 updates of 16 x 40 samples, ten seconds on one core, three times as much by radius; a step costs P multiplications, an
    observation one decoder.
    Fails: beyond the length of its segments, about a Lyapunov time: a code that turns and decays cannot mix. It learns to fade to the mean as
    the mean square error asks; its free runs are no attractor, and the exponents of its map are at most 0 (re-encoded: any).
    """

    family: ClassVar[str] = "koopman"
    rollout = "recurrent"
    source = "B. Lusch, J. N. Kutz, S. L. Brunton, Nat. Commun. 9, 4950 (2018), doi:10.1038/s41467-018-07210-0"
    space: ClassVar = {
        "latents": Choice((16, 32, 64)),
        "by_radius": Choice((False, True)),
        "reencode": Choice((False, True)),
        "segment": Range(5, 80, log=True, whole=True),
        "linearity": Range(1e-3, 3.0, log=True),
        "learning_rate": Range(5e-4, 1e-2, log=True),
    }

    def __init__(
        self,
        *,
        latents: int = 32,
        width: int = 64,
        layers: int = 2,
        activation: str = "silu",
        by_radius: bool = False,
        stable: bool = True,
        reencode: bool = False,
        reconstruction: float = 1.0,
        linearity: float = 0.1,
        updates: int = 2000,
        batch: int = 16,
        segment: int = 40,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        positive({"latents": latents, "width": width, "layers": layers, "updates": updates, "batch": batch, "segment": segment})
        one_of("activation", activation, tuple(ACTIVATIONS))
        largest = float(np.finfo(np.float64).max)
        within("reconstruction", reconstruction, 0.0, largest)
        within("linearity", linearity, 0.0, largest)
        if width % VECTOR:
            raise ForecasterError(
                f"width = {width!r}: must be a multiple of {VECTOR}, which keeps windows independent bit for bit; take {-(-width // VECTOR) * VECTOR}"
            )
        if latents % 2:
            raise ForecasterError(f"latents = {latents!r}: must be even, a real and an imaginary part for every eigenvalue; take {latents + 1}")
        self.latents, self.sizes, self.activation = latents, [width] * layers, activation
        self.by_radius, self.stable, self.reencode = by_radius, stable, reencode
        self.weights = (reconstruction, linearity)
        self.recipe = Recipe(updates=updates, batch=batch, segment=segment, carried=1, learning_rate=learning_rate, weight_decay=weight_decay)

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> KoopmanNetwork:
        dimension = states[0].shape[1]
        return KoopmanNetwork(dimension, self.latents, self.sizes, self.activation, self.by_radius, self.stable, self.weights, self.reencode, draws)
