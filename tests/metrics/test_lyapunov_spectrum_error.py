from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.kaplan_yorke_error import KaplanYorkeError
from chaosbench.metrics.lyapunov_spectrum_error import LyapunovSpectrumError


class Stretching(AutonomousMap):
    """The state stands still; its tangents grow by exp(rate dt) along each axis, so the exponents are the rates."""

    def __init__(self, rates: list[float], dt: float = 0.1) -> None:
        self.dt, self.dimension, self.calls = dt, len(rates), 0
        with np.errstate(all="ignore"):
            self.growth = np.exp(dt * np.array(rates))

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.zeros(self.dimension)

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        return state, self.growth * tangents

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


def _scales(spectrum: list[float], lyapunov_time: float = 2.0, period: float = 5.0) -> Scales:
    return Scales(0.1, period, lyapunov_time, np.array(spectrum), np.ones(3))


def _answer(model: Any) -> Answer:
    return Answer(np.zeros((0, 1, 0, 3)), np.zeros(0, dtype=int), model, np.zeros((3, 3)))


def _score(model: Any, scales: Scales, argument: float | None = None) -> float:
    (value,) = LyapunovSpectrumError(argument).score(_answer(model), None, scales)
    return float(value)


def test_the_mean_difference_counts_in_units_of_one_per_lyapunov_time() -> None:
    # |0.4 - 0.5| = 0.1, |0.1 - 0| = 0.1, |-1 + 3| = 2: mean 2.2 / 3, times a Lyapunov time of 2
    model = Stretching([0.4, 0.1, -1.0])
    assert _score(model, _scales([0.5, 0.0, -3.0])) == pytest.approx(2.2 / 3 * 2, rel=1e-6)
    assert _score(model, _scales([0.5, 0.0, -3.0]), 2.0) == pytest.approx(0.1 * 2, rel=1e-6)
    assert _score(model, _scales([0.5, 0.0, -3.0], float("nan")), 2.0) == pytest.approx(0.1 * 5, rel=1e-6)


def test_only_exponents_that_both_sides_have_are_compared_whatever_their_order() -> None:
    assert _score(Stretching([0.1, 0.4]), _scales([0.0, 0.5, -3.0])) == pytest.approx(0.1 * 2, rel=1e-6)
    assert _score(Stretching([0.4, 0.1, -1.0, -2.0, -9.0]), _scales([0.5, 0.0])) == pytest.approx(0.1 * 2, rel=1e-4)


def test_each_difference_counts_as_ten_at_most_and_minus_infinity_too() -> None:
    assert _score(Stretching([0.5, -50.0]), _scales([0.5, 0.0])) == pytest.approx((0.0 + 10.0) / 2, abs=1e-6)
    assert _score(Stretching([-np.inf, -np.inf]), _scales([0.5, 0.0])) == 10.0
    assert _score(Stretching([float("nan"), 0.0]), _scales([0.5, 0.0])) == 10.0
    assert _score(None, _scales([0.5, 0.0])) == 10.0


def test_the_exponents_of_a_cell_are_measured_once() -> None:
    model, scales = Stretching([0.5, 0.0, -3.0]), _scales([0.5, 0.0, -3.0])
    answer = _answer(model)
    first = LyapunovSpectrumError().score(answer, None, scales)
    calls = model.calls
    KaplanYorkeError().score(answer, None, scales)
    assert LyapunovSpectrumError(1.0).score(answer, None, scales) == pytest.approx([0.0], abs=1e-6)
    assert model.calls == calls > 0
    assert LyapunovSpectrumError().score(_answer(Stretching([0.5, 0.0, -3.0])), None, scales) == first


def test_unknown_exponents_and_bad_arguments_are_misuse() -> None:
    assert LyapunovSpectrumError(3.0).unsupported(_scales([0.5, 0.0])) == "needs 3 known Lyapunov exponents of the truth, there are 2"
    assert LyapunovSpectrumError().unsupported(_scales([float("nan")])) == "needs 1 known Lyapunov exponents of the truth, there are 0"
    assert LyapunovSpectrumError(2.0).unsupported(_scales([0.5, 0.0])) is None
    with pytest.raises(MetricError, match="needs 3 known"):
        _score(Stretching([0.5]), _scales([0.5, 0.0]), 3.0)
    for bad in (0.0, 1.5, float("nan")):
        with pytest.raises(MetricError, match="number of leading exponents, whole and at least 1"):
            LyapunovSpectrumError(bad)
