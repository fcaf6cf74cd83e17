"""What forecasters refuse: each message gives the value, the rule and the way out."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import contexts, fitted, one_of, positive, too_short, trajectories, within
from chaosbench.forecasters.base import Problem, Training

SERIES = np.zeros((8, 2))


def checked(training: Training) -> list[np.ndarray]:
    return trajectories(training, minimum=5, need="a window needs 5")


def test_short_trajectories_are_left_out_as_long_as_one_is_long_enough() -> None:
    kept = checked(Training([np.zeros((4, 2)), SERIES, np.zeros((5, 2))], dt=1.0))
    assert [len(states) for states in kept] == [8, 5]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (Training([np.zeros((4, 2)), np.zeros((3, 2))], dt=1.0), "longest of 2 trajectories has 4 samples; a window needs 5; pass longer"),
        (Training([], dt=1.0), "longest of 0 trajectories has 0 samples"),
        (Training([SERIES, np.zeros((8, 3))], dt=1.0), r"dimensions \[2, 3\]; all trajectories must have one dimension"),
        (Training([np.full((8, 2), np.nan)], dt=1.0), r"training.states\[0\]: entry \(0, 0\) is nan; every entry must be finite"),
        (Training([SERIES], dt=1.0, observed=[np.eye(8, 2, dtype=bool)]), r"observed hides values.*complete trajectories"),
        (Training([SERIES], dt=1.0, times=[np.r_[0:7.0, 7.5]]), r"training.times: a step of 1.5; .* dt = 1; resample"),
        (Training([SERIES, SERIES], dt=1.0, parameters=np.array([[1.0], [2.0]])), r"parameters differ.*no parameter input"),
    ],
)
def test_training_data_that_cannot_be_used_are_refused(training: Training, message: str) -> None:
    with pytest.raises(ForecasterError, match=message):
        checked(training)


def test_harmless_extras_are_accepted() -> None:
    extras = Training([SERIES, SERIES], dt=0.5, times=[np.arange(8) * 0.5] * 2, observed=[np.ones((8, 2), bool)] * 2, parameters=np.ones((2, 3)))
    assert len(checked(extras)) == 2


@pytest.mark.parametrize(
    ("shape", "horizon", "n_samples", "message"),
    [
        ((3, 9, 2), 0, 1, "horizon = 0: must be a positive integer"),
        ((3, 9, 2), 2.5, 1, "horizon = 2.5"),
        ((3, 9, 2), 4, 0, "n_samples = 0"),
        ((3, 9, 4), 4, 1, r"context: shape \(3, 9, 4\) given, \(any, any, 2\) needed"),
        ((9, 2), 4, 1, r"context: shape \(9, 2\) given"),
        ((3, 4, 2), 4, 1, "context: 4 samples; a window reads 5; pass at least the last 5"),
    ],
)
def test_contexts_that_cannot_be_continued_are_refused(shape: tuple[int, ...], horizon: int, n_samples: int, message: str) -> None:
    with pytest.raises(ForecasterError, match=message):
        contexts(np.zeros(shape), horizon=horizon, n_samples=n_samples, dimension=2, minimum=5, need="a window reads 5")


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="delays = 0: must be a positive integer; leave it out"):
        positive({"stride": 1, "delays": 0})
    with pytest.raises(ForecasterError, match=r"leak = 0.0: must lie in \(0, 1\]"):
        within("leak", 0.0, 0.0, 1.0, open_below=True)
    with pytest.raises(ForecasterError, match=r"ridge = nan: must lie in \[0, 1\]"):
        within("ridge", float("nan"), 0.0, 1.0)
    with pytest.raises(ForecasterError, match="rank = 'some': must be one of all, none"):
        one_of("rank", "some", ("all", "none"))
    with pytest.raises(ForecasterError, match="Model: not fitted"):
        fitted(None, "Model")


def test_problems_that_are_too_short_get_a_reason() -> None:
    problem = Problem(dimension=2, dt=1.0, context=4, horizon=10, training_samples=20)
    assert too_short(problem, training=20, context=4, need="a window") is None
    assert too_short(problem, training=21, context=4, need="a window needs") == "20 training samples; a window needs: at least 21"
    assert too_short(problem, training=20, context=5, need="a window needs") == "a context of 4 samples; a window needs: at least 5"
