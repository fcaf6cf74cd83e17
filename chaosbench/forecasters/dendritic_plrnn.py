"""Dendritic piecewise-linear recurrent network: every latent passes through a learned piecewise-linear function before it is mixed."""

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

_REACH = 2.5  # standard deviations within which thresholds start: about the range of the data


class _Dendritic(Equations):
    """Parameters A (M,), W (M, M) with an unused diagonal, h (M,), slopes (J,), thresholds (J, M).

    Every pair of a basis and a latent is one unit of the recurrence, V picks its latent, and the slopes are folded into W.
    """

    def __init__(self, latent: int, bases: int, clipped: bool) -> None:
        self.latent, self._bases, self._clipped = latent, bases, clipped

    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        diagonal = contracting_diagonal(self.latent, draws)
        return {
            "A": torch.atanh(diagonal.clamp(max=0.99)) if self._clipped else diagonal,
            "W": uniform((self.latent, self.latent), draws),
            "h": torch.zeros(self.latent),
            "slopes": uniform((self._bases,), draws),
            "thresholds": _REACH * (2.0 * torch.rand(self._bases, self.latent, generator=draws) - 1.0),
        }

    def weights(self, named: dict[str, Tensor]) -> Weights:
        mixing = named["W"] * (1.0 - torch.eye(self.latent).to(named["W"]))
        W = padded((mixing[:, :, None] * named["slopes"][:, None, :, None]).flatten(2), 2)  # (R, M', J M)
        picked = padded(torch.eye(self.latent).to(W).repeat(self._bases, 1), 2).expand(len(W), -1, -1)
        h, h2 = padded(named["h"], 1), padded(-named["thresholds"].flatten(1), 1)
        if not self._clipped:
            return Weights(padded(named["A"], 1), W, h, torch.zeros_like(h2), torch.full_like(h2, torch.inf), picked, h2)
        sign, c, low, high = clipped_units(h2)
        return Weights(padded(torch.tanh(named["A"]), 1), W * sign[:, None], h, low, high, picked, c)  # |A| < 1: no orbit escapes


class DendriticPLRNN(PLRNNForecaster):
    """Dendritic piecewise-linear network, z_{t+1} = A z_t + W sum over j of slopes_j [relu(z_t - thresholds_j) - relu(z_t)] + h.

    Symbols: z (M,) latent, M = `latents` or D + `extra_latents`; A (M,) a diagonal, W (M, M) without one; `bases` slopes, one for all latents, and
    thresholds (M,) each. clipped=False drops the second relu. Clipped, A = tanh(a), and no free run escapes. observation="identity": the first D
    latents are the data, the others start linear in them; "affine": x = B z.
    Method: identity teacher forcing: every `interval` steps the data replace the observed latents and no gradient passes through them; or
    forcing="generalised" with `alpha`, `estimate`, `decay`, which mixes data in at every step. Every pair of a basis and a latent is one clamped unit
    of the recurrence that all piecewise-linear networks here share. Loss, optimiser, restarts, the choice among weights and the use of the context:
    mean square error of the observed latents against the next sample over segments of `segment` steps in units of the root mean square increment,
    `carried` segments in a row handing their last state on; AdamW, cosine schedule; kept are the weights of the best of `restarts` that forecast
    held-out windows longest, a window counting as 0 if the free run from it comes to rest or leaves the range of the data. `fit_many` trains fits
    stacked.
    Source: M. Brenner, F. Hess, J. M. Mikhaeil, L. F. Bereska, Z. Monfared, P.-C. Kuo, D. Durstewitz, "Tractable Dendritic RNNs for Reconstructing
    Nonlinear Dynamical Systems", ICML 2022, arXiv:2207.02542.
    Changed: A = tanh(a) when clipped; thresholds start within 2.5 standard deviations; segments of 50 steps handed on four times; AdamW instead of
    RAdam; restarts and the choice among weights. The unused diagonal of W is stored and counted, as in the published parameter counts.
    Measured: on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 90 windows of test data, seeds 0 and 1): median valid prediction time 1.7 Lyapunov
    times, closed-loop largest exponent 0.87 and 1.10 (truth 0.906), none of 40 free runs of 6 000 steps at rest.
    Cost: two starts of 2 000 updates of 16 x 50 samples, about 18 s of one busy core together; it grows with bases times latents.
    Fails: forecasts shorter than the shallow network's at twice its cost. |A| < 1 bounds an orbit but keeps it neither chaotic nor inside the data.
    Wide states with few samples.
    """

    family: ClassVar = "piecewise linear"
    source = "M. Brenner, F. Hess, J. M. Mikhaeil, L. F. Bereska, Z. Monfared, P.-C. Kuo, D. Durstewitz, ICML 2022, arXiv:2207.02542"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "extra_latents": Range(2, 30, whole=True),
        "bases": Range(5, 50, log=True, whole=True),
        "interval": Range(4, 40, log=True, whole=True),
        "segment": Choice((50, 100, 200)),
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "noise": Range(1e-4, 5e-2, log=True),
    }

    def __init__(
        self,
        *,
        extra_latents: int = 17,
        latents: int | None = None,
        bases: int = 10,
        clipped: bool = True,
        observation: str = "identity",
        forcing: str = "sparse",
        alpha: float | None = None,
        estimate: str = "norms",
        decay: float = 0.98,
        interval: int = 6,
        restarts: int = 2,
        updates: int = 2000,
        batch: int = 16,
        segment: int = 50,
        carried: int = 4,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
    ) -> None:
        positive({"bases": bases})
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
        self.bases, self.clipped = bases, clipped

    def equations(self, latent: int) -> Equations:
        """Return the equations for M = `latent` latents."""
        return _Dendritic(latent, self.bases, self.clipped)

    def structure(self) -> Hashable:
        """Return the options of the equations, which with D and M decide the shapes of the parameters."""
        return (self.bases, self.clipped)
