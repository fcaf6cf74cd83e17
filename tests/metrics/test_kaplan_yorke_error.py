from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.kaplan_yorke_error import KaplanYorkeError

LORENZ = [0.9056, 0.0, -14.5723]  # dimension 2 + 0.9056 / 14.5723 = 2.06215


class _Stretching(AutonomousMap):
    """The state stands still; its tangents grow by exp(rate dt) along each axis, so the exponents are the rates."""

    def __init__(self, rates: list[float]) -> None:
        self.dt, self.dimension = 0.1, len(rates)
        self.growth = np.exp(0.1 * np.array(rates))

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.zeros(self.dimension)

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return state, self.growth * tangents

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


def _scales(spectrum: list[float], lyapunov_time: float = 1.0) -> Scales:
    return Scales(0.1, 2.0, lyapunov_time, np.array(spectrum), np.ones(3))


def _score(model: Any, scales: Scales) -> float:
    answer = Answer(np.zeros((0, 1, 0, 3)), np.zeros(0, dtype=int), model, np.zeros((3, 3)))
    (value,) = KaplanYorkeError().score(answer, None, scales)
    return float(value)


def test_the_score_is_the_difference_of_the_dimensions() -> None:
    # model: 2 + 1 / 4 = 2.25
    assert _score(_Stretching([1.0, 0.0, -4.0]), _scales(LORENZ)) == pytest.approx(2.25 - (2 + 0.9056 / 14.5723), rel=1e-5)
    assert _score(_Stretching(LORENZ), _scales(LORENZ)) == pytest.approx(0.0, abs=1e-6)


def test_a_model_that_rests_has_no_dimension_and_a_cycle_has_one() -> None:
    truth = 2 + 0.9056 / 14.5723
    assert _score(_Stretching([-0.5, -1.0, -2.0]), _scales(LORENZ)) == pytest.approx(truth, rel=1e-9)
    assert _score(_Stretching([-1e-3, -1.0, -2.0]), _scales(LORENZ)) == pytest.approx(truth - 1, rel=1e-2)
    assert _score(_Stretching([1e-3, -1.0, -2.0]), _scales(LORENZ)) == pytest.approx(truth - 1, rel=1e-2)


def test_two_exponents_beyond_the_truths_are_measured() -> None:
    # the sum of the first three is 0.7 and of all five -1.1: 4 + 0.1 / 1.2
    model = _Stretching([0.9, 0.0, -0.2, -0.6, -1.2, -9.0])
    assert _score(model, _scales(LORENZ)) == pytest.approx(4 + 0.1 / 1.2 - (2 + 0.9056 / 14.5723), rel=1e-4)


def test_a_sum_that_stays_positive_scores_at_least_the_number_of_exponents() -> None:
    assert _score(_Stretching([1.0] * 9), _scales(LORENZ)) == pytest.approx(5 - (2 + 0.9056 / 14.5723), rel=1e-9)


def test_escapes_and_missing_maps_score_a_hundred() -> None:
    assert _score(_Stretching([float("nan"), 0.0]), _scales(LORENZ)) == 100.0
    assert _score(None, _scales(LORENZ)) == 100.0


def test_a_truth_whose_dimension_is_not_known_is_refused_and_one_that_conserves_volume_is_not() -> None:
    metric = KaplanYorkeError()
    assert metric.unsupported(_scales([0.5, 0.2, -0.1])) == "needs known Lyapunov exponents of the truth whose sum is not positive"
    assert metric.unsupported(_scales([float("nan")])) is not None
    hamiltonian = _scales([0.04, 1e-5, -1e-5, -0.0399], float("nan"))
    assert metric.unsupported(hamiltonian) is None
    assert _score(_Stretching([0.04, 0.0, -0.02, -0.04]), hamiltonian) == pytest.approx(0.5, abs=0.02)  # 3 + 0.02 / 0.04 against 4
    with pytest.raises(MetricError, match="whose sum is not positive"):
        _score(None, _scales([0.5, 0.2, -0.1]))
    with pytest.raises(MetricError, match="takes no argument"):
        KaplanYorkeError(1.0)
