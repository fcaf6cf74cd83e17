"""Mamba: state-space layers that select what they keep, trained on one-step increments and fed back."""

from typing import ClassVar

import torch

from chaosbench.forecasters._selective import S6, SelectiveLayer
from chaosbench.forecasters._selective_stack import SelectiveForecaster
from chaosbench.forecasters.base import Choice, Range


class Mamba(SelectiveForecaster):
    """Stacked selective state-space layers: h_t = exp(dt_t A) h_{t-1} + dt_t B_t x_t, y_t = C_t h_t, with dt, B, C linear in the input.

    Equations: for the stream s (H,) and each layer u = s / rms(s); x, z = the halves of W u (E = 2 H each); x = silu(causal convolution of 4
    samples); d, B, C = V x (H / 16, N, N); dt = softplus(U d + v); h (E, N) as above with A = -exp(a); s <- s + O ((C h + D x) silu(z)). The stream
    starts as E x_t + e; x_{t+1} = x_t + u (F s / rms(s) + f), u the root mean square increment of the training data per component.
    Method: loss = mean of |increment - prediction|^2 over all positions of segments of `segment` samples, in units of the root mean square increment;
    `carried` of them in a row with the state handed on (detached), the first `burn_in` positions of each row left out; input noise; with
    unrolled = K > 0 the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid
    prediction time on held-out data. Training reads a segment by a scan in ceil(log2 L) passes with a backward pass of its own. Forecasts run step by
    step.
    Source: A. Gu, T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv:2312.00752.
    Changed: sizes for series of a few components; steps dt start in [1/64, 1/5] samples; increments; state carried over segments.
    Cost: 6 H E + E N weights a layer; memory and time of training go with batch x segment x E x N; about a minute to train on one core.
    Fails: as every recurrent model it needs input noise to stay on the attractor; the hidden recurrence itself always forgets (exp(dt A) < 1), chaos
    comes from the feedback alone.
    """

    family: ClassVar = "state space"
    source = "A. Gu, T. Dao, arXiv:2312.00752"
    space: ClassVar = {
        "width": Choice((16, 32, 64)),
        "modes": Choice((16, 32, 64)),
        "layers": Range(1, 4, whole=True),
        "segment": Choice((24, 32, 64)),
        "learning_rate": Range(1e-3, 2e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        width: int = 32,
        modes: int = 16,
        layers: int = 2,
        updates: int = 1500,
        batch: int = 16,
        segment: int = 32,
        carried: int = 8,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.01,
        noise: float = 3e-3,
        unrolled: int = 0,
    ) -> None:
        super().__init__(
            width=width,
            channels={"modes": modes},
            layers=layers,
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            burn_in=burn_in,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )
        self.modes = modes

    def _block(self, draws: torch.Generator) -> list[SelectiveLayer]:
        return [S6(self.width, self.modes, draws)]
