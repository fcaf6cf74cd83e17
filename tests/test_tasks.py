from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chaosbench import observations, plans
from chaosbench.errors import MetricError, TaskError
from chaosbench.geometry import Geometry
from chaosbench.plans import plan
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare

METRICS = ("valid_prediction_time", "nrmse@1", "attractor_divergence", "spectral_hellinger", "blow_up")
HENON = TaskSpec("henon", training_samples=400, context=5, horizon=4.0, windows=12, climate_runs=3, climate_samples=400)
LORENZ = TaskSpec("lorenz63", training_samples=600, context=5, horizon=2.0, windows=6, samples_per_period=30.0, climate_runs=2, climate_samples=200)

# Largest exponents as in the definitions' sources; the standard errors are small enough to be trusted.
FACTS = {"henon": (1.0, (0.41922, -1.62319)), "lorenz63": (0.75, (0.9056, 0.0, -14.5723)), "pendulum": (6.0, (0.1, 0.0))}


def facts_of(definition: Any, progress: Any = None) -> Any:
    period, spectrum = FACTS.get(definition.name, (6.0, (0.1, 0.0)))
    return SimpleNamespace(period=period, lyapunov_spectrum=SimpleNamespace(value=spectrum, standard_error=tuple(1e-3 for _ in spectrum)))


@pytest.fixture(autouse=True)
def known_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "facts_of", facts_of)


def _suite(*specs: TaskSpec, metrics: tuple[str, ...] = METRICS, seed: int = 0) -> Suite:
    return Suite("toy", 1, seed, metrics, specs)


def test_the_horizon_counts_samples_in_lyapunov_times() -> None:
    planned = plan(HENON, _suite(HENON))
    assert planned.dt == 1.0
    assert planned.horizon == 10  # 4 / 0.41922 = 9.54 iterations
    assert planned.time_unit == "Lyapunov time"
    flow = plan(LORENZ, _suite(LORENZ))
    assert flow.dt == 0.75 / 30
    assert flow.horizon == 89  # 2 / 0.9056 / 0.025 = 88.3


@pytest.mark.parametrize(
    ("exponent", "error", "unit"), [(0.5, 0.05, "Lyapunov time"), (0.5, 0.051, "period"), (-0.5, 0.0, "period"), (0.0, 0.0, "period")]
)
def test_a_lyapunov_time_is_refused_above_ten_per_cent_error_or_without_a_positive_exponent(
    monkeypatch: pytest.MonkeyPatch, exponent: float, error: float, unit: str
) -> None:
    measured = SimpleNamespace(value=(exponent, -1.0), standard_error=(error, 0.0))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=3.0, lyapunov_spectrum=measured))
    planned = plan(HENON, _suite(HENON))
    assert planned.time_unit == unit
    assert planned.horizon == (8 if unit == "Lyapunov time" else 12)  # 4 / 0.5 or 4 * 3.0


def test_training_data_have_mean_zero_and_deviation_one_and_everything_else_is_scaled_by_them() -> None:
    prepared = prepare(HENON, _suite(HENON))
    (states,) = prepared.training.states
    assert states.shape == (400, 2)
    assert states.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert states.std(axis=0) == pytest.approx([1.0, 1.0], rel=1e-12)
    # Henon's map in standardised units is still Henon's map: undo the scaling and iterate each context's last state.
    first = prepared.truth_windows()[:, 0] * prepared.units.deviation + prepared.units.mean
    last = prepared.contexts[:, -1] * prepared.units.deviation + prepared.units.mean
    assert first == pytest.approx(np.stack([1 - 1.4 * last[:, 0] ** 2 + last[:, 1], 0.3 * last[:, 0]], axis=1), rel=1e-12, abs=1e-12)


def test_shapes_and_problem_follow_the_task() -> None:
    prepared = prepare(HENON, _suite(HENON))
    assert prepared.contexts.shape == (12, 5, 2)
    assert prepared.truth_windows().shape == (12, 10, 2)
    assert prepared.climate_contexts.shape == (3, 5, 2)
    assert prepared.truth_climate().shape == (3, 300, 2)  # 400 less the first quarter
    problem = prepared.problem
    assert (problem.dimension, problem.dt, problem.context, problem.horizon, problem.training_samples) == (2, 1.0, 5, 10, 400)
    assert prepared.training.validation is not None
    assert prepared.training.validation.states[0].shape == (100, 2)
    assert all(array.dtype == np.float64 for array in (prepared.contexts, *prepared.training.states))


