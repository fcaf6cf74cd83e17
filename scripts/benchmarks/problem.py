"""What is asked of every method: a system, where it starts, when its state is wanted, and how an answer is judged."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.facts import load_facts
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState
from chaosbench.timescale import dominant_period

from .reference import Reference, reference
from .scalars import Scalars

PER_PERIOD, PERIODS, GROWTH = 100, 12.0, 1e4
_TRANSIENT, _WATCHED, _DISTURBANCE, _LEAST = 100.0, 12_000, 1e-9, 300


@dataclass(frozen=True)
class Problem:
    """system; starts (B, D) on the attractor; dt between samples; `checked` samples that are compared with the reference; `samples` that are timed.

    judged: the first trajectories that have a reference. scale: (D,) standard deviation of each component, of an angle that of a uniform one.
    """

    system: CompiledSystem
    starts: np.ndarray
    dt: float
    checked: int
    samples: int
    scale: np.ndarray
    judged: int = 1

    @property
    def name(self) -> str:
        """The system's name."""
        return self.system.definition.name

    @property
    def dimension(self) -> int:
        """D."""
        return self.system.dimension

    @cached_property
    def times(self) -> np.ndarray:
        """All sampling times (samples,), exact multiples of dt as every method gets them."""
        return self.dt * np.arange(self.samples)

    @cached_property
    def scalars(self) -> Scalars:
        """The system for a translator."""
        return Scalars(self.system.tape, self.system.parameter_values)

    @cached_property
    def truth(self) -> Reference:
        """The reference of the judged starts."""
        return reference(self.system, self.starts[: self.judged], self.dt, self.checked, self.scale)

    def error(self, states: np.ndarray, trajectory: int = 0) -> float:
        """Return the largest deviation of states (T, D) of one trajectory within the checked time, in standard deviations; inf if it has failed."""
        if len(states) < self.checked:
            return float("inf")
        deviation = np.abs((states[: self.checked] - self.truth.states[:, trajectory]) / self.scale).astype(float)
        return float(deviation.max()) if np.isfinite(deviation).all() else float("inf")


def single(system: CompiledSystem, samples: int, seed: int = 0, longest: int | None = None) -> Problem:
    """Return the problem of one trajectory with 100 samples a period, checked over 12 periods or until a disturbance has grown
    ten thousandfold (about 9 Lyapunov times), whichever is shorter, and at most over `longest` samples.
    """
    problem = _problem(system, samples, 1, seed, None, None)
    return problem if longest is None else replace(problem, checked=min(problem.checked, longest))


def ensemble(system: CompiledSystem, lanes: int, samples: int, dt: float, judged: int, seed: int = 0) -> Problem:
    """Return the problem of `lanes` trajectories of `samples` samples dt apart, all checked; the first `judged` trajectories have a reference."""
    return replace(_problem(system, samples, lanes, seed, dt, samples), judged=judged)


def _problem(system: CompiledSystem, samples: int, lanes: int, seed: int, dt: float | None, checked: int | None) -> Problem:
    # By DOP853 whatever the default integrator is: the references on disk stay valid when it changes.
    method = load("integrators", "dop853")()
    facts = load_facts(system.definition)
    step = 0.01 if facts is None else facts.period / PER_PERIOD
    drawn = draw_initial(system, seed=seed, n=lanes, purpose="benchmark")
    settled = method.solve(system, drawn, np.array([0.0, _TRANSIENT * PER_PERIOD * step]), rtol=1e-10, atol=1e-10, threads=1).final
    watched = method.solve(system, InitialState(settled.states[:1]), step * np.arange(_WATCHED), rtol=1e-10, atol=1e-10, threads=1).states[0]
    if not np.isfinite(watched).all():
        raise ArithmeticError(f"{system.definition.name}: the start leaves the attractor; give it another initial rule")
    if facts is None and dt is None:
        period = float(np.nanmedian(dominant_period(watched, step)))
        watched = method.solve(system, InitialState(settled.states[:1]), period / PER_PERIOD * np.arange(_WATCHED), rtol=1e-10, atol=1e-10).states[0]
        step = period / PER_PERIOD
    spacing = float(f"{step:.3g}") if dt is None else dt
    angles = ~np.isnan(system.periods)
    scale = np.where(angles, system.periods / np.sqrt(12.0), watched.std(axis=0))
    scale[scale < 1e-9 * np.abs(watched).max()] = np.abs(watched).max()  # a component that stands still is judged by the size of the state
    scale = np.array([float(f"{value:.3g}") for value in scale])
    starts = np.ascontiguousarray(settled.states)
    longest = checked or min(int(PERIODS * PER_PERIOD) + 1, samples)
    return Problem(system, starts, spacing, checked or _predictable(system, starts[0], spacing * np.arange(longest), scale), samples, scale)


def _predictable(system: CompiledSystem, start: np.ndarray, times: np.ndarray, scale: np.ndarray) -> int:
    """Return the number of samples before a small disturbance has grown by GROWTH: beyond, rounding errors drown what is to be measured."""
    direction = np.random.default_rng(0).normal(size=len(scale)) * scale  # no symmetry of a system has it
    starts = start + np.outer([0.0, _DISTURBANCE], direction)
    states = load("integrators", "dop853")().solve(system, InitialState(starts), times, rtol=1e-13, atol=1e-13, threads=1).states
    grown = np.abs((states[1] - states[0]) / scale).max(axis=1) > GROWTH * _DISTURBANCE
    return max(int(np.argmax(grown)), min(_LEAST, len(times))) if grown.any() else len(times)
