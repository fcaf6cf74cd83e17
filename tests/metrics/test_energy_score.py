import numpy as np
import pytest

from chaosbench.errors import MetricError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.crps import Crps
from chaosbench.metrics.energy_score import EnergyScore
from chaosbench.metrics.nrmse import Nrmse

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=0.5, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]))


def _score(members: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return EnergyScore(argument).score(Answer(members, failed), truth, SCALES)


def test_three_members_score_what_is_worked_by_hand() -> None:
    # in standard deviations (3, 4), (0, 0), (3, 0) around (0, 0): distances over sqrt 2: 5, 0, 3, and between members 5, 4, 3
    members = np.array([[3.0, 8.0], [0.0, 0.0], [3.0, 0.0]])[None, :, None]
    assert _score(members, np.zeros((1, 1, 2))) == pytest.approx([((5 + 0 + 3) / 3 - (5 + 4 + 3) / 6) / np.sqrt(2)], rel=1e-14)


def test_one_member_scores_the_normalised_error_and_one_component_the_ranked_probability_score() -> None:
    stream = np.random.default_rng(0)
    members, truth = stream.normal(size=(5, 4, 3, 2)), stream.normal(size=(5, 3, 2))
    whole = np.full(5, 3)
    single = Answer(members[:, :1], whole)
    assert EnergyScore().score(single, truth, SCALES) == pytest.approx(Nrmse().score(single, truth, SCALES), rel=1e-13)
    one = Scales(0.5, 4.0, 0.5, np.array([0.5]), np.ones(1))
    answer = Answer(members[..., :1], whole)
    assert EnergyScore(3.0).score(answer, truth[..., :1], one) == pytest.approx(Crps(3.0).score(answer, truth[..., :1], one), rel=1e-12)


def test_order_of_members_shifts_and_turns_do_not_matter() -> None:
    stream = np.random.default_rng(1)
    members, truth = stream.normal(size=(3, 5, 2, 2)), stream.normal(size=(3, 2, 2))
    value = _score(members, truth)
    assert _score(members[:, ::-1] + 2.0, truth + 2.0) == pytest.approx(value, rel=1e-12)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    unit = np.array([1.0, 2.0])
    assert _score((members / unit @ turn) * unit, (truth / unit @ turn) * unit) == pytest.approx(value, rel=1e-12)


def test_members_from_the_joint_law_of_the_truth_score_least_and_wrong_correlations_cost() -> None:
    stream = np.random.default_rng(2)

    def drawn(count: int, correlation: float) -> np.ndarray:
        a, b = stream.normal(size=(2, 4_000, count, 1))
        return np.stack([a, 2.0 * (correlation * a + np.sqrt(1 - correlation**2) * b)], axis=-1)

    truth = drawn(1, 0.9)[:, 0]
    right = _score(drawn(8, 0.9), truth)
    for wrong in (drawn(8, 0.0), drawn(8, -0.9), 0.6 * drawn(8, 0.9), drawn(8, 0.9) + np.array([0.3, 0.6]), 0 * drawn(8, 0.9)):
        difference = _score(wrong, truth) - right
        assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))


def test_samples_at_and_after_a_failure_count_as_ten() -> None:
    members, truth = np.zeros((2, 2, 4, 2)), np.zeros((2, 4, 2))
    members[1, :, 1:] = np.nan
    assert _score(members, truth, [4, 1], 4.0) == pytest.approx([0.0, 30 / 4], rel=1e-14)
    assert _score(np.full((1, 2, 4, 2), np.nan), truth[:1], [0]).tolist() == [10.0]
    assert _score(np.full((1, 1, 4, 2), 1e6), truth[:1]).tolist() == [10.0]


def test_a_bad_lead_is_misuse() -> None:
    with pytest.raises(MetricError, match="lead: a number of units of time, positive"):
        EnergyScore(-1.0)
