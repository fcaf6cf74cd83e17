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
    """Stacked delta rules: S_t = S_{t-1} (diag w_t - kappa_t (a_t kappa_t)') + v_t k_t', o_t = S_t r_t in each head, then a perceptron, fed back.

    Equations: for the stream s (H,) and each block: u = s / rms(s); six mixtures u_t + m (u_{t-1} - u_t), m (H,) each, from which r, k', v = W u,
    w = exp(-exp(-1/2) sigmoid(D tanh(E u) + d)), a = sigmoid(A B u + b), g = C sigmoid(F u), inner sizes 16; in heads of K = `head` channels kappa =
    k' x / |k' x|, k = k' (1 + y (a - 1)), S (K, K) as above; s <- s + O (g (l (S r - mean) / deviation + n + (r . (z k)) v)), mean and deviation
    over a head; u = s / rms(s); s <- s + P relu(R (u_t + m (u_{t-1} - u_t)))^2 with 4 H units. The stream starts as E x_t + e; x_{t+1} = x_t + u
    (F s / rms(s) + f), u the root mean square increment of the training data per component.
    Method: loss = mean of |increment - prediction|^2 over all positions of segments of `segment` samples, in units of the root mean square increment;
    `carried` of them in a row with the state handed on (detached), the first `burn_in` positions of each row left out; input noise; with
    unrolled = K > 0 the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid
    prediction time on held-out data. Training reads a segment in chunks of `chunk` samples: what the rule removes solves one triangular system a
    chunk, the rest is masked products; w > 0.5452 keeps inverse decays finite. Forecasts run step by step.
    Source: B. Peng et al., "RWKV-7 'Goose' with Expressive Dynamic State Evolution", arXiv:2503.14456.
    Changed: sizes for series of a few components; no mixing of values with those of the first block; -log(w) starts log-uniform in [1/64, 1/5], m
    uniform in [0, 1]; the stream is divided by its root mean square; increments; state carried over segments.
    Measured on Lorenz-63 (noise-free, 5 000 samples, dt = 0.02, 100 test windows): seeds 0 and 1 have median valid prediction times of 3.6 and 3.1
    Lyapunov times (quartiles 2.9 to 4.6 and 2.5 to 4.2), closed-loop largest exponent 0.86 and 0.88 (truth 0.906), under given inputs -1.0 and -0.9;
    none of 20 free runs of 6 000 steps at rest or lost. Mamba-2 reaches 3.3 on the same data (seed 0).
    Cost: 12 H^2 + 110 H weights a block and a state of H K + 2 H numbers; batch x segment x 4 chunk x H / K numbers in training; 48 s of one
    core to train at the defaults.
    Fails: twice the time of `gla` for no more than the spread between its seeds. Every step alone has real eigenvalues in (-0.4548, 1), but their
    product over many is not bounded by that: nothing says that the memory forgets, though it was found to. It knows nothing of space. Other systems,
    noise and few samples are not measured.
    """

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
