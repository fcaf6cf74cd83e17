"""What holds for every metric, found by the catalogue: declared facts, finite scores, failures worst, independence of windows."""

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import MetricError
from chaosbench.geometry import Geometry
from chaosbench.metrics.base import Answer, Metric, Scales

SCALES = Scales(
    dt=0.1,
    period=1.0,
    lyapunov_time=1.0,
    spectrum=np.array([0.5, 0.0, -2.0]),
    standard_deviation=np.ones(3),
    geometry=Geometry(1, (3,)),
    conserved={"energy": lambda states: (states**2).sum(axis=-1) / 2},
    samples=2,
)
N, SAMPLES, D = 6, 60, 3


class _Stretching(AutonomousMap):
    """x -> 1.05 x wrapped into [-1, 1], with tangents that grow by exp(rate * dt) in each direction: the rates are the exponents."""

    def __init__(self, rates: tuple[float, float, float] = (0.6, 0.2, -1.0)) -> None:
        self.dt = 0.1
        self.dimension = D
        self.growth = np.exp(0.1 * np.array(rates))

    def start(self, context: np.ndarray) -> np.ndarray:
        return np.asarray(context[-1])

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.mod(1.05 * state + 1.0, 2.0) - 1.0, self.growth * tangents

    def observe(self, state: np.ndarray) -> np.ndarray:
        return state


def _case(metric: Metric, *, failed: bool = False) -> tuple[Answer, np.ndarray | None]:
    """Return an answer of unrelated noise (every second row failed when `failed`) and a truth of the form the metric needs."""
    stream = np.random.default_rng(0)
    truth, values = stream.normal(size=(N, SAMPLES, D)), stream.normal(size=(N, 1, SAMPLES, D))
    truth *= np.sqrt(D) / np.linalg.norm(truth, axis=-1, keepdims=True)  # keeps the energy of SCALES
    failed_at = np.full(N, SAMPLES)
    if failed:
        failed_at[::2] = 0
        values[::2] = np.nan
    if metric.needs == "map":
        return Answer(values[:0], failed_at[:0], None if failed else _Stretching(), stream.normal(size=(4, D))), None
    return Answer(values, failed_at), truth


@pytest.fixture(params=names("metrics"))
def metric(request: pytest.FixtureRequest) -> Metric:
    made: Metric = load("metrics", request.param)()
    return made


def test_it_declares_what_it_needs_and_where_it_comes_from(metric: Metric) -> None:
    assert metric.needs in ("windows", "climate", "map")
    assert metric.better in ("higher", "lower")
    assert np.isfinite(metric.failed_value)
    assert metric.unit
    assert metric.source
    assert getattr(metric, "aggregate", "median") in ("median", "mean")
    assert metric.family in ("native", "compat")
    assert type(metric).__doc__


def test_variants_as_published_are_named_so_and_say_what_they_are_for(metric: Metric) -> None:
    stem = type(metric).__module__.rpartition(".")[2]
    assert (metric.family == "compat") == stem.startswith("compat_")
    if metric.family == "compat":
        text = type(metric).__doc__ or ""
        assert "For comparison with published numbers only." in text
        assert "As published: " in text
        assert "What is wrong with it: " in text


def test_scores_are_finite_one_a_row_and_never_worse_than_a_failure(metric: Metric) -> None:
    for failed in (False, True):
        answer, truth = _case(metric, failed=failed)
        scores = metric.score(answer, truth, SCALES)
        assert scores.shape == ((1,) if metric.needs == "map" else (N,))
        assert np.isfinite(scores).all()
        assert (scores <= metric.failed_value if metric.better == "lower" else scores >= metric.failed_value).all()


def test_a_row_that_failed_at_once_scores_the_declared_value(metric: Metric) -> None:
    answer, truth = _case(metric, failed=True)
    assert (metric.score(answer, truth, SCALES)[::2] == metric.failed_value).all()


def test_a_row_scores_the_same_alone_as_among_others(metric: Metric) -> None:
    answer, truth = _case(metric, failed=True)
    if truth is None:
        pytest.skip("a map has no rows")
    together = metric.score(answer, truth, SCALES)
    alone = [metric.score(Answer(answer.values[i : i + 1], answer.failed_at[i : i + 1]), truth[i : i + 1], SCALES)[0] for i in range(N)]
    assert together.tolist() == alone


def test_the_truth_itself_scores_best(metric: Metric) -> None:
    answer, truth = _case(metric)
    if truth is None:
        good = metric.score(Answer(answer.values, answer.failed_at, _Stretching((0.5, 0.0, -2.0)), answer.start), None, SCALES)
    else:
        good = metric.score(Answer(truth[:, None], answer.failed_at), truth, SCALES)
    noise = metric.score(answer, truth, SCALES)
    assert (good >= noise if metric.better == "higher" else good <= noise).all()


def test_censoring_marks_rows_only(metric: Metric) -> None:
    answer, truth = _case(metric)
    if truth is not None:
        scores = metric.score(answer, truth, SCALES)
        assert metric.censored(scores, truth, SCALES).shape == scores.shape


def test_arrays_that_do_not_fit_together_are_misuse(metric: Metric) -> None:
    answer, truth = _case(metric)
    if truth is None:
        pytest.skip("a map has no arrays")
    for values in (answer.values[:, :, :-1], answer.values[..., :2], answer.values[:-1], answer.values[:, 0]):
        with pytest.raises(MetricError, match=r"shape|samples of the run"):
            metric.score(Answer(values, answer.failed_at[: len(values)]), truth, SCALES)
