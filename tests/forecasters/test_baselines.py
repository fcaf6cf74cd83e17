"""Zeros, persistence and climatology: their answers are known exactly."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Training
from chaosbench.forecasters.climatology import Climatology
from chaosbench.forecasters.persistence import Persistence
from chaosbench.forecasters.zeros import Zeros

CONTEXT = np.arange(12.0).reshape(2, 3, 2)


def climatology(states: list[np.ndarray]) -> Climatology:
    forecaster = Climatology()
    forecaster.fit(Training(states, dt=1.0), seed=0)
    return forecaster


def test_zeros_are_zero() -> None:
    np.testing.assert_array_equal(Zeros().forecast(CONTEXT, 4, n_samples=3), np.zeros((2, 3, 4, 2)))


def test_persistence_repeats_the_last_sample() -> None:
    expected = np.broadcast_to(np.array([[4.0, 5.0], [10.0, 11.0]])[:, None, None], (2, 3, 4, 2))
    np.testing.assert_array_equal(Persistence().forecast(CONTEXT, 4, n_samples=3), expected)


def test_climatology_gives_the_mean_over_all_trajectories_as_its_only_sample() -> None:
    forecaster = climatology([np.array([[0.0, 1.0]]), np.array([[3.0, 1.0], [3.0, 4.0]])])
    np.testing.assert_array_equal(forecaster.forecast(CONTEXT, 5), np.broadcast_to([2.0, 2.0], (2, 1, 5, 2)))


def test_climatology_draws_whole_training_states_evenly() -> None:
    states = np.array([[0.0, 10.0], [1.0, 11.0], [2.0, 12.0], [3.0, 13.0]])
    drawn = climatology([states]).forecast(CONTEXT, 1000, n_samples=20, seed=1)[0]
    np.testing.assert_array_equal(drawn[..., 1], drawn[..., 0] + 10.0)
    shares = np.bincount(drawn[..., 0].astype(int).ravel(), minlength=4) / drawn[..., 0].size
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 20_000)  # four standard errors of 20 000 draws


def test_climatology_draws_depend_on_the_seed_only() -> None:
    forecaster = climatology([np.random.default_rng(0).normal(size=(50, 2))])
    first = forecaster.forecast(CONTEXT, 30, n_samples=4, seed=1)
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(forecaster.forecast(CONTEXT[1:], 10, n_samples=4, seed=1)[0], first[1, :, :10])
    assert not np.array_equal(forecaster.forecast(CONTEXT, 30, n_samples=4, seed=2), first)


def test_climatology_before_its_training_says_what_to_do() -> None:
    with pytest.raises(ForecasterError, match=r"not fitted.*call fit"):
        Climatology().forecast(CONTEXT, 3)
