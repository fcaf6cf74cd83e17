"""Linear vector autoregression: the best that can be done without a nonlinearity."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import ClassVar

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import fitted, positive, too_short, trajectories
from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._polynomials import Monomials
from chaosbench.forecasters._validation import PENALTIES, WITHOUT_VALIDATION, best, check_ridge, held_out
from chaosbench.forecasters._window_map import WindowMap, ridge_family
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Problem, Training


class Autoregression(Forecaster):
    """x_{t+1} = c + A_1 x_t + A_2 x_{t-1} + ... + A_p x_{t-p+1}: VAR(p), fed back for longer leads.

    Method: c (D,) and A_i (D, D) minimise sum |x_{t+1} - prediction|^2 + ridge (|c|^2 + sum |A_i|^2) over the training samples (sums, not
    means), by QR. The order p and, unless given, the ridge (eight of them from 1e2 to 1e-12) are the pair whose model runs free best over the
    validation data, or over the last fifth of each trajectory when there are none: smallest mean log10 of the largest error so far over 200
    leads, models that diverge passed over, the smaller order at equal error. The chosen pair is fitted to all training data. One-step error
    is no criterion here: on noise-free flows it falls with p for ever while the closed loop becomes unstable.
    Source: H. Lutkepohl, New Introduction to Multiple Time Series Analysis, Springer (2005), doi:10.1007/978-3-540-27752-1.
    Changed: ridge instead of plain least squares, order and ridge by free-run error instead of an information criterion.
    Cost: O(N (pD)^2) per order and (pD)^3 per ridge to fit, p D^2 per step.
    Fails: on every chaotic system beyond a fraction of a Lyapunov time, because a stable linear map forgets its start and an unstable one
    diverges; the exponents of its map are those of a linear system. It is what a nonlinear method has to beat.
    """

    family: ClassVar = "linear"
    light: ClassVar = True
    rollout = "windowed"
    source = "H. Lutkepohl, New Introduction to Multiple Time Series Analysis (2005), doi:10.1007/978-3-540-27752-1"
    space: ClassVar = {"orders": Choice(((1,), (1, 2, 3), (1, 2, 3, 5, 8, 13), (2, 4, 8, 16, 32))), "ridge": Choice((None, 1e-2, 1e-6, 1e-10))}

    def __init__(self, *, orders: Sequence[int] = (1, 2, 3, 5, 8, 13), ridge: float | None = None) -> None:
        positive({f"orders[{n}]": order for n, order in enumerate(orders)})
        check_ridge(ridge)
        if not orders:
            raise ForecasterError("orders = (): must hold at least one order; pass for example orders=(1, 2, 3)")
        self.orders = tuple(sorted(set(orders)))
        self.ridge = ridge
        self._map: WindowMap | None = None

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if there are too few samples for the smallest order."""
        smallest = self.orders[0]
        return too_short(problem, training=smallest + 1, context=smallest, need=f"order {smallest} reads {smallest} samples to predict one more")

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Choose the order, then fit it to all training data."""
        self._map = None
        smallest = self.orders[0]
        states = trajectories(training, minimum=smallest + 1, need=f"order {smallest} needs {smallest + 1}")
        self._map = self._choose(training, states)

    def _choose(self, training: Training, states: list[np.ndarray]) -> WindowMap:
        train, checks = held_out(training, states, minimum=self.orders[0] + 1)
        final = self._families(states, training.dt)
        trial = final if train is states else self._families(train, training.dt)
        ridges = PENALTIES if self.ridge is None else (self.ridge,)
        chosen = best(product(trial, ridges), lambda option: trial[option[0]](option[1]), lambda option: final[option[0]](option[1]), checks)
        return chosen or final[self.orders[0]](WITHOUT_VALIDATION if self.ridge is None else self.ridge)

    def _families(self, states: Sequence[np.ndarray], dt: float) -> dict[int, Callable[[float], WindowMap]]:
        usable = {order: [series for series in states if len(series) > order] for order in self.orders}
        return {order: self._family(series, order, dt) for order, series in usable.items() if series}

    def _family(self, series: Sequence[np.ndarray], order: int, dt: float) -> Callable[[float], WindowMap]:
        window = DelayWindow(order, 1, series[0].shape[1])
        return ridge_family(window, Monomials(window.size, 1), series, dt, increment=False)

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
        model = fitted(self._map, "Autoregression")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need=f"order {model.span} reads {model.span}")

    def as_map(self) -> AutonomousMap:
        """Return the fitted map on the last p samples."""
        return fitted(self._map, "Autoregression")
