"""Next-generation reservoir computing: a polynomial of a few delays, fitted by ridge regression."""

from typing import ClassVar

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.forecasters._border import fitted, positive, too_short, trajectories
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._polynomials import Monomials, n_monomials
from chaosbench.forecasters._validation import check_ridge, fit_with_ridge
from chaosbench.forecasters._window_map import WindowMap, ridge_family
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Range, Training

_MOST_FEATURES = 4000  # a fit then takes minutes on one core


class NextGenerationReservoir(Forecaster):
    """x_{t+1} = x_t + W' m(x_t, x_{t-s}, ..., x_{t-(k-1)s}), m = all monomials up to a degree, the constant included.

    Symbols: k = delays, s = stride, F = comb(kD + degree, degree) features, W (F, D). increments = False leaves the x_t before the plus out.
    Method: W = argmin sum_t |x_{t+1} - x_t - W' m_t|^2 + ridge |W|^2 (sums, not means; the constant is penalised like the rest), by QR of the
    features, never through their Gram matrix. ridge = None, the default, tries eight values from 1e2 to 1e-12 and keeps the one whose model
    runs free best over the validation data, or over the last fifth of each trajectory when there are none.
    Source: D. J. Gauthier, E. Bollt, A. Griffith, W. A. S. Barbosa, Nat. Commun. 12, 5564 (2021), doi:10.1038/s41467-021-25801-2; k = 2,
    s = 1, degree 2 and increments are its Lorenz-63 settings, its ridge there is 2.5e-6.
    Changed: data arrive standardised (the paper: raw units), so one ridge means another penalty; the ridge is chosen (the paper: set by hand
    for each system); QR instead of a pseudo-inverse of the Gram matrix.
    Cost: O(N F^2) and F^3 per ridge to fit, F (1 + D) per step.
    Fails: ridge decides stability. Neighbouring delays are nearly equal, and a small ridge lets the weights difference them, which the closed
    loop amplifies: on Lorenz-63 quadratic features with ridge 1e-10 diverge at once, while cubic ones are fine.
    F grows like (kD)^degree, so high dimension allows degree 2 at most. A polynomial far outside its training range diverges.
    """

    family: ClassVar[str] = "reservoirs"
    light: ClassVar = True
    rollout = "windowed"
    space: ClassVar = {
        "delays": Range(1, 6, whole=True),
        "stride": Range(1, 10, whole=True),
        "degree": Range(1, 4, whole=True),
        "ridge": Choice((None, 1e-8, 1e-6, 1e-4, 1e-2)),
        "increments": Choice((True, False)),
    }
    source = "D. J. Gauthier et al., Nat. Commun. 12, 5564 (2021), doi:10.1038/s41467-021-25801-2"

    def __init__(self, *, delays: int = 2, stride: int = 1, degree: int = 2, ridge: float | None = None, increments: bool = True) -> None:
        positive({"delays": delays, "stride": stride, "degree": degree})
        check_ridge(ridge)
        self.delays = delays
        self.stride = stride
        self.degree = degree
        self.ridge = ridge
        self.increments = increments
        self._map: WindowMap | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for one window or too many features."""
        size = n_monomials(self.delays * problem.dimension, self.degree)
        if size > _MOST_FEATURES:
            return f"{size} monomials of degree {self.degree} in {self.delays} delays of {problem.dimension} components; at most {_MOST_FEATURES}"
        span = DelayWindow(self.delays, self.stride, problem.dimension).span
        return too_short(problem, training=span + 1, context=span, need=self._need(span))

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Solve for the weights of the increments."""
        self._map = None
        span = DelayWindow(self.delays, self.stride, 0).span
        states = trajectories(training, minimum=span + 1, need=self._need(span + 1))
        window = DelayWindow(self.delays, self.stride, states[0].shape[1])
        features = Monomials(window.size, self.degree)
        self._map = fit_with_ridge(
            self.ridge,
            training,
            states,
            minimum=span + 1,
            prepare=lambda series: ridge_family(window, features, series, training.dt, increment=self.increments),
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
        """Return the closed-loop continuations (W, S, H, D), all samples equal; parameters are not read."""
        model = fitted(self._map, "NextGenerationReservoir")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=self._need(model.span))

    def as_map(self) -> AutonomousMap:
        """Return the fitted map on the last (k - 1) s + 1 samples."""
        return fitted(self._map, "NextGenerationReservoir")

    def _need(self, samples: int) -> str:
        return f"{self.delays} delays with stride {self.stride} need {samples}"
