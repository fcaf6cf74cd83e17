"""Long short-term memory cells, trained on one-step increments and fed back."""

from typing import ClassVar

from chaosbench.forecasters._recurrent import RecurrentForecaster


class LSTM(RecurrentForecaster):
    """x_{t+1} = x_t + u (F h_t + f), h_t the hidden state of stacked long short-term memory cells that have read x_1..x_t.

    Equations: i, f, g, o = the four parts of W x + V h + b; c <- sigmoid(f) c + sigmoid(i) tanh(g); h <- sigmoid(o) tanh(c); each layer reads the h
    of the one below; u (D,) the root mean square increment of the training data.
    Method: loss = mean of |increment - prediction|^2 over all positions of segments of `segment` samples, in units of the root mean square increment;
    `carried` of them in a row with the state handed on (detached), the first `burn_in` positions of each row left out; input noise; with
    unrolled = K > 0 the last quarter of the updates trains on K predictions fed back. AdamW with a cosine schedule; weights of the best valid
    prediction time on held-out data. The context is read from rest.
    Source: S. Hochreiter, J. Schmidhuber, Neural Comput. 9, 1735-1780 (1997), doi:10.1162/neco.1997.9.8.1735; with the forget gate of F. A. Gers,
    J. Schmidhuber, F. Cummins, Neural Comput. 12, 2451-2471 (2000), doi:10.1162/089976600300015015.
    Changed: predicts increments; trained by truncated backpropagation with a carried state.
    Cost: 4 H (D + H) weights in the first layer; about half a minute to train on one core.
    Fails: noise-free data of few dimensions are followed longer by reservoirs that cost a thousandth; trained on short segments from rest, without
    the carried state, free runs drift off once they are longer than a segment.
    """

    family: ClassVar = "recurrent"
    source = "S. Hochreiter, J. Schmidhuber, Neural Comput. 9, 1735 (1997), doi:10.1162/neco.1997.9.8.1735"
    memory = True
