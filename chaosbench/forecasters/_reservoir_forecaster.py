"""What forecasters on random reservoirs share: their options, the draw, one fit or many at once, and the closed loop."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.forecasters._border import fitted, positive, too_short, trajectories, within
from chaosbench.forecasters._feedback_map import continued
from chaosbench.forecasters._patches import Patches
from chaosbench.forecasters._reservoir import draw_reservoir
from chaosbench.forecasters._reservoir_fit import ReservoirPlan, fitted_maps
from chaosbench.forecasters._reservoir_map import ReservoirMap
from chaosbench.forecasters._validation import PENALTIES, check_ridge
from chaosbench.forecasters.base import Budget, Choice, Forecaster, Job, Problem, Range, Training
from chaosbench.randomness import generator


class ReservoirForecaster(Forecaster):
    """A random network of leaky units with a fitted linear readout, fed back. penalties: ridges to choose among, largest first."""

    rollout = "recurrent"
    deterministic = False
    penalties: ClassVar[Sequence[float]] = PENALTIES
    space: ClassVar = {
        "spectral_radius": Range(0.02, 1.2),
        "input_scale": Range(1e-3, 1.0, log=True),
        "leak": Range(0.05, 1.0),
        "bias": Range(0.0, 2.0),
        "noise": Choice((0.0, 1e-4, 1e-3, 1e-2)),
        "squares": Choice((False, True)),
        "increments": Choice((False, True)),
    }

    def __init__(
        self,
        *,
        units: int,
        spectral_radius: float,
        input_scale: float,
        leak: float,
        bias: float,
        ridge: float | None,
        degree: float,
        washout: int,
        squares: bool,
        increments: bool,
        noise: float,
    ) -> None:
        positive({"units": units})
        largest = float(np.finfo(np.float64).max)
        within("leak", leak, 0.0, 1.0, open_below=True)
        within("degree", degree, 0.0, float(units), open_below=True)
        scales = {"spectral_radius": spectral_radius, "input_scale": input_scale, "bias": bias, "washout": washout, "noise": noise}
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
        self.squares = squares
        self.increments = increments
        self.noise = noise
        self._map: ReservoirMap | None = None

    @abstractmethod
    def _parts(self, training: Training, states: list[np.ndarray]) -> tuple[Patches, bool]:
        """Return the patches of the state and whether they share one readout, for series (T_n, D)."""

    def _input_scale(self, inputs: int) -> float:
        """Return the largest weight of each of so many inputs."""
        return self.input_scale

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if the training data end within the washout."""
        return too_short(problem, training=self.washout + 2, context=1, need=self._need())

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Draw the reservoir of `seed`, run it over the training trajectories and solve for the readout."""
        self._map = None
        self._map = fitted_maps([self._plan(training, seed)])[0]

    @classmethod
    def fit_many(cls, jobs: Sequence[Job]) -> list[Forecaster]:
        """Fit all jobs; reservoirs of equal size run over the data as one network and give the bits that each gives alone."""
        made = [cls(**job.options) for job in jobs]
        plans = [forecaster._plan(job.training, job.seed) for forecaster, job in zip(made, jobs, strict=True)]
        for forecaster, model in zip(made, fitted_maps(plans), strict=True):
            forecaster._map = model
        return list(made)

    def _plan(self, training: Training, seed: int) -> ReservoirPlan:
        states = trajectories(training, minimum=self.washout + 2, need=self._need())
        patches, shared = self._parts(training, states)
        reservoir = draw_reservoir(
            generator(seed, "reservoir"),
            units=self.units,
            inputs=patches.reads.shape[1],
            degree=self.degree,
            spectral_radius=self.spectral_radius,
            input_scale=self._input_scale(patches.reads.shape[1]),
            bias=self.bias,
            leak=self.leak,
        )
        return ReservoirPlan(
            reservoir=reservoir,
            patches=patches,
            training=training,
            states=states,
            washout=self.washout,
            ridge=self.ridge,
            squares=self.squares,
            increments=self.increments,
            shared=shared,
            noise=self.noise,
            seed=seed,
            penalties=self.penalties,
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
        model = fitted(self._map, type(self).__name__)
        return continued(model, context, horizon, times=times, n_samples=n_samples, need="a forecast continues at least 1")

    def as_map(self) -> AutonomousMap:
        """Return the fitted closed loop on the state (h_{t-1} of all patches, u_t)."""
        return fitted(self._map, type(self).__name__)

    def _need(self) -> str:
        return f"a washout of {self.washout} and one pair need {self.washout + 2}"
