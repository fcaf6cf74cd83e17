"""Echo state network: a fixed random recurrent network whose linear readout is fitted and fed back."""

from collections.abc import Callable, Sequence

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.forecasters._border import fitted, positive, too_short, trajectories, within
from chaosbench.forecasters._echo_state_map import EchoStateMap
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._least_squares import LeastSquares
from chaosbench.forecasters._reservoir import Reservoir, draw_reservoir
from chaosbench.forecasters._validation import check_ridge, fit_with_ridge
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training
from chaosbench.randomness import generator

_CHUNK = 1024  # unit states kept at a time while fitting


class EchoStateNetwork(Forecaster):
    """h_t = (1 - l) h_{t-1} + l tanh(W h_{t-1} + V u_t + b), prediction of u_{t+1} = w_0 + W_out' h_t, fed back as the next input.

    Symbols: N = units; W (N, N) sparse, each entry present with probability degree / N and normal, scaled to spectral_radius exactly;
    V (N, D) dense, uniform in [-input_scale, input_scale]; b (N,) uniform in [-bias, bias]; l = leak.
    Method: h runs over each training trajectory from rest, the first `washout` states are dropped, and w_0 (D,), W_out (N, D) minimise
    sum_t |u_{t+1} - w_0 - W_out' h_t|^2 + ridge (|w_0|^2 + |W_out|^2) (sums, not means), by QR of the states. ridge = None, the default, tries
    eight values from 1e2 to 1e-12 and keeps the one whose model runs free best over the validation data, or over the last fifth of each
    trajectory when there are none. The context only warms h up, from rest. The readout is [1, h] and its target the next state; tried on
    Lorenz-63 over 8 reservoirs and worse: increments as target, [1, h, u] as readout, one input per unit, one bias for all units.
    Source: H. Jaeger and H. Haas, Science 304, 78-80 (2004), doi:10.1126/science.1091277; leaky units: H. Jaeger, M. Lukosevicius,
    D. Popovici, U. Siewert, Neural Networks 20, 335-352 (2007), doi:10.1016/j.neunet.2007.04.016; the weight of the bias: J. A. Platt
    et al., Neural Networks 153, 530-552 (2022), doi:10.1016/j.neunet.2022.06.025.
    Changed: the defaults are tuned on noise-free Lorenz-63 (small spectral radius, large bias); the form (HH' + ridge I)^-1 of the sources
    is not used: at ridge 1e-8 both agree, at 1e-12 it loses all digits and QR does not, which on clean data predicts far longer.
    Cost: an N x N eigenvalue problem, O(T N^2) and N^3 per ridge to fit; (degree + 2 D) N per step.
    Fails: contexts of fewer than about ten samples leave h unsettled (it forgets like (1 - l + l rho)^C); many dimensions need units and
    training samples in proportion, and 500 units do not follow 40 coupled cells.
    """

    rollout = "recurrent"
    deterministic = False
    source = "H. Jaeger and H. Haas, Science 304, 78 (2004), doi:10.1126/science.1091277"

    def __init__(
        self,
        *,
        units: int = 500,
        spectral_radius: float = 0.4,
        input_scale: float = 0.1,
        leak: float = 0.6,
        bias: float = 1.6,
        ridge: float | None = None,
        degree: float = 10.0,
        washout: int = 100,
    ) -> None:
        positive({"units": units})
        largest = float(np.finfo(np.float64).max)
        within("leak", leak, 0.0, 1.0, open_below=True)
        within("degree", degree, 0.0, float(units), open_below=True)
        scales = {"spectral_radius": spectral_radius, "input_scale": input_scale, "bias": bias, "washout": washout}
        for name, value in scales.items():
            within(name, value, 0.0, largest)
        check_ridge(ridge)
        self.units = units
        self.spectral_radius = spectral_radius
        self.input_scale = input_scale
        self.leak = leak
        self.bias = bias
        self.ridge = ridge
        self.degree = degree
        self.washout = int(washout)
        self._map: EchoStateMap | None = None
        self._observed: int = 0

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if the training data end within the washout."""
        return too_short(problem, training=self.washout + 2, context=1, need=self._need())

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Draw the reservoir of `seed`, run it over the training trajectories and solve for the readout."""
        self._map = None
        states = trajectories(training, minimum=self.washout + 2, need=self._need())
        self._observed = states[0].shape[1]
        reservoir = draw_reservoir(
            generator(seed, "reservoir"),
            units=self.units,
            inputs=self._observed,
            degree=self.degree,
            spectral_radius=self.spectral_radius,
            input_scale=self.input_scale,
            bias=self.bias,
            leak=self.leak,
        )
        self._map = fit_with_ridge(
            self.ridge, training, states, minimum=self.washout + 2, prepare=lambda series: self._family(reservoir, series, training.dt)
        )

    def _family(self, reservoir: Reservoir, series: Sequence[np.ndarray], dt: float) -> Callable[[float], EchoStateMap]:
        problem = LeastSquares(self.units + 1, self._observed)
        for states in series:
            units = np.zeros((self.units, 1))
            rows: list[np.ndarray] = []
            for t, sample in enumerate(states[:-1]):
                units = reservoir.advance(np.concatenate([units, sample[:, None]]))
                if t >= self.washout:
                    rows.append(units[:, 0])
                if rows and (len(rows) == _CHUNK or t == len(states) - 2):
                    problem.add(np.column_stack([np.ones(len(rows)), rows]), states[t + 2 - len(rows) : t + 2])
                    rows = []

        def fitted_with(ridge: float) -> EchoStateMap:
            weights = problem.ridge(ridge)
            return EchoStateMap(reservoir, weights[0], np.ascontiguousarray(weights[1:]), dt=dt, settling=max(1, self.washout))

        return fitted_with

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
        model = fitted(self._map, "EchoStateNetwork")
        return continued(model, context, horizon, times=times, n_samples=n_samples, need="a forecast continues at least 1")

    def as_map(self) -> AutonomousMap:
        """Return the fitted closed loop on the state (h_{t-1}, u_t)."""
        return fitted(self._map, "EchoStateNetwork")

    def _need(self) -> str:
        return f"a washout of {self.washout} and one pair need {self.washout + 2}"
