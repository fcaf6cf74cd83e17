from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.compat_ctf_long import CompatCtfLong

SCALES = Scales(dt=0.1, period=2.0, lyapunov_time=1.0, spectrum=np.array([1.0]), standard_deviation=np.ones(1))


def _score(run: np.ndarray, truth: np.ndarray, argument: float | None = None) -> float:
    return float(CompatCtfLong(argument).score(Answer(run[None, None], np.array([len(run)])), truth[None], SCALES)[0])


def test_counts_between_the_extremes_of_both_are_compared_bin_by_bin() -> None:
    # two bins of 0 to 4: truth 3 and 1, run 1 and 3: (2 + 2) / 4 = 1; four bins: truth 1 1 1 1, run 1 0 0 3: (0 + 1 + 1 + 2) / 4
    truth, run = np.array([[0.0], [1.0], [2.0], [4.0]]), np.array([[0.5], [4.0], [4.0], [4.0]])
    assert _score(run, truth, 2.0) == pytest.approx(100 * (1 - (abs(2 - 1) + abs(2 - 3)) / 4), rel=1e-14)
    assert _score(run, truth, 4.0) == pytest.approx(0.0, abs=1e-12)


def test_components_are_averaged_and_units_shifts_and_order_do_not_matter() -> None:
    stream = np.random.default_rng(0)
    run, truth = stream.normal(size=(2, 400, 2))
    value = _score(run, truth)
    each = [_score(run[:, [k]], truth[:, [k]]) for k in range(2)]
    assert value == pytest.approx(np.mean(each), rel=1e-12)
    assert _score(4 * run[::-1] + 8, 4 * truth + 8) == pytest.approx(value, abs=0.6)  # a value on the edge of a bin may round to the other side


def test_the_same_states_score_a_hundred_and_no_common_bin_minus_a_hundred() -> None:
    truth = np.random.default_rng(1).normal(size=(100, 1))
    assert _score(truth, truth) == 100.0
    assert _score(truth + 50.0, truth) == -100.0
    assert CompatCtfLong().score(Answer(truth[None, None], np.array([99])), truth[None], SCALES).tolist() == [-100.0]


def test_one_value_far_away_makes_a_bad_run_look_good_as_published() -> None:
    stream = np.random.default_rng(2)
    truth, run = stream.normal(size=(1_000, 1)), stream.normal(size=(1_000, 1)) * 0.2
    assert _score(run, truth) < 50.0
    run[500] = 1e4
    assert _score(run, truth) > 99.0


def test_the_score_of_the_truth_rises_with_length(lorenz: Callable[..., np.ndarray], lorenz_scales: Scales) -> None:
    states = lorenz(12, 10_000, seed=3)
    scores = []
    for length in (1_000, 10_000):
        answer = Answer(states[:6, None, :length], np.full(6, length))
        scores.append(np.median(CompatCtfLong().score(answer, states[6:, :length], lorenz_scales)))
    assert 100 - scores[1] < 0.6 * (100 - scores[0])


def test_a_number_of_bins_that_is_not_whole_is_misuse() -> None:
    with pytest.raises(MetricError, match="bins: a number of bins, whole and at least 1"):
        CompatCtfLong(2.5)
