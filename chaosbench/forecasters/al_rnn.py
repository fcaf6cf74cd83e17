"""Almost-linear recurrent network: only a few of its latents are rectified."""

from collections.abc import Hashable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from chaosbench.forecasters._border import positive
from chaosbench.forecasters._forced_plrnn import Weights
from chaosbench.forecasters._plrnn_forecaster import PLRNNForecaster, forcing_options
from chaosbench.forecasters._plrnn_network import Equations, contracting_diagonal
from chaosbench.forecasters._plrnn_sums import padded
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range


class _AlmostLinear(Equations):
    """Parameters A (M,), W (M, M), h (M,)."""

    def __init__(self, latent: int, rectified: int) -> None:
        self.latent, self._rectified = latent, rectified

    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        diagonal = contracting_diagonal(self.latent, draws)
        return {"A": diagonal, "W": 0.01 * torch.randn(self.latent, self.latent, generator=draws), "h": torch.zeros(self.latent)}

    def weights(self, named: dict[str, Tensor]) -> Weights:
        A, W, h = padded(named["A"], 1), padded(named["W"], 2), padded(named["h"], 1)
        low = torch.full_like(h, -torch.inf)
        low[:, max(0, self.latent - self._rectified) : self.latent] = 0.0
        return Weights(A, W, h, low, torch.full_like(h, torch.inf))


class AlmostLinearRNN(PLRNNForecaster):
    """Almost-linear network, z_{t+1} = A z_t + W f(z_t) + h, where f rectifies the last P latents and leaves the others as they are.

    Symbols: z (M,) latent, M = `latents` or D + `extra_latents`; A (M,) a diagonal, W (M, M); P = `rectified`. At most 2^P linear maps take turns.
    observation="identity": the first D latents are the data, the others start linear in them; "affine": x = B z.
    Method: sparse teacher forcing: every `interval` steps the data replace the observed latents and no gradient passes through them; or
    forcing="generalised" with `alpha`, `estimate`, `decay`, which mixes data in at every step. Loss, optimiser, restarts, the choice among weights
    and the use of the context are those of all piecewise-linear networks here: mean square error of the observed latents against the next sample over
    segments of `segment` steps in units of the root mean square increment, `carried` segments in a row handing their last state on; AdamW, cosine
    schedule; kept are the weights of the best of `restarts` that forecast held-out windows longest, a window counting as 0 if the free run from it
    comes to rest or leaves the range of the data. `fit_many` trains fits stacked.
    Source: M. Brenner, C. J. Hemmer, Z. Monfared, D. Durstewitz, "Almost-Linear RNNs Yield Highly Interpretable Symbolic Codes in Dynamical Systems
    Reconstruction", NeurIPS 2024, arXiv:2410.14240.
    Changed: M = D + 27 and P = 20 instead of M = 20 and P = 2 for Lorenz-63: few rectified latents are there to be read, not to forecast. Segments of
    50 steps handed on four times instead of 200 steps; AdamW instead of RAdam; restarts and the choice among weights.
    Measured: on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 90 windows of test data, seeds 0 to 2): median valid prediction time 2.4 to 2.6
    Lyapunov times, closed-loop largest exponent 0.92 to 0.96 (truth 0.906), none of 60 free runs of 6 000 steps at rest. One start with M = 20 and P
    = 10 gave 1.2 to 1.7, with P = 2 0.3 to 0.6.
    Cost: two starts of 2 500 updates of 16 x 50 samples, about 7 s of one busy core together.
    Fails: nothing bounds its orbits, so that a free run can escape. With P = 2 or generalised forcing it forecasts about as long as a clock. Wide
    states with few samples.
    """

    family: ClassVar = "piecewise linear"
    source = "M. Brenner, C. J. Hemmer, Z. Monfared, D. Durstewitz, NeurIPS 2024, arXiv:2410.14240"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "extra_latents": Range(5, 60, whole=True),
        "rectified": Range(1, 30, log=True, whole=True),
        "interval": Range(4, 40, log=True, whole=True),
        "segment": Choice((50, 100, 200)),
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "noise": Range(1e-4, 5e-2, log=True),
    }

    def __init__(
        self,
        *,
        extra_latents: int = 27,
        latents: int | None = None,
        rectified: int = 20,
        observation: str = "identity",
        forcing: str = "sparse",
        alpha: float | None = None,
        estimate: str = "norms",
        decay: float = 0.98,
        interval: int = 10,
        restarts: int = 2,
        updates: int = 2500,
        batch: int = 16,
        segment: int = 50,
        carried: int = 4,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
    ) -> None:
        positive({"rectified": rectified})
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
        self.rectified = rectified

    def equations(self, latent: int) -> Equations:
        """Return the equations for M = `latent` latents."""
        return _AlmostLinear(latent, self.rectified)

    def structure(self) -> Hashable:
        """Return the options of the equations, which with D and M decide the shapes of the parameters."""
        return (self.rectified,)