def test_every_purpose_has_initial_conditions_of_its_own() -> None:
    prepared = prepare(HENON, _suite(HENON))
    assert prepared.training.validation is not None
    starts = [prepared.training.states[0][0], prepared.training.validation.states[0][0], *prepared.contexts[:, 0], *prepared.climate_contexts[:, 0]]
    assert len({tuple(start) for start in starts}) == 1 + 1 + 12 + 3
    assert 0 < prepared.nearest <= prepared.typical
    brute = np.linalg.norm(prepared.training.states[0][None] - prepared.contexts[:, -1][:, None], axis=2).min(axis=1)
    assert prepared.nearest == pytest.approx(brute.min(), rel=1e-12)
    assert prepared.typical == pytest.approx(np.median(brute), rel=1e-12)


def test_training_can_be_several_trajectories() -> None:
    spec = TaskSpec("henon", 400, 5, 4.0, 3, training_trajectories=4, climate_runs=0)
    prepared = prepare(spec, _suite(spec, metrics=("nrmse@1",)))
    assert [states.shape for states in prepared.training.states] == [(100, 2)] * 4
    assert prepared.truth_climate().shape[0] == 0


def test_the_seed_of_the_suite_changes_the_data_and_repeating_does_not() -> None:
    first, again, other = (prepare(HENON, _suite(HENON, seed=seed)) for seed in (0, 0, 1))
    assert first.contexts.tolist() == again.contexts.tolist()
    assert first.truth_climate().tolist() == again.truth_climate().tolist()
    assert not np.isin(other.contexts, first.contexts).any()


def test_the_truth_is_not_made_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    made = observations.simulate

    def counted(*arguments: Any, **options: Any) -> Any:
        lengths.append(options["n_samples"])
        return made(*arguments, **options)

    monkeypatch.setattr(observations, "simulate", counted)
    prepared = prepare(HENON, _suite(HENON))
    assert sorted(lengths) == [5, 5, 100, 400]  # contexts of windows and free runs end at the last context sample
    prepared.truth_windows()
    prepared.truth_climate()
    assert sorted(lengths) == [5, 5, 15, 100, 400, 405]
    prepared.truth_windows()
    prepared.final_scales()
    assert len(lengths) == 6


def test_a_truth_that_does_not_continue_its_contexts_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(HENON, _suite(HENON))
    prepared.contexts[3] += 1e-3
    with pytest.raises(TaskError, match="the truth does not continue its contexts"):
        prepared.truth_windows()


def test_trust_counts_from_the_end_of_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth of a window begins in the context's last state: a context of 200 iterations, more than doubles can follow, costs no trust."""
    task = replace(HENON, context=200)
    prepared = prepare(task, _suite(task))
    made, anchors = observations.simulate, []

    def watched(*arguments: Any, **options: Any) -> Any:
        anchors.append(options["anchor"])
        return made(*arguments, **options)

    monkeypatch.setattr(observations, "simulate", watched)
    assert (prepared.trust() > 0.9 * min(prepared.problem.horizon, 50)).all()
    assert anchors == [199]


def test_floors_are_scores_of_truth_against_independent_truth() -> None:
    prepared = prepare(HENON, _suite(HENON))
    floors = prepared.floors()
    assert set(floors) == {"attractor_divergence", "spectral_hellinger"}
    for middle, low, high in floors.values():
        assert 0 < low <= middle <= high
    scales = prepared.final_scales()
    middle, low, high = floors["spectral_hellinger"]
    assert scales.floors["spectral_hellinger"] == (middle, high - low)
    assert scales.trust is not None


