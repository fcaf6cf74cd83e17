from itertools import combinations

import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.crps import Crps

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=2.0, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]))


def _score(members: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return Crps(argument).score(Answer(members, failed), truth, SCALES)


def test_three_members_score_the_fair_estimate_worked_by_hand() -> None:
    # component 0: members 0 1 4, truth 2: mean |X - y| = (2 + 1 + 2) / 3; pairs 1 + 4 + 3 = 8 over 3 * 2. Component 1 in units of 2 the same.
    members, truth = np.zeros((1, 3, 1, 2)), np.full((1, 1, 2), [2.0, 4.0])
    members[0, :, 0, 0], members[0, :, 0, 1] = [0.0, 1.0, 4.0], [8.0, 0.0, 2.0]
    assert _score(members, truth, argument=0.25) == pytest.approx([5 / 3 - 8 / 6], rel=1e-14)


def test_sorting_gives_the_sum_over_all_pairs() -> None:
    stream = np.random.default_rng(0)
    members, truth = stream.normal(size=(4, 7, 6, 2)), stream.normal(size=(4, 6, 2))
    z, y = members[:, :, :4] / [1.0, 2.0], truth[:, :4] / [1.0, 2.0]
    pairs = sum(np.abs(z[:, i] - z[:, j]) for i, j in combinations(range(7), 2)) / 42
    assert _score(members, truth) == pytest.approx((np.abs(z - y[:, None]).mean(axis=1) - pairs).mean(axis=(1, 2)), rel=1e-12)


def test_one_member_scores_the_absolute_error_up_to_the_lead_alone() -> None:
    members, truth = np.zeros((1, 1, 6, 2)), np.zeros((1, 6, 2))
    members[0, 0, :4] = [1.0, 4.0]  # a Lyapunov time of 2.0 / 0.5 = 4 samples: (1 + 4 / 2) / 2
    members[0, 0, 4:] = 9.0
    assert _score(members, truth) == pytest.approx([1.5], rel=1e-14)
    assert _score(members, truth, argument=1.5) == pytest.approx([(4 * 1.5 + 2 * (9.0 + 4.5) / 2) / 6], rel=1e-14)


def test_order_of_members_and_a_common_shift_do_not_matter() -> None:
    stream = np.random.default_rng(1)
    members, truth = stream.normal(size=(3, 5, 6, 2)), stream.normal(size=(3, 6, 2))
    value = _score(members, truth)
    assert _score(members[:, ::-1], truth) == pytest.approx(value, rel=1e-13)
    assert _score(members + 3.0, truth + 3.0) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_members_from_the_law_of_the_truth_score_least_on_average_whatever_their_number(count: int) -> None:
    # CRPS of the standard normal law averaged over its own draws: 1 / sqrt(pi)
    stream = np.random.default_rng(2)
    truth = stream.normal(size=(20_000, 1, 2)) * [1.0, 2.0]
    z = stream.normal(size=(20_000, count, 1, 2)) * [1.0, 2.0]
    right = _score(z, truth, argument=0.25)
    assert abs(right.mean() - 1 / np.sqrt(np.pi)) < 4 * right.std() / np.sqrt(len(right))
    for wrong in (0.7 * z, 1.4 * z, z + np.array([0.3, 0.6]), 0.0 * z, z[:, :1]):
        difference = _score(wrong, truth, argument=0.25) - right
        assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))


def test_samples_at_and_after_a_failure_count_as_ten() -> None:
    members, truth = np.zeros((3, 2, 4, 2)), np.zeros((3, 4, 2))
    members[1, :, 1:] = np.nan
    members[2, :, 3] = 1e6
    assert _score(members, truth, [4, 1, 4]) == pytest.approx([0.0, 30 / 4, 10 / 4], rel=1e-14)
    assert _score(np.full((1, 2, 4, 2), np.nan), truth[:1], [0]).tolist() == [10.0]


def test_a_bad_lead_is_misuse() -> None:
    with pytest.raises(MetricError, match="lead: a number of units of time, positive"):
        Crps(0.0)
    with pytest.raises(MetricError, match="lead 9: the forecasts reach"):
        _score(np.zeros((1, 1, 6, 2)), np.zeros((1, 6, 2)), argument=9.0)
