"""Exponents of a trained recurrence under given inputs: whether it forgets its start. Those of the closed loop say whether it is chaotic."""

import numpy as np

from chaosbench.arrays import finite_array
from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive
from chaosbench.forecasters._torch_map import TorchMap

_SETTLING = 0.2  # share of the series read before exponents are taken


def driven_exponents(model: TorchMap, series: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` largest conditional Lyapunov exponents (count,), per unit of time, of the hidden state while `series` is read.

    Parameters: series (T, D), standardised; count: from 1 to the size of the hidden state.
    Method: one step of the model, then its own prediction is replaced by the next true sample and the tangents of the sample by 0; tangents are
    orthonormalised after every step; the first fifth of the series settles them.
    Error: that of a mean over 0.8 T samples of one series; no error bar.
    Raises ForecasterError if the model's state does not end with its newest sample, or the series is too short.
    """
    if not model.listens:
        raise ForecasterError("driven_exponents: this model keeps no hidden state beside its newest sample; use recurrent forecasters")
    samples = finite_array(series, "series", (None, model.observed), ForecasterError)
    hidden = model.dimension - model.observed
    positive({"count": count})
    if count > hidden:
        raise ForecasterError(f"count = {count}: the hidden state has {hidden} numbers; ask for at most so many")
    if len(samples) < 10:
        raise ForecasterError(f"series: {len(samples)} samples; at least 10 are needed for a mean; pass a longer series")
    state = model.start(samples[:1])
    tangents = np.zeros((count, model.dimension))
    tangents[:, :hidden] = np.linalg.qr(np.random.default_rng(0).normal(size=(hidden, count)))[0].T
    growth = []
    for sample in samples[1:]:
        state, tangents = model.step_tangents(state, tangents)
        state[hidden:], tangents[:, hidden:] = sample, 0.0
        basis, sizes = np.linalg.qr(tangents.T)
        tangents = np.ascontiguousarray(basis.T)
        growth.append(np.abs(np.diag(sizes)))
    kept = np.array(growth[round(_SETTLING * len(growth)) :])
    rates: np.ndarray = np.log(np.maximum(kept, np.finfo(np.float64).tiny)).mean(axis=0) / model.dt
    return rates