def test_alike_sites_are_scaled_alike_and_their_places_are_told() -> None:
    spec = TaskSpec("lorenz96", training_samples=200, context=5, horizon=0.1, windows=2, dt=0.05, climate_runs=0)
    prepared = prepare(spec, _suite(spec, metrics=("valid_prediction_time",)))
    assert prepared.problem.geometry == prepared.training.geometry == Geometry(1, (40,), periodic=True, homogeneous=True)
    states = np.concatenate(prepared.training.states)
    assert states.mean() == pytest.approx(0.0, abs=1e-12)
    assert states.std() == pytest.approx(1.0, abs=1e-12)
    assert np.abs(states.mean(axis=0)).max() > 1e-3  # each site keeps its own deviation from the mean of all
    assert prepare(replace(spec, view=("x0", "x1")), _suite(spec, metrics=("valid_prediction_time",))).problem.geometry is None


def test_a_view_shows_only_its_components() -> None:
    spec = TaskSpec("henon", 400, 5, 4.0, 4, view=("y",), climate_runs=0)
    suite = _suite(spec, metrics=("nrmse@1",))
    whole = prepare(TaskSpec("henon", 400, 5, 4.0, 4, climate_runs=0), suite)
    prepared = prepare(spec, suite)
    assert prepared.problem.dimension == 1
    assert prepared.contexts[..., 0] == pytest.approx(whole.contexts[..., 1], rel=1e-12)
    wrong = TaskSpec("henon", 400, 5, 4.0, 4, view=("yy",), climate_runs=0)
    with pytest.raises(TaskError, match=r"view names 'yy'; components are x, y; did you mean 'y'\?"):
        prepare(wrong, suite)


def test_metrics_that_the_task_cannot_feed_fail_before_anything_is_fitted() -> None:
    no_climate = TaskSpec("henon", 400, 5, 4.0, 4, climate_runs=0)
    with pytest.raises(TaskError, match="metric 'attractor_divergence' needs free runs"):
        prepare(no_climate, _suite(no_climate, metrics=("attractor_divergence",)))
    with pytest.raises(MetricError, match="lead 9: the forecasts reach"):
        prepare(no_climate, _suite(no_climate, metrics=("nrmse@9",)))


def test_a_sampling_interval_for_a_map_and_a_component_that_stands_still_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = TaskSpec("henon", 400, 5, 4.0, 4, dt=0.5)
    with pytest.raises(TaskError, match="a map is sampled at every iteration"):
        plan(sampled, _suite(sampled))
    made = observations.simulate

    def still(*arguments: Any, **options: Any) -> Any:
        dataset = made(*arguments, **options)
        dataset["state"].values[:, :, 1] = 0.7
        return dataset

    monkeypatch.setattr(observations, "simulate", still)
    with pytest.raises(TaskError, match="observed component 1 does not vary"):
        prepare(HENON, _suite(HENON))


def test_a_trajectory_that_ends_early_is_an_error_and_not_a_row_of_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    made = observations.simulate

    def broken(*arguments: Any, **options: Any) -> Any:
        dataset = made(*arguments, **options)
        dataset["status"].values[0] = 1
        return dataset

    monkeypatch.setattr(observations, "simulate", broken)
    with pytest.raises(TaskError, match=r"1 of 1 trajectories for training ended early \(status 1\)"):
        prepare(HENON, _suite(HENON))


