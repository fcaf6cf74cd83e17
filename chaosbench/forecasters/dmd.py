"""Dynamic mode decomposition: one linear map, taken apart into modes that grow or decay and oscillate."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from chaosbench.forecasters._border import fitted, one_of, positive, too_short, trajectories
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._dictionaries import Coordinates
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._linear_map import LiftedLinearMap
from chaosbench.forecasters._modal import blocks, mode_rows, upper_half
from chaosbench.forecasters._residuals import SnapshotTriangle, snapshots
from chaosbench.forecasters._validation import fit_with_best
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training

_RULES = ("numerical", "gavish-donoho")
_MOST_NUMBERS = 2000  # of a window: the triangle then takes a minute
_VANISHED = 1e-12  # an eigenvalue below this has no exact mode and is gone after one step

_Rank = int | Literal["numerical", "gavish-donoho"]


class _ModalMap(LiftedLinearMap):
    """The linear map on mode amplitudes, with its eigenvalues (r,) and exact modes (r, k D)."""

    def __init__(self, window: DelayWindow, triangle: SnapshotTriangle, rank: _Rank, dt: float) -> None:
        operator = triangle.compressed(triangle.rank(rank))
        values, vectors = np.linalg.eig(operator.matrix.T)  # w' of the row form: rows l with l K = lambda l
        order = np.argsort(-np.abs(values), kind="stable")
        order = order[np.abs(values[order]) > _VANISHED]
        self.eigenvalues: np.ndarray = values[order].astype(complex)
        self.modes: np.ndarray = (vectors.T[order] @ operator.following) / self.eigenvalues[:, None]
        half = upper_half(self.eigenvalues)
        decode = mode_rows(self.eigenvalues[half], self.modes[half])
        fit = np.linalg.pinv(decode)
        super().__init__(
            dt=dt,
            window=window,
            features=Coordinates(window.size),
            matrix=blocks(self.eigenvalues[half]),
            encode=fit,
            decode=decode[:, : window.dimension],
        )


class DynamicModeDecomposition(Forecaster):
    """x_{t+h} = sum_j b_j lambda_j^h phi_j: exact DMD of delay windows (Hankel-DMD), amplitudes b fitted to the last window of the context.

    Equations: windows y_t = (x_t, x_{t-s}, ..., x_{t-(k-1)s}) with SVD U S V' of all of them but the last; A = U' Y V / S; A w = lambda w;
    exact modes phi = Y V S^-1 w / lambda; b minimises |y_t - sum_j b_j phi_j|; x is the first block of y.
    Symbols: k = delays, s = stride, r = rank.
    Method: all pairs of consecutive windows of all trajectories, by QR of both side by side and the SVD of the triangle. rank: "numerical" keeps
    all but rounding; "gavish-donoho" those above omega times the median singular value, for noisy data and long windows; a number keeps as many.
    None, the default, tries 2, 4, 8, ... up to all and keeps the rank whose model runs free best over the validation data, or over the
    last fifth of each trajectory when there are none. delays = 1 is DMD itself. Higher-order DMD (HODMD) fits the newest block only and
    shifts the others, which on exact windows is the same least-squares problem: it equals Hankel-DMD up to the truncation.
    Source: J. H. Tu, C. W. Rowley, D. M. Luchtenburg, S. L. Brunton, J. N. Kutz, J. Comput. Dyn. 1, 391-421 (2014), doi:10.3934/jcd.2014.1.391;
    delays: H. Arbabi, I. Mezic, SIAM J. Appl. Dyn. Syst. 16, 2096-2126 (2017), doi:10.1137/17M1125236; rank rule: M. Gavish, D. L. Donoho,
    IEEE Trans. Inf. Theory 60, 5040-5053 (2014), doi:10.1109/TIT.2014.2323359.
    Changed: rank by free-run error; amplitudes are fitted to a window of its own for every forecast, not to the first snapshot of the training data.
    There is no constant: data must have mean zero, which standardising gives.
    Measured on Lorenz-63 (noise-free, 5 000 samples, dt = 0.02, 100 windows of test data): median valid prediction time 0.20 Lyapunov times with 10
    or 30 delays, 0.08 with none (persistence 0.07). On 5 000 samples at 30 a period, 40 windows: Rossler 0.06, Duffing 0.55, Thomas 0.10, Lorenz-96
    0.35, double pendulum 0.22, the Henon map 0 (persistence 0 to 0.11).
    Cost: O(N (kD)^2) to fit, r^2 per step.
    Fails: on chaos. A finite sum of exponentials decays to the mean, or diverges if an eigenvalue lies outside the unit circle; longer windows
    follow for longer and then decay all the same. Periodic and quasi-periodic motion it continues for ever.
    """

    family: ClassVar[str] = "koopman"
    light: ClassVar = True
    rollout = "recurrent"
    source = "J. H. Tu et al., J. Comput. Dyn. 1, 391 (2014), doi:10.3934/jcd.2014.1.391; H. Arbabi, I. Mezic, doi:10.1137/17M1125236"
    space: ClassVar[Mapping[str, Range | Choice]] = {
        "delays": Range(1, 50, log=True, whole=True),
        "stride": Range(1, 3, whole=True),
        "rank": Choice((None, "numerical", "gavish-donoho")),
    }

    def __init__(self, *, delays: int = 10, stride: int = 1, rank: _Rank | None = None) -> None:
        positive({"delays": delays, "stride": stride})
        if isinstance(rank, str):
            one_of("rank", rank, _RULES)
        elif rank is not None:
            positive({"rank": rank})
        self.delays = delays
        self.stride = stride
        self.rank = rank
        self._map: _ModalMap | None = None

    @property
    def eigenvalues(self) -> np.ndarray:
        """The eigenvalues (r,) of the last fit, largest modulus first."""
        return fitted(self._map, "DynamicModeDecomposition").eigenvalues

    @property
    def modes(self) -> np.ndarray:
        """The exact modes (r, k D) of `eigenvalues`, newest sample first."""
        return fitted(self._map, "DynamicModeDecomposition").modes

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for one window or too many numbers in it."""
        window = DelayWindow(self.delays, self.stride, problem.dimension)
        if window.size > _MOST_NUMBERS:
            return f"{window.size} numbers in {self.delays} delays of {problem.dimension} components; at most {_MOST_NUMBERS}"
        return too_short(problem, training=window.span + 1, context=window.span, need=self._need(window.span))

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Solve for the linear map and take it apart."""
        self._map = None
        span = DelayWindow(self.delays, self.stride, 0).span
        states = trajectories(training, minimum=span + 1, need=self._need(span + 1))
        window = DelayWindow(self.delays, self.stride, states[0].shape[1])
        doublings = [2**n for n in range(1, window.size.bit_length()) if 2**n < window.size]
        ranks: Sequence[_Rank] = [*doublings, "numerical"] if self.rank is None else [self.rank]
        self._map = fit_with_best(
            ranks, training, states, minimum=span + 1, prepare=lambda series: self._family(window, series, training.dt), otherwise="numerical"
        )

    @staticmethod
    def _family(window: DelayWindow, series: Sequence[np.ndarray], dt: float) -> Callable[[_Rank], _ModalMap]:
        triangle = SnapshotTriangle(snapshots(window, Coordinates(window.size), series))
        return lambda rank: _ModalMap(window, triangle, rank, dt)

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
        model = fitted(self._map, "DynamicModeDecomposition")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=self._need(model.span))

    def as_map(self) -> LiftedLinearMap:
        """Return the fitted map on the amplitudes of the modes."""
        return fitted(self._map, "DynamicModeDecomposition")

    def _need(self, samples: int) -> str:
        return f"{self.delays} delays with stride {self.stride} need {samples}"
