"""Mamba-2: selective state-space layers with one decay a head, trained by matrix products."""

from typing import ClassVar

import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._selective import SSD, SelectiveLayer
from chaosbench.forecasters._selective_stack import SelectiveForecaster
from chaosbench.forecasters.base import Choice, Range


class Mamba2(SelectiveForecaster):
    """Stacked selective layers with scalar decays: h_t = exp(dt_t a) h_{t-1} + dt_t B_t x_t', y_t = C_t' h_t for each head of `head` channels.

    Equations: for the stream s (H,) and each layer u = s / rms(s); z, (x, B, C), dt = W u; (x, B, C) = silu(causal convolution of 4 samples); dt =
    softplus(dt + v); h (N, head) of each head as above; s <- s + O (g y silu(z) / rms), y = C' h + D x. The stream starts as E x_t + e;
    x_{t+1} = x_t + u (F s / rms(s) + f), u the root mean square increment of the training data per component.
    Method: loss = mean of |increment - prediction|^2 over all positions of segments of `segment` samples, in units of the root mean square increment;
    `carried` of them in a row with the state handed on (detached), the first `burn_in` positions of each row left out; input noise; with
    unrolled = K > 0 the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid
    prediction time on held-out data. Training reads a segment by masked products in chunks of `chunk` samples. Forecasts run step by step.
    Source: T. Dao, A. Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State Space Duality", ICML 2024,
    arXiv:2405.21060.
    Changed: sizes for series of a few components; steps dt start in [1/64, 1/5] samples; increments; state carried over segments.
    Cost: 6 H^2 + 4 H N weights a layer; batch x heads x segment x chunk numbers in training; about half a minute to train on one core.
    Fails: as Mamba; one decay for all modes of a head is a coarser memory.
    """

    family: ClassVar = "state space"
    source = "T. Dao, A. Gu, ICML 2024, arXiv:2405.21060"
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
        head: int = 16,
        chunk: int = 64,
        updates: int = 2000,
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
        positive({"head": head, "chunk": chunk})
        if 2 * width % head:
            raise ForecasterError(f"head = {head!r}: must divide 2 x width = {2 * width}; take a power of two")
        self.modes, self.head, self.chunk = modes, head, chunk

    def _block(self, draws: torch.Generator) -> list[SelectiveLayer]:
        return [SSD(self.width, self.modes, self.head, self.chunk, draws)]
