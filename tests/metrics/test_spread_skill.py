import numpy as np
import pytest

from chaosbench.errors import MetricError, TaskError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.spread_skill import SpreadSkill
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare

SCALES = Scales(dt=0.5, period=4.0, lyapunov_time=0.5, spectrum=np.array([0.5]), standard_deviation=np.array([1.0, 2.0]), samples=20)


def _score(members: np.ndarray, truth: np.ndarray, failed_at: list[int] | None = None, argument: float | None = None) -> np.ndarray:
    failed = np.array(failed_at or [truth.shape[1]] * len(truth))
    return SpreadSkill(argument).score(Answer(members, failed), truth, SCALES)


def test_two_members_score_what_is_worked_by_hand() -> None:
    # standard deviations: members (0, 0) and (2, 1), variances 2 and 1/2, mean 5/4, times 3/2; their mean (1, 1/2) against (3, 5/2): error^2 = 4
    members, truth = np.array([[0.0, 0.0], [2.0, 2.0]])[None, :, None], np.array([[[3.0, 5.0]]])
    assert _score(members, truth) == pytest.approx([abs(0.5 * np.log(1.5 * 1.25 / 4.0))], rel=1e-14)


def test_too_sure_and_too_unsure_by_the_same_factor_score_alike() -> None:
    stream = np.random.default_rng(0)
    truth = stream.normal(size=(200, 1, 2))[:, :, :] * [1.0, 2.0]
    members = stream.normal(size=(200, 40, 1, 2)) * [1.0, 2.0]
    members -= members.mean(axis=1, keepdims=True)
    base = np.log(np.sqrt(41 / 40 * np.var(members / [1.0, 2.0], axis=1, ddof=1).mean(axis=(1, 2)) / np.mean((truth / [1.0, 2.0]) ** 2, axis=(1, 2))))
    for factor in (0.25, 4.0):
        assert _score(factor * members, truth) == pytest.approx(np.abs(base + np.log(factor)), rel=1e-9)


def test_members_alike_the_truth_have_its_error_as_spread_in_the_mean_square() -> None:
    stream = np.random.default_rng(1)
    for count in (2, 5, 20):
        members, truth = stream.normal(size=(40_000, count)), stream.normal(size=40_000)
        spread, error = (count + 1) / count * members.var(axis=1, ddof=1), (members.mean(axis=1) - truth) ** 2
        assert spread.mean() == pytest.approx(error.mean(), rel=0.04)  # 40 000 squares: 1 / sqrt(20 000) times 4 and more for two members


@pytest.mark.parametrize(("errors", "median"), [(1, 0.576), (10, 0.154)])
def test_what_a_perfect_ensemble_scores_depends_on_how_many_errors_a_window_holds(errors: int, median: float) -> None:
    stream = np.random.default_rng(2)
    members, truth = stream.normal(size=(2_000, 100, errors, 1)), stream.normal(size=(2_000, errors, 1))
    scales = Scales(0.5, 4.0, 0.5 * errors, np.array([0.5]), np.ones(1), samples=100)
    scores = SpreadSkill().score(Answer(members, np.full(2_000, errors)), truth, scales)
    assert np.median(scores) == pytest.approx(median, rel=0.08)  # 2 000 windows


def test_single_members_certain_errors_and_failures_score_ten_and_a_right_certainty_nothing() -> None:
    truth = np.zeros((3, 2, 2))
    assert _score(np.ones((3, 1, 2, 2)), truth).tolist() == [10.0] * 3
    assert _score(np.ones((3, 4, 2, 2)), truth).tolist() == [10.0] * 3
    assert _score(np.zeros((3, 4, 2, 2)), truth).tolist() == [0.0] * 3
    members = np.random.default_rng(3).normal(size=(3, 4, 2, 2))
    assert (_score(members, truth, [0, 1, 2]) == 10.0).tolist() == [True, False, False]  # the lead is one sample


def test_a_task_of_single_forecasts_is_refused_before_any_fit() -> None:
    spec = TaskSpec("henon", training_samples=200, context=5, horizon=2.0, windows=2, climate_runs=0)
    with pytest.raises(TaskError, match="metric 'spread_skill' needs ensembles; give the task samples = 20"):
        prepare(spec, Suite("own", 1, 0, ("spread_skill",), (spec,)))
    with pytest.raises(MetricError, match="lead: a number of units of time, positive"):
        SpreadSkill(0.0)
