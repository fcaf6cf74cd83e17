from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.largest_exponent_error import LargestExponentError

START = np.full((3, 2), 0.3)


class _Linear(AutonomousMap):
    """Tangents grow by `growth` a step, the state stands still: the exponent is log(growth) / dt exactly."""

    def __init__(self, growth: float, dt: float = 0.1) -> None:
        self.dt, self.dimension, self.growth, self.steps = dt, 2, growth, 0

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.asarray(context[-1])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.steps += 1
        return state, self.growth * tangents

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


class _Logistic(_Linear):
    """x -> 4 x (1 - x) in the first component: the exponent is ln 2 a step."""

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = state[0]
        return np.array([4 * x * (1 - x), 0.0]), np.stack([(4 - 8 * x) * tangents[:, 0], 0.1 * tangents[:, 1]], axis=1)


def _scales(exponent: float, lyapunov_time: float = 2.0, period: float = 5.0) -> Scales:
    return Scales(0.1, period, lyapunov_time, np.array([exponent, -1.0]), np.ones(2))


def _score(model: Any, scales: Scales, argument: float | None = None) -> float:
    nothing = np.zeros((0, 1, 0, 2))
    (value,) = LargestExponentError(argument).score(Answer(nothing, np.zeros(0, dtype=int), model, START), None, scales)
    return float(value)


def test_the_score_is_the_difference_of_the_exponents_times_the_lyapunov_time() -> None:
    # model log(1.05) / 0.1 = 0.48790, truth 0.5, Lyapunov time 2: |0.48790 - 0.5| * 2 = 0.02420
    assert _score(_Linear(1.05), _scales(0.5)) == pytest.approx(abs(np.log(1.05) / 0.1 - 0.5) * 2.0, rel=1e-9)


def test_the_dominant_period_is_the_unit_when_the_lyapunov_time_is_refused() -> None:
    scales = _scales(0.0, float("nan"))
    assert _score(_Linear(1.05), scales) == pytest.approx(np.log(1.05) / 0.1 * 5.0, rel=1e-9)


def test_the_logistic_map_has_the_exponent_ln_2() -> None:
    scales = _scales(np.log(2.0), 1.0 / np.log(2.0))
    assert _score(_Logistic(0.0, dt=1.0), scales, argument=10_000.0) < 0.02


def test_collapse_explosion_and_huge_errors_score_the_cap() -> None:
    assert _score(_Linear(0.0), _scales(0.5)) == 10.0  # minus infinity
    assert _score(_Linear(float("nan")), _scales(0.5)) == 10.0
    assert _score(_Linear(10.0), _scales(0.5)) == 10.0  # 23 - 0.5, times 2
    assert _score(None, _scales(0.5)) == 10.0


@pytest.mark.parametrize(("argument", "steps"), [(None, 6_000), (60.0, 1_200), (1.0, 1_000), (1e6, 20_000)])
def test_the_length_of_the_run_follows_the_argument_within_bounds(argument: float | None, steps: int) -> None:
    # Lyapunov time 2, dt 0.1: 20 steps each, so 300 of them are 6 000 steps; the transient adds a quarter (whole intervals of up to 32 steps).
    model = _Linear(1.05)
    _score(model, _scales(0.5), argument)
    assert steps * 1.25 - 64 <= model.steps <= steps * 1.25 + 64


def test_a_duration_that_is_not_positive_is_misuse() -> None:
    with pytest.raises(MetricError, match="positive number of Lyapunov times"):
        LargestExponentError(0.0)
