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
    """Shallow piecewise-linear network, z_{t+1} = A z_t + W1 [relu(W2 z_t + h2) - relu(W2 z_t)] + h1, trained with data mixed into its states.

    Symbols: z (M,) latent, M = `latents` or D + `extra_latents`; A (M,) a diagonal; `hidden` units. clipped=False drops the second relu. Clipped, A =
    tanh(a): then |z| <= max(|z_0|, (|h1| + |W1| |h2|) / (1 - |A|)) entry by entry, and no free run escapes. observation="identity": the first D
    latents are the data, the others start linear in them; "affine": x = B z, and forcing sets all latents to pinv(B) x.
    Method: forcing="generalised": each step starts from (1 - alpha) z_t + alpha x_t in the forced entries, so products of training Jacobians are
    bounded when alpha >= 1 - 1 / (their largest singular value). alpha=None adapts it: every 10 updates kappa = the largest over 16 sequences of a
    mean over time of the Jacobians at the data (estimate="norms": geometric mean of their spectral norms; "mean": spectral norm of the arithmetic
    mean; "logarithms": spectral norm of exp(mean of log J)) and a = max(0, 1 - 1 / kappa); alpha jumps up to a and falls to it by `decay`.
    forcing="sparse": the data replace the forced entries every `interval` steps. Loss = mean square error of z against the next sample over segments
    of `segment` steps, in units of the root mean square increment; `carried` segments in a row hand their last state on (detached), and without a
    fully determined first state the first half of a row's first segment is left out. AdamW, cosine schedule. Of `restarts` trainings and of each
    one's last evaluations the weights are kept that forecast held-out windows longest, a window counting as 0 if the free run from it comes to rest
    or leaves the range of the data in the long run (`_lasting`). The context sets what it determines of the state and lets the rest settle.
    `fit_many` trains fits stacked.
    Source: F. Hess, Z. Monfared, M. Brenner, D. Durstewitz, "Generalized Teacher Forcing for Learning Chaotic Dynamics", ICML 2023, arXiv:2306.04406.
    Changed: A = tanh(a) when clipped; extra latents carried over segments; estimates half as often, and forgotten faster (0.98 instead of 0.999), for
    a training a hundred times shorter; AdamW instead of RAdam; restarts and the choice among weights; no penalty on latents or B, which instead
    starts with orthonormal rows or columns; no gradient through pinv(B); the backward pass is written out.
    Measured: on Lorenz-63 (noise-free, dt = 0.02, 5 904 samples, 90 windows of test data, seeds 0 to 2): median valid prediction time 2.1 to 2.5
    Lyapunov times, closed-loop largest exponent 0.88 to 1.08 (truth 0.906), none of 60 free runs of 6 000 steps at rest; of eight seeds with one
    start each, one lost 11 of its 20 free runs. On 90 000 samples with 5 % noise (dt = 0.01, noise=0, segment=50, `scripts/reconstruct`, seeds 0 to
    2): D_stsp 0.14, 0.25, 0.49; D_H with a Gaussian of 20 bins 0.12, 0.07, 0.14; exponents 0.85, 0.95, 0.77. The first set was measured with free
    runs held against the smallest spread of the held-out windows instead of the median; of the second, so were seeds 0 and 1, and seed 2 then ended
    in a small cycle.
    Cost: three starts of 2 500 updates of 32 x 20 samples, about 9 s of one busy core together. A run in a stack of 16 takes a quarter of what it
    takes alone (0.9 against 3.5 ms an update, one thread).
    Fails: wide states with few samples (it knows nothing of space: 40 variables from 5 000 samples are forecast for one step). A fixed alpha = 0.3
    fails on maps, whose Jacobians are larger. |A| < 1 bounds an orbit but keeps it neither chaotic nor inside the data: where the system spirals out
    of a fixed point that the data seldom come near, the network's own can be stable, and free runs end there.
    """

    family: ClassVar = "piecewise linear"
    light: ClassVar = True
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
