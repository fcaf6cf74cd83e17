"""Hankel alternative view of Koopman: linear dynamics of the leading delay coordinates, driven by the last one."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import contexts, fitted, one_of, positive, too_short, trajectories
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._dictionaries import Coordinates
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._least_squares import LeastSquares
from chaosbench.forecasters._linear_map import LiftedLinearMap
from chaosbench.forecasters._residuals import CompressedKoopman, SnapshotTriangle, snapshots
from chaosbench.forecasters._validation import fit_with_best
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training

_RANKS = (2, 4, 8, 15, 30, 60, 120, 240)
_MOST_NUMBERS = 2000  # of a window
_RIDGE = 1e-10  # of the autoregression: neighbouring lags are nearly equal


class _Model(LiftedLinearMap):
    """State: v_1 ... v_{r-1}, then v_r now and at the lags its autoregression reads. `forcing_row` (m,) reads v_r off a window."""

    def __init__(self, short: DelayWindow, lags: int, series: Sequence[np.ndarray], operator: CompressedKoopman, dt: float) -> None:
        D, driven = short.dimension, operator.matrix.shape[0] - 1
        self.short = short
        self.forcing_row = operator.basis[:, driven]
        size = driven + lags
        matrix, encode, decode = np.zeros((size, size)), np.zeros(((short.delays + max(lags, 1) - 1) * D, size)), np.zeros((size, D))
        matrix[:driven, :driven] = operator.matrix[:driven, :driven]
        encode[: short.size, :driven], decode[:driven] = operator.basis[:, :driven], operator.inverse[:driven, :D]
        if lags:
            matrix[driven, :driven], decode[driven] = operator.matrix[driven, :driven], operator.inverse[driven, :D]
            matrix[driven:, driven] = _autoregression([short.embed(states) @ self.forcing_row for states in series], lags)
            matrix[np.arange(driven, size - 1), np.arange(driven + 1, size)] = 1.0
            for lag in range(lags):
                encode[lag * D : lag * D + short.size, driven + lag] = self.forcing_row
        window = DelayWindow(short.delays + max(lags, 1) - 1, 1, D)
        super().__init__(dt=dt, window=window, features=Coordinates(window.size), matrix=matrix, encode=encode, decode=decode)


def _autoregression(series: Sequence[np.ndarray], lags: int) -> np.ndarray:
    window = DelayWindow(lags, 1, 1)
    problem = LeastSquares(lags, 1)
    problem.add(*window.pairs([values[:, None] for values in series if len(values) > lags]))
    return problem.ridge(_RIDGE)[:, 0]


class HankelAlternativeView(Forecaster):
    """v_{t+1} = A v_t + B f_t: the first r - 1 singular coordinates of a Hankel matrix are linear, the r-th is their intermittent forcing f.

    Equations: windows y_t = (x_t, ..., x_{t-k+1}) with SVD U S V'; v = the leading r coordinates S^-1 U' y, f = v_r;
    v_{1..r-1}(t+1) = A v_{1..r-1}(t) + B f(t); f(t+1) = sum_j a_j f(t-j+1), j = 1 ... p; x(t) = the first block of U S v.
    Symbols: k = delays, r = rank, p = forcing_order.
    Method: A and B by least squares over all pairs of windows; a by least squares (ridge 1e-10) over f of the training data. rank None, the
    default, tries 2, 4, 8, 15, 30, 60, 120, 240 and keeps the one whose model runs free best over the validation data, or over the last fifth of each
    trajectory when there are none. forcing = "none" sets f = 0 in the forecast. `forcing_signal(states)` returns f of any series: its bursts
    announce the switching between the lobes of an attractor, which is what the method is good for.
    Source: S. L. Brunton, B. W. Brunton, J. L. Proctor, E. Kaiser, J. N. Kutz, Nat. Commun. 8, 19 (2017), doi:10.1038/s41467-017-00030-8.
    Changed: the source never forecasts on its own: f is taken from the data. Here an autoregression continues it, which makes the whole a
    linear map. A and B belong to one sampling step (the source: to derivatives); all components are embedded together (the source: one).
    Measured on Lorenz-63 (noise-free, 5 000 samples, dt = 0.02, 100 windows of test data): median valid prediction time 0.20 Lyapunov times with or
    without the forcing (persistence 0.07). On 5 000 samples at 30 a period, 40 windows: Lorenz-96 0.26, Duffing 0.55 (persistence 0.09, 0.07).
    Cost: O(N (kD)^2) to fit, (r + p)^2 per step.
    Fails: on chaos, as every linear map does: the autoregression loses the forcing within a few of its bursts, and the linear part, then undriven,
    decays to the mean.
    """

    family: ClassVar[str] = "koopman"
    rollout = "recurrent"
    source = "S. L. Brunton et al., Nat. Commun. 8, 19 (2017), doi:10.1038/s41467-017-00030-8"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "delays": Range(5, 100, log=True, whole=True),
        "rank": Choice((None, *_RANKS)),
        "forcing": Choice(("autoregression", "none")),
        "forcing_order": Range(1, 30, log=True, whole=True),
    }

    def __init__(
        self, *, delays: int = 10, rank: int | None = None, forcing: Literal["autoregression", "none"] = "autoregression", forcing_order: int = 10
    ) -> None:
        positive({"delays": delays, "forcing_order": forcing_order})
        if rank is not None:
            positive({"rank": rank})
        if rank == 1:
            raise ForecasterError("rank = 1: the last coordinate is the forcing, so there must be at least 2; leave it out for the default")
        one_of("forcing", forcing, ("autoregression", "none"))
        self.delays = delays
        self.rank = rank
        self.forcing = forcing
        self.forcing_order = forcing_order
        self._lags = forcing_order if forcing == "autoregression" else 0
        self._span = delays + max(self._lags, 1) - 1
        self._map: _Model | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for one window with its lags, or too many numbers in it."""
        if self.delays * problem.dimension > _MOST_NUMBERS:
            return f"{self.delays * problem.dimension} numbers in {self.delays} delays of {problem.dimension} components; at most {_MOST_NUMBERS}"
        return too_short(problem, training=self._span + 1, context=self._span, need=self._need(self._span))

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Decompose the Hankel matrix and fit the linear dynamics and the autoregression of the forcing."""
        self._map = None
        states = trajectories(training, minimum=self._span + 1, need=self._need(self._span + 1))
        short = DelayWindow(self.delays, 1, states[0].shape[1])
        if short.size < 2:
            raise ForecasterError(
                "delays = 1 of one component: the last coordinate is the forcing, so there must be at least 2; pass delays=2 or more"
            )
        ranks = [rank for rank in _RANKS if rank <= short.size] if self.rank is None else [self.rank]
        self._map = fit_with_best(
            ranks,
            training,
            states,
            minimum=self._span + 1,
            prepare=lambda series: self._family(short, series, training.dt),
            otherwise=ranks[len(ranks) // 2],
        )

    def _family(self, short: DelayWindow, series: Sequence[np.ndarray], dt: float) -> Callable[[int], _Model]:
        triangle = SnapshotTriangle(snapshots(short, Coordinates(short.size), series))
        return lambda rank: _Model(short, self._lags, series, triangle.compressed(triangle.rank(rank)), dt)

    def forcing_signal(self, states: np.ndarray) -> np.ndarray:
        """Return the forcing v_r (T - delays + 1,) of a series (T, D), in its standard deviations over the training data."""
        model = fitted(self._map, "HankelAlternativeView")
        rows = contexts(states[None], horizon=1, n_samples=1, dimension=model.observed, minimum=self.delays, need=f"{self.delays} delays")
        signal: np.ndarray = model.short.embed(rows[0]) @ model.forcing_row
        return signal

    def forecast(
        self,
        context: np.ndarray,
        horizon: int,
        *,
        times: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        n_samples: int = 1,
        seed: int = 0,
    ) -> np.ndarray:
        """Return the continuations (W, S, H, D), all samples equal; parameters are not read."""
        model = fitted(self._map, "HankelAlternativeView")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=self._need(model.span))

    def as_map(self) -> LiftedLinearMap:
        """Return the fitted map on the coordinates and the lags of the forcing."""
        return fitted(self._map, "HankelAlternativeView")

    def _need(self, samples: int) -> str:
        return f"{self.delays} delays and a forcing with {self._lags} lags need {samples}"
