"""The contract of a forecaster. The harness owns clock, seeds, normalisation, rollout length and failure handling.

1. A forecaster sees standardised data (training mean and standard deviation removed per component, angles already as cosine and sine)
   and answers in the same units. It never sees a system, a file or a metric.
2. `fit` forgets any earlier fit. The same training data and seed give the same forecasts, bit for bit, on one device.
3. `forecast` treats windows independently: a batch of 8 answers as 8 batches of 1.
4. Constructor arguments are keyword-only with defaults: the defaults are the forecaster's published configuration here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.geometry import Geometry as Geometry


@dataclass(frozen=True)
class Problem:
    """What a forecaster may know before it is fitted: D, sampling interval, context length, horizon, training length, device, geometry.

    geometry: None where components have no places, or where only some of them are seen.
    """

    dimension: int
    dt: float
    context: int
    horizon: int
    training_samples: int
    device: str = "cpu"
    geometry: Geometry | None = None


@dataclass(frozen=True)
class Training:
    """Training data: `states` a list of trajectories (T_n, D), standardised; sampled every `dt` (or at `times`, one array a trajectory).

    observed: None or a list of (T_n, D) masks; parameters: None or (n, P). validation: None or data of the same form from other
    initial conditions, for early stopping and selection only. geometry: as in `Problem`.
    """

    states: Sequence[np.ndarray]
    dt: float
    times: Sequence[np.ndarray] | None = None
    observed: Sequence[np.ndarray] | None = None
    parameters: np.ndarray | None = None
    validation: "Training | None" = None
    geometry: Geometry | None = None


@dataclass(frozen=True)
class Budget:
    """How much a fit may spend: `seconds` is where training loops stop on their own; None means the forecaster's own limit.

    Stopping on a clock is not reproducible, so forecasters stop on their epoch count and treat `seconds` as a guard that is reported.
    progress: called with (fraction done, sentence). folder: where a training loop keeps its state, so that an interrupted fit of the same data,
    options and seed goes on where it stopped, with the weights an undisturbed one would have had; None keeps nothing.
    """

    seconds: float | None = None
    trials: int = 1
    progress: Callable[[float, str], None] | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Range:
    """A numeric option that tuning may choose: between `low` and `high`, on a logarithmic scale if `log`, whole numbers if `whole`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """An option that tuning may choose among `options` (texts, numbers, None)."""

    options: tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """One fit of `Forecaster.fit_many`: constructor options, data, seed, device, budget."""

    options: Mapping[str, Any]
    training: Training
    seed: int
    device: str
    budget: Budget


class Forecaster(ABC):
    """One forecasting method.

    probabilistic: whether samples differ. rollout: "recurrent" (carries a state), "windowed" (re-reads its last inputs at each step),
    or "direct" (whole horizon at once). deterministic: whether `seed` changes the fit. space: which options tuning may choose, and among what.
    parameter_input: whether it reads `parameters` of training data and contexts; others are given data of all parameters without being told which.
    light: whether one core fits it to 5 000 samples of a few components in about ten seconds or less, so that demonstrations can include it.
    """

    probabilistic: ClassVar[bool] = False
    rollout: ClassVar[Literal["recurrent", "windowed", "direct"]]
    deterministic: ClassVar[bool] = True
    version: ClassVar[str] = "1"
    source: ClassVar[str]
    family: ClassVar[str] = ""
    parameter_input: ClassVar[bool] = False
    light: ClassVar[bool] = False
    space: ClassVar[Mapping[str, Range | Choice]] = {}

    def unsupported(self, problem: Problem) -> str | None:
        """Return the reason why this forecaster cannot take `problem`, or None."""
        return None

    @abstractmethod
    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train on `training`; nothing of an earlier fit may remain."""

    @classmethod
    def fit_many(cls, jobs: Sequence[Job]) -> "list[Forecaster]":
        """Fit all seeds and configurations of one task; forecasters that can batch them override this loop."""
        fitted: list[Forecaster] = []
        for job in jobs:
            forecaster = cls(**job.options)
            forecaster.fit(job.training, seed=job.seed, device=job.device, budget=job.budget)
            fitted.append(forecaster)
        return fitted

    @abstractmethod
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
        """Return (W, S, H, D): for each context (W, C, D) the H samples that follow its last one."""

    def as_map(self) -> AutonomousMap | None:
        """Return the fitted closed-loop model as a map with a tangent, or None if it has none."""
        return None