def test_the_limit_is_ten_standard_deviations_unless_the_attractor_goes_further(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepare(HENON, _suite(HENON)).limit.tolist() == [10.0, 10.0]
    made = observations.simulate

    def bursting(*arguments: Any, **options: Any) -> Any:
        dataset = made(*arguments, **options)
        if options["n_samples"] == 400:
            dataset["state"].values[:, 7, 0] = 1e3
        return dataset

    monkeypatch.setattr(observations, "simulate", bursting)
    spec = TaskSpec("henon", 400, 5, 4.0, 4, climate_runs=0)
    prepared = prepare(spec, _suite(spec, metrics=("nrmse@1",)))
    largest = np.abs(prepared.training.states[0][:, 0]).max()
    assert largest > 10.0
    assert prepared.limit.tolist() == [pytest.approx(1.25 * largest), 10.0]


def test_the_truth_of_a_flow_is_what_scipy_integrates_from_the_last_context_state() -> None:
    prepared = prepare(LORENZ, _suite(LORENZ))
    last = prepared.contexts[:, -1] * prepared.units.deviation + prepared.units.mean
    times = 0.025 * np.arange(1, 90)

    def rates(t: float, u: np.ndarray) -> list[float]:
        return [10.0 * (u[1] - u[0]), u[0] * (28.0 - u[2]) - u[1], u[0] * u[1] - 8.0 / 3.0 * u[2]]

    truth = prepared.truth_windows() * prepared.units.deviation + prepared.units.mean
    for window in range(3):
        peer = solve_ivp(rates, (0.0, times[-1]), last[window], method="DOP853", t_eval=times, rtol=1e-12, atol=1e-12).y.T
        # 2 Lyapunov times amplify a difference of 1e-11 by e^2.
        assert truth[window] == pytest.approx(peer, abs=1e-8)
    assert prepared.trust() == pytest.approx(np.full(6, 89 * 0.025), rel=1e-12)


def test_angles_are_seen_as_cosine_and_sine() -> None:
    spec = TaskSpec("duffing", 300, 5, 1.0, 3, samples_per_period=20.0, climate_runs=0)
    prepared = prepare(spec, _suite(spec, metrics=("nrmse@1",)))
    assert prepared.plan.definition.components[-1] == "phase"
    assert prepared.problem.dimension == 4  # position, velocity, cos(phase), sin(phase)
    raw = np.concatenate([prepared.contexts, prepared.truth_windows()], axis=1) * prepared.units.deviation + prepared.units.mean
    assert np.hypot(raw[..., 2], raw[..., 3]) == pytest.approx(np.ones(raw.shape[:2]), rel=1e-12)
    turn = np.unwrap(np.arctan2(raw[..., 3], raw[..., 2]), axis=1)
    steps = np.diff(turn, axis=1)
    assert steps == pytest.approx(np.full(steps.shape, steps[0, 0]), abs=1e-9)  # the phase advances evenly, across the end of the context too


def test_kept_data_are_used_again_and_damaged_ones_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = prepare(HENON, _suite(HENON))
    truths = fresh.truth_windows().tolist(), fresh.truth_climate().tolist()
    kept = prepare(HENON, _suite(HENON), cache=tmp_path)
    kept.truth_windows()
    kept.truth_climate()
    files = sorted((tmp_path / "data").iterdir())
    assert len(files) == 6  # training, validation, and a context and a truth each of windows and free runs
    made = observations.simulate
    calls: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(options["n_samples"])
        return made(*arguments, **options)

    monkeypatch.setattr(observations, "simulate", counted)
    files[0].write_bytes(files[0].read_bytes()[:200])
    again = prepare(HENON, _suite(HENON), cache=tmp_path)
    assert again.contexts.tolist() == fresh.contexts.tolist()
    assert (again.truth_windows().tolist(), again.truth_climate().tolist()) == truths
    assert again.trust().tolist() == fresh.trust().tolist()
    assert len(calls) == 1  # the damaged one


@pytest.mark.parametrize(
    ("name", "period", "view", "columns"),
    [
        ("kuramoto_sivashinsky", 10.0, (), 64),
        ("stochastic_lorenz", 0.75, (), 3),
        ("impact_oscillator", 3.0, ("x", "v", "phase"), 4),
        ("noisy_henon", 1.0, (), 2),
    ],
)
def test_every_kind_of_system_makes_a_task_whose_truth_continues_its_contexts(
    monkeypatch: pytest.MonkeyPatch, name: str, period: float, view: tuple[str, ...], columns: int
) -> None:
    measured = SimpleNamespace(value=(0.1, 0.0), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=period, lyapunov_spectrum=measured))
    spec = TaskSpec(name, training_samples=200, context=5, horizon=1.0, windows=2, climate_runs=2, climate_samples=60, view=view)
    prepared = prepare(spec, _suite(spec))
    assert prepared.contexts.shape == (2, 5, columns)
    truth = prepared.truth_windows()
    assert np.isfinite(truth).all()
    assert np.abs(truth[:, 0] - prepared.contexts[:, -1]).max() < np.abs(truth - prepared.contexts[:, -1:]).max()
    assert (prepared.trust() > 0).all()
    assert np.isfinite(prepared.truth_climate()).all()
