"""Analogues: exact on anything that repeats, on training data and on the context itself."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.analogue import Analogue
from chaosbench.forecasters.base import Problem, Training


def circle(steps: np.ndarray) -> np.ndarray:
    """Return 12 points on a circle, visited in turn for ever, (T, 2): equal phases give equal bits."""
    phase = 2 * np.pi * (steps % 12) / 12
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def fitted(states: list[np.ndarray], **options: int) -> Analogue:
    forecaster = Analogue(**options)
    forecaster.fit(Training(states, dt=1.0), seed=0)
    return forecaster


@pytest.mark.parametrize("embedding", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_periodic_series_is_continued_exactly_far_beyond_the_training_data(embedding: int, stride: int) -> None:
    forecaster = fitted([circle(np.arange(40))], embedding=embedding, stride=stride)
    forecast = forecaster.forecast(circle(np.arange(100, 107))[None], 300)
    np.testing.assert_array_equal(forecast[0, 0], circle(np.arange(107, 407)))


def test_without_training_data_the_context_is_parroted() -> None:
    forecast = fitted([]).forecast(circle(np.arange(30))[None], 100)
    np.testing.assert_array_equal(forecast[0, 0], circle(np.arange(30, 130)))


def test_the_nearest_window_wins_and_its_successors_are_copied_as_they_are() -> None:
    series = np.array([[0.0], [10.0], [11.0], [12.0], [20.0], [21.0]])
    forecaster = fitted([series], embedding=1)
    # 10.4 is nearest to 10; its successors are 11 and 12, not 11.4 and 12.4
    np.testing.assert_array_equal(forecaster.forecast(np.array([[[10.4]]]), 2)[0, 0], [[11.0], [12.0]])


def test_an_older_sample_decides_between_equal_newest_ones() -> None:
    series = np.array([[0.0], [5.0], [1.0], [9.0], [5.0], [2.0], [3.0]])
    # 5 is followed by 1 after a 0, by 2 after a 9
    np.testing.assert_array_equal(fitted([series]).forecast(np.array([[[8.0], [5.0]], [[1.0], [5.0]]]), 1)[:, 0, 0], [[2.0], [1.0]])


def test_windows_never_join_two_trajectories() -> None:
    forecaster = fitted([np.array([[0.0], [1.0]]), np.array([[2.0], [50.0], [60.0]])], embedding=1)
    # 1.4 is nearest to the 1 that ends its trajectory; with no successor it does not count, and the 2 of the other one answers
    np.testing.assert_array_equal(forecaster.forecast(np.array([[[1.4]]]), 1)[0, 0], [[50.0]])


def test_a_free_run_moves_on_when_its_trajectory_ends() -> None:
    drift = np.linspace(0.0, 1.0, 50)[:, None]
    run = fitted([drift], embedding=1).forecast(np.array([[[0.99]]]), 400)[0, 0, :, 0]
    # a tenth of 50 samples is kept as successors, so every search copies at least 5 samples; the last window that counts is number 44
    np.testing.assert_array_equal(run[:10], np.tile(drift[45:, 0], 2))


def test_a_context_too_short_to_parrot_is_refused_with_the_numbers() -> None:
    forecaster = fitted([], embedding=3)
    with pytest.raises(ForecasterError, match="context: 3 samples; parroting without training data needs a window of 3 followed by 1"):
        forecaster.forecast(np.zeros((1, 3, 1)), 2)
    assert forecaster.unsupported(Problem(1, 1.0, context=2, horizon=5, training_samples=0)) is not None


def test_fitting_again_forgets_the_first_library() -> None:
    forecaster = fitted([np.full((20, 1), 7.0)])
    forecaster.fit(Training([], dt=1.0), seed=0)
    np.testing.assert_array_equal(forecaster.forecast(np.zeros((1, 20, 1)), 3), np.zeros((1, 1, 3, 1)))
