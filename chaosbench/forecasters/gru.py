"""Gated recurrent units, trained on one-step increments and fed back."""

from typing import ClassVar

from chaosbench.forecasters._recurrent import RecurrentForecaster
from chaosbench.forecasters.base import Choice, Range


class GRU(RecurrentForecaster):
    """x_{t+1} = x_t + u (F h_t + f), h_t the hidden state of stacked gated recurrent units that have read x_1..x_t.

    Equations: r, z = sigmoid of two parts of W x + V h + b; n = tanh(W_n x + b_n + r (V_n h + c_n)); h <- (1 - z) n + z h; each layer reads the h
    of the one below; u (D,) the root mean square increment of the training data.
    Method: loss = mean of |increment - prediction|^2 over all positions of segments of `segment` samples, in units of the root mean square increment;
    `carried` of them in a row with the state handed on (detached), the first `burn_in` positions of each row left out; input noise; with
    unrolled = K > 0 the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid
    prediction time on held-out data. The context is read from rest.
    Source: K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation", EMNLP 2014,
    arXiv:1406.1078.
    Changed: predicts increments; trained by truncated backpropagation with a carried state; the reset gate acts after the product, as in
    cuDNN.
    Cost: 3 H (D + H) weights in the first layer; about half a minute to train on one core.
    Fails: noise-free data of few dimensions are followed longer by reservoirs that cost a thousandth; trained on short segments from rest, without
    the carried state, free runs drift off once they are longer than a segment.
    """

    family: ClassVar = "recurrent"
    source = "K. Cho et al., EMNLP 2014, arXiv:1406.1078"
    memory = False
    space: ClassVar = {
        "width": Choice((32, 64, 128)),
        "layers": Range(1, 3, whole=True),
        "segment": Choice((24, 32, 64)),
        "learning_rate": Range(1e-3, 3e-2, log=True),
        "noise": Range(1e-4, 3e-2, log=True),
        "unrolled": Choice((0, 8, 16)),
    }

    def __init__(
        self,
        *,
        width: int = 64,
        layers: int = 1,
        updates: int = 3000,
        batch: int = 32,
        segment: int = 32,
        carried: int = 8,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.0,
        noise: float = 3e-3,
        unrolled: int = 0,
    ) -> None:
        super().__init__(
            width=width,
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
