"""RWKV-7: a matrix memory under the generalised delta rule, trained by matrix products on one-step increments and fed back."""

from typing import ClassVar

import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._delta_rule import LONGEST, ChannelMixing, TimeMixing
from chaosbench.forecasters._selective import SelectiveLayer
from chaosbench.forecasters._selective_stack import SelectiveForecaster
from chaosbench.forecasters.base import Choice, Range


class RWKV7(SelectiveForecaster):
    """Stacked delta rules: S_t = S_{t-1} (diag w_t - kappa_t (a_t kappa_t)') + v_t k_t', o_t = S_t r_t in each head, then a perceptron, fed back."""

    family: ClassVar = "state space"
    source = "B. Peng et al., arXiv:2503.14456"
    space: ClassVar = {
        "width": Choice((16, 32, 64)),
        "layers": Range(1, 4, whole=True),
        "segment": Choice((24, 32, 64)),
        "learning_rate": Range(1e-3, 2e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
    }

    def __init__(
        self,
        *,
        width: int = 32,
        head: int = 16,
        layers: int = 2,
        chunk: int = 16,
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
            channels={},
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
        positive({"head": head})
        within("chunk", chunk, 1, LONGEST)
        if width % head:
            raise ForecasterError(f"head = {head!r}: must divide width = {width}; take a power of two")
        self.head, self.chunk = head, chunk

    def _block(self, draws: torch.Generator) -> list[SelectiveLayer]:
        return [TimeMixing(self.width, self.head, self.chunk, draws), ChannelMixing(self.width, 4 * self.width, draws)]
