"""Gated linear attention: a matrix memory with data-dependent decay, trained by matrix products on one-step increments and fed back."""

from typing import ClassVar

import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._gated_linear import GatedLinearAttention, GatedPerceptron
from chaosbench.forecasters._selective import SelectiveLayer
from chaosbench.forecasters._selective_stack import SelectiveForecaster
from chaosbench.forecasters.base import Choice, Range


class GLA(SelectiveForecaster):
    """Stacked gated linear attention: S_t = S_{t-1} diag(alpha_t) + v_t k_t', o_t = S_t q_t in each head, then a gated perceptron, fed back."""

    family: ClassVar = "state space"
    source = "S. Yang et al., ICML 2024, arXiv:2312.06635"
    space: ClassVar = {
        "width": Choice((16, 32, 64)),
        "modes": Choice((16, 32)),
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
        heads: int = 2,
        layers: int = 2,
        temperature: float = 16.0,
        chunk: int = 32,
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
        positive({"heads": heads, "chunk": chunk})
        if width % heads:
            raise ForecasterError(f"heads = {heads!r}: must divide width = {width}; take a power of two")
        if not temperature > 0.0:
            raise ForecasterError(f"temperature = {temperature!r}: must be a positive number; the source has 16")
        self.modes, self.heads, self.temperature, self.chunk = modes, heads, float(temperature), chunk

    def _block(self, draws: torch.Generator) -> list[SelectiveLayer]:
        attention = GatedLinearAttention(self.width, self.modes, self.heads, self.temperature, self.chunk, draws)
        return [attention, GatedPerceptron(self.width, 2 * self.width, draws)]
