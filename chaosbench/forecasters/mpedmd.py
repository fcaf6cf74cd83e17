"""Measure-preserving EDMD: the orthogonal matrix nearest to the Koopman matrix, so that nothing decays."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from chaosbench.forecasters._border import fitted, positive, too_short, trajectories, within
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._dictionaries import Dictionary
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._linear_map import LiftedLinearMap
from chaosbench.forecasters._residuals import CompressedKoopman, SnapshotTriangle, snapshots
from chaosbench.forecasters._validation import fit_with_best
from chaosbench.forecasters._window_map import FeatureMap
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training

_CUTOFFS = (0.3, 0.1, 0.03, 0.01, 0.003, 1e-3, 1e-4, 1e-6)
_MOST_FEATURES = 2000


class MeasurePreservingDecomposition(Forecaster):
    """w_{t+1} = Q' w_t, Q orthogonal: EDMD in coordinates orthonormal over the data, with the Koopman matrix replaced by its polar factor.

    Equations: X, Y observables now and one step later, G = X'X, A = X'Y; G^-1/2 A' G^-1/2 = U S V*, K = G^-1/2 V U* G^1/2. In coordinates
    w = S_x^-1 V_x' psi (X = U_x S_x V_x') the same is Q = the orthogonal polar factor of the matrix of EDMD; x is linear in w.
    Symbols: psi (F,) dictionary of a delay window, holds 1 and x.
    Method: among all orthogonal matrices Q minimises sum_t |w_{t+1} - Q' w_t|^2 (the orthogonal Procrustes problem): the Koopman operator of a
    measure-preserving system is unitary, and so is this truncation. X and Y are triangularised side by side, G and A never formed. Directions with
    singular values below `cutoff` times the largest are left out; None, the default, tries 0.3, 0.1, 0.03, 0.01, 0.003, 1e-3, 1e-4, 1e-6 and keeps
    the one whose model runs free best over the validation data, or over the last fifth of each trajectory when there are none.
    Source: M. J. Colbrook, SIAM J. Numer. Anal. 61, 1585-1608 (2023), doi:10.1137/22M1521407.
    Changed: truncation of the dictionary, which the source leaves to its choice; the cutoff by free-run error.
    Measured on Lorenz-63 (noise-free, 5 000 samples, dt = 0.02, 100 windows of test data): median valid prediction time 0.27 Lyapunov times, with 5
    delays 0.31 (persistence 0.07); standard deviation of free runs 1.8 of the data's. On 5 000 samples at 30 a period, 40 windows: Rossler 0.46,
    Henon 1.3, Duffing 0.61, Thomas 0.21, double pendulum 0.67, Lorenz-96 0.09 (persistence 0 to 0.11).
    Cost: O(N F^2) to fit, r^2 per step for r directions.
    Fails: |w| is kept for ever and free runs are quasi-periodic: they keep the variance of the data, unlike other linear forecasts, but not
    chaos; all exponents of the map are 0. A dictionary that is far from invariant moves the phases wrongly from the first step on. A start in a
    region that the data visit rarely has a large |w| and keeps it. On transients and dissipative volumes off the attractor there is no measure
    to preserve.
    """

    family: ClassVar[str] = "koopman"
    rollout = "recurrent"
    deterministic = False
    source = "M. J. Colbrook, SIAM J. Numer. Anal. 61, 1585 (2023), doi:10.1137/22M1521407"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "dictionary": Choice(("fourier", "radial")),
        "observables": Range(50, 600, log=True, whole=True),
        "bandwidth": Range(0.3, 3.0, log=True),
        "delays": Range(1, 10, whole=True),
        "cutoff": Choice((None, *_CUTOFFS)),
    }

    def __init__(
        self,
        *,
        dictionary: Literal["fourier", "radial", "monomials"] = "fourier",
        observables: int = 300,
        bandwidth: float = 1.0,
        degree: int = 3,
        delays: int = 1,
        stride: int = 1,
        cutoff: float | None = None,
    ) -> None:
        self.dictionary = Dictionary(dictionary, observables, bandwidth, degree)
        positive({"delays": delays, "stride": stride})
        if cutoff is not None:
            within("cutoff", cutoff, 0.0, 1.0)
        self.delays = delays
        self.stride = stride
        self.cutoff = cutoff
        self._map: LiftedLinearMap | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for one window or too many observables."""
        window = DelayWindow(self.delays, self.stride, problem.dimension)
        size = self.dictionary.size(window.size)
        if size > _MOST_FEATURES:
            return f"{size} observables in {self.delays} delays of {problem.dimension} components; at most {_MOST_FEATURES}"
        return too_short(problem, training=window.span + 1, context=window.span, need=self._need(window.span))

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Draw the dictionary of `seed` and solve the Procrustes problem."""
        self._map = None
        span = DelayWindow(self.delays, self.stride, 0).span
        states = trajectories(training, minimum=span + 1, need=self._need(span + 1))
        window = DelayWindow(self.delays, self.stride, states[0].shape[1])
        features = self.dictionary.draw(np.concatenate([window.embed(series) for series in states]), seed)
        self._map = fit_with_best(
            _CUTOFFS if self.cutoff is None else (self.cutoff,),
            training,
            states,
            minimum=span + 1,
            prepare=lambda series: _family(window, features, series, training.dt),
            otherwise=1e-3,
        )

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
        """Return the linear continuations (W, S, H, D), all samples equal; parameters are not read."""
        model = fitted(self._map, "MeasurePreservingDecomposition")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=self._need(model.span))

    def as_map(self) -> LiftedLinearMap:
        """Return the fitted map on the r orthonormal coordinates; its step is orthogonal."""
        return fitted(self._map, "MeasurePreservingDecomposition")

    def _need(self, samples: int) -> str:
        return f"{self.delays} delays with stride {self.stride} need {samples}"


def _family(window: DelayWindow, features: FeatureMap, series: Sequence[np.ndarray], dt: float) -> Callable[[float], LiftedLinearMap]:
    triangle = SnapshotTriangle(snapshots(window, features, series))

    def fitted_with(cutoff: float) -> LiftedLinearMap:
        operator: CompressedKoopman = triangle.compressed(triangle.rank("numerical", cutoff=cutoff))
        decode = operator.inverse[:, 1 : 1 + window.dimension]
        return LiftedLinearMap(dt=dt, window=window, features=features, matrix=operator.orthogonal(), encode=operator.basis, decode=decode)

    return fitted_with
