"""Gated recurrent units, trained on one-step increments and fed back."""

from typing import ClassVar

from chaosbench.forecasters._recurrent import RecurrentForecaster


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
