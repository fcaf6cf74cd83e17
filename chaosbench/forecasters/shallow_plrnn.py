"""Shallow piecewise-linear recurrent network trained with generalised or sparse teacher forcing."""

from collections.abc import Hashable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from chaosbench.forecasters._border import positive
from chaosbench.forecasters._forced_plrnn import Weights
from chaosbench.forecasters._plrnn_forecaster import PLRNNForecaster, forcing_options
from chaosbench.forecasters._plrnn_network import Equations, clipped_units, contracting_diagonal
from chaosbench.forecasters._plrnn_observation import uniform
from chaosbench.forecasters._plrnn_sums import padded
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range


class _Shallow(Equations):
    """Parameters A (M,), W1 (M, H), W2 (H, M), h1 (M,), h2 (H,)."""

    def __init__(self, latent: int, hidden: int, clipped: bool) -> None:
        self.latent, self._hidden, self._clipped = latent, hidden, clipped

    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        diagonal = contracting_diagonal(self.latent, draws)
        return {
            "A": torch.atanh(diagonal.clamp(max=0.99)) if self._clipped else diagonal,
            "W1": uniform((self.latent, self._hidden), draws),
            "W2": uniform((self._hidden, self.latent), draws),
            "h1": torch.zeros(self.latent),
            "h2": uniform((self._hidden,), draws) if self._clipped else torch.zeros(self._hidden),
        }

    def weights(self, named: dict[str, Tensor]) -> Weights:
        W1, W2, h1, h2 = padded(named["W1"], 2), padded(named["W2"], 2), padded(named["h1"], 1), padded(named["h2"], 1)
        if not self._clipped:
            return Weights(padded(named["A"], 1), W1, h1, torch.zeros_like(h2), torch.full_like(h2, torch.inf), W2, h2)
        sign, c, low, high = clipped_units(h2)
        return Weights(padded(torch.tanh(named["A"]), 1), W1 * sign[:, None], h1, low, high, W2, c)  # |A| < 1: no orbit escapes


class ShallowPLRNN(PLRNNForecaster):
    """z_{t+1} = A z_t + W1 [relu(W2 z_t + h2) - relu(W2 z_t)] + h1, trained with part of the data mixed into every state."""

    source = "F. Hess, Z. Monfared, M. Brenner, D. Durstewitz, ICML 2023, arXiv:2306.04406"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "hidden": Range(30, 500, log=True, whole=True),
        "extra_latents": Range(0, 10, whole=True),
        "alpha": Choice((None, 0.05, 0.1, 0.2, 0.3)),
        "segment": Choice((20, 50, 100)),
        "learning_rate": Range(1e-3, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        hidden: int = 100,
        extra_latents: int = 3,
        latents: int | None = None,
        clipped: bool = True,
        observation: str = "identity",
        forcing: str = "generalised",
        alpha: float | None = None,
        estimate: str = "norms",
        decay: float = 0.98,
        interval: int = 10,
        restarts: int = 3,
        updates: int = 2500,
        batch: int = 32,
        segment: int = 20,
        carried: int = 8,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
    ) -> None:
        positive({"hidden": hidden})
        recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            evaluations=16,
        )
        super().__init__(
            recipe=recipe,
            forcing=forcing_options(forcing, alpha, estimate, decay, interval),
            observation=observation,
            extra_latents=extra_latents,
            latents=latents,
            restarts=restarts,
        )
        self.hidden, self.clipped = hidden, clipped

    def equations(self, latent: int) -> Equations:
        """Return the equations for M = `latent` latents."""
        return _Shallow(latent, self.hidden, self.clipped)

    def structure(self) -> Hashable:
        """Return the options of the equations, which with D and M decide the shapes of the parameters."""
        return (self.hidden, self.clipped)
