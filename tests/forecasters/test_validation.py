"""Choosing by free runs: accuracy first, then stability, and never on the data that were trained on."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._validation import best, check_ridge, fit_with_ridge, free_run_error, held_out, stays
from chaosbench.forecasters.base import Training


class Scaling(FeedbackMap):
    """x_{t+1} = factor x_t."""

    def __init__(self, factor: float, span: int = 1) -> None:
        self.dt, self.dimension, self.observed, self.span, self.settling = 1.0, 1, 1, span, span
        self.factor = factor

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.array(context[-1])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.factor * state, self.factor * tangents

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        return context[:, -1:] * self.factor ** np.arange(1.0, horizon + 1)[:, None]


DECAY = 0.9 ** np.arange(41.0)[:, None]  # x_{t+1} = 0.9 x_t


def test_the_error_of_a_free_run_is_the_mean_logarithm_of_the_largest_so_far() -> None:
    # three samples: one start of one sample, two leads; truth 0.9, 0.81; forecast 0.8, 0.64
    expected = (np.log10(0.9 - 0.8) + np.log10(0.81 - 0.64)) / 2
    assert free_run_error(Scaling(0.8), [DECAY[:3]]) == pytest.approx(expected, rel=1e-12)
    # a forecast of 0 is off by 0.9 and then by 0.81 only, but what is lost stays lost
    assert free_run_error(Scaling(0.0), [DECAY[:3]]) == pytest.approx(np.log10(0.9), rel=1e-12)


def test_perfect_and_infinite_errors_are_bounded() -> None:
    assert free_run_error(Scaling(0.9), [DECAY]) == pytest.approx(-12.0, rel=1e-12)  # rounding of 1e-16 counts as 1e-12
    assert free_run_error(Scaling(1e200), [DECAY]) == 0.0  # an error of one deviation is as bad as any


def test_a_model_stays_when_it_remains_within_ten_deviations() -> None:
    assert stays(Scaling(1.0), [DECAY])
    assert stays(Scaling(1.0004), [DECAY])  # 1.0004^5000 = 7.4
    assert not stays(Scaling(1.0005), [DECAY])  # 1.0005^5000 = 12.2
    assert stays(Scaling(1.0), [20.0 * DECAY])  # a system that bursts to 20 deviations may do so again
    assert not stays(Scaling(-2.0), [DECAY])
    assert not stays(Scaling(np.nan), [DECAY])


def test_a_model_that_reads_more_than_there_is_cannot_be_judged() -> None:
    assert free_run_error(Scaling(0.9, span=30), [DECAY]) is None
    assert best([0.9], lambda factor: Scaling(factor, span=30), lambda factor: Scaling(factor, span=30), [DECAY]) is None


def test_the_most_accurate_option_wins_and_the_first_of_equals() -> None:
    chosen = best([0.5, 0.88, 1.5, 0.7], Scaling, Scaling, [DECAY])
    assert chosen is not None
    assert chosen.factor == 0.88
    trials = {"first": 0.88, "second": 0.88}
    names = best(["first", "second"], lambda name: Scaling(trials[name]), lambda name: Scaling(1.0 if name == "first" else 0.0), [DECAY])
    assert names is not None
    assert names.factor == 1.0


def test_a_winner_that_diverges_once_fitted_to_everything_is_passed_over() -> None:
    # the trial of 0.88 is best, but with all data it grows by 1.01 per step: 1.01^5000 is far above 10
    chosen = best([0.7, 0.88], Scaling, lambda factor: Scaling(1.01 if factor == 0.88 else factor), [DECAY])
    assert chosen is not None
    assert chosen.factor == 0.7
    hopeless = best([0.7, 0.88], Scaling, lambda factor: Scaling(1.01 * (1 + factor)), [DECAY])
    assert hopeless is not None
    assert hopeless.factor == 1.01 * 1.88


def test_the_last_fifth_of_each_trajectory_is_held_out() -> None:
    states = [np.arange(50.0)[:, None], np.arange(6.0)[:, None]]
    train, checks = held_out(Training(states, dt=1.0), states, minimum=4)
    assert [len(series) for series in train] == [40, 6]  # six samples do not give four on both sides
    np.testing.assert_array_equal(np.concatenate([train[0], checks[0]]), states[0])
    assert len(checks) == 1


def test_validation_data_take_the_place_of_held_out_data() -> None:
    states, validation = [np.zeros((50, 1))], [np.ones((5, 1))]
    train, checks = held_out(Training(states, dt=1.0, validation=Training(validation, dt=1.0)), states, minimum=4)
    assert train is states
    np.testing.assert_array_equal(checks[0], validation[0])
    with pytest.raises(ForecasterError, match=r"training.validation: 2 components, the training data 1"):
        held_out(Training(states, dt=1.0, validation=Training([np.ones((5, 2))], dt=1.0)), states, minimum=4)


def test_a_given_ridge_is_used_and_an_impossible_one_refused() -> None:
    states = [DECAY]
    assert fit_with_ridge(0.25, Training(states, dt=1.0), states, minimum=2, prepare=lambda series: Scaling).factor == 0.25
    check_ridge(None)
    with pytest.raises(ForecasterError, match="ridge = -1"):
        check_ridge(-1.0)


def test_the_ridge_is_chosen_on_held_out_data_and_then_fitted_to_everything() -> None:
    states, seen = [DECAY], []

    def prepare(series: list[np.ndarray]) -> type[Scaling]:
        seen.append([len(item) for item in series])
        return Scaling

    # the penalties 1e2, 1, 1e-2, ... are used as factors here: 1 is nearest to 0.9 and does not diverge
    chosen = fit_with_ridge(None, Training(states, dt=1.0), states, minimum=2, prepare=prepare)  # type: ignore[arg-type]
    assert chosen.factor == 1.0
    assert seen == [[41], [33]]
