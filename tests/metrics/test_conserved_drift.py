from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chaosbench import plans
from chaosbench.catalogue import system_files
from chaosbench.dynamics.reader import system
from chaosbench.errors import MetricError, TaskError
from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.conserved_drift import ConservedDrift
from chaosbench.observations import conserved, observe
from chaosbench.plans import plan
from chaosbench.standardising import Units
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare


def _energy(states: np.ndarray) -> np.ndarray:
    return np.asarray((states**2).sum(axis=-1) / 2)


def _scales(dimension: int = 2, **conserved: Any) -> Scales:
    return Scales(0.1, 6.28, float("nan"), np.zeros(1), np.ones(dimension), conserved=conserved or {"energy": _energy})


def _score(run: np.ndarray, truth: np.ndarray, scales: Scales) -> float:
    return float(ConservedDrift().score(Answer(run[None, None], np.array([len(run)])), truth[None], scales)[0])


def _circle(samples: int = 20_000, radius: float = 1.0) -> np.ndarray:
    phase = 2 * np.pi * np.arange(samples) / 97.3
    return radius * np.stack([np.cos(phase), np.sin(phase)], axis=1)


def test_the_unit_is_the_spread_of_the_quantity_without_its_conservation_law() -> None:
    # x = cos u and p = sin v with u and v unrelated: the energy is 1/2 + (cos 2u - cos 2v) / 4. Quantiles of all pairs on a grid:
    grid = np.cos(2 * np.pi * (np.arange(1_000) + 0.5) / 1_000)
    low, high = np.percentile(0.5 + (grid[:, None] - grid) / 4, [16, 84])
    # An orbit of twice the radius has the energy 2 instead of 1/2.
    assert _score(_circle(radius=2.0), _circle(), _scales()) == pytest.approx(1.5 / ((high - low) / 2), rel=0.03)  # 4 000 shuffled states


def test_the_largest_departure_from_the_truths_level_counts_whenever_it_happens() -> None:
    truth = _circle(5_000)
    unit = 1.5 / _score(_circle(5_000, radius=2.0), truth, _scales())
    for radius in (0.5, 1.1):
        run = truth.copy()
        run[1234] *= radius
        assert _score(run, truth, _scales()) == pytest.approx(abs(radius**2 - 1) / 2 / unit, rel=1e-9)
    assert _score(truth, truth, _scales()) < 1e-14
    assert _score(np.zeros_like(truth), truth, _scales()) == pytest.approx(0.5 / unit, rel=1e-9)  # rest conserves everything, at another level


def test_neither_a_constant_nor_a_factor_nor_the_order_of_samples_changes_the_score() -> None:
    run, truth = _circle(3_000, radius=1.1), _circle(3_000)
    value = _score(run, truth, _scales())
    assert _score(run, truth, _scales(energy=lambda states: 100.0 - 7.0 * _energy(states))) == pytest.approx(value, rel=1e-9)
    assert _score(run[::-1], truth, _scales()) == pytest.approx(value, rel=1e-12)


def test_the_worst_quantity_decides() -> None:
    run, truth = _circle(3_000, radius=1.1), _circle(3_000)
    both = _scales(energy=_energy, nothing=lambda states: np.ones(len(states)))
    assert _score(run, truth, both) == _score(run, truth, _scales())


def test_states_without_a_value_and_failed_runs_score_ten() -> None:
    truth = np.abs(_circle(500)) + 0.1
    logarithm = _scales(volume=lambda states: np.log(states[..., 0]) + states[..., 1])
    assert _score(-truth, truth, logarithm) == 10.0
    assert ConservedDrift().score(Answer(truth[None, None], np.array([499])), truth[None], logarithm).tolist() == [10.0]
    assert _score(truth * 1e6, truth, _scales()) == 10.0


def test_a_task_without_a_conserved_quantity_is_refused_before_any_fit() -> None:
    with pytest.raises(MetricError, match="needs a conserved quantity"):
        ConservedDrift().score(Answer(np.zeros((1, 1, 9, 2)), np.array([9])), np.zeros((1, 9, 2)), Scales(0.1, 1.0, 1.0, np.ones(1), np.ones(2)))
    spec = TaskSpec("henon", training_samples=200, context=5, horizon=1.0, windows=2, climate_runs=2, climate_samples=100)
    with pytest.raises(TaskError, match=r"metric 'conserved_drift' needs a conserved quantity .* leave it out of the suite"):
        prepare(spec, Suite("own", 1, 0, ("conserved_drift",), (spec,)))
    with pytest.raises(MetricError, match="takes no argument"):
        ConservedDrift(1.0)


@pytest.fixture
def known_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = SimpleNamespace(value=(0.1, 0.0), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=3.0, lyapunov_spectrum=measured))


def _task(name: str, **changed: Any) -> TaskSpec:
    return TaskSpec(name, training_samples=400, context=5, horizon=1.0, windows=2, climate_runs=2, climate_samples=200, **changed)


@pytest.mark.usefixtures("known_facts")
def test_a_task_tells_the_metric_what_its_system_conserves_in_standardised_units() -> None:
    spec = _task("henon_heiles")
    prepared = prepare(spec, Suite("own", 1, 0, ("conserved_drift",), (spec,)))
    (energy,) = prepared.scales.conserved.values()
    states = prepared.truth_windows()[0] * prepared.units.deviation + prepared.units.mean
    x, y, p_x, p_y = states.T
    expected = (p_x**2 + p_y**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3
    assert energy(prepared.truth_windows()[0]) == pytest.approx(expected, rel=1e-12)
    assert prepared.floors()["conserved_drift"][0] < 1e-6  # each true run against itself


@pytest.mark.usefixtures("known_facts")
def test_cosines_and_sines_are_turned_back_into_angles_and_a_reordered_view_into_states() -> None:
    spec = _task("double_pendulum")
    suite = Suite("own", 1, 0, ("conserved_drift",), (spec,))
    prepared = prepare(spec, suite)
    assert prepared.problem.dimension == 6
    assert prepared.floors()["conserved_drift"][0] < 1e-6
    turned = prepare(_task("double_pendulum", view=("p_2", "theta_1", "p_1", "theta_2")), suite)
    # the same trajectories, seen in another order: p_2, cos and sin of theta_1, p_1, cos and sin of theta_2
    order = [prepared.problem.dimension - 1, 0, 1, 4, 2, 3]
    assert turned.truth_climate() == pytest.approx(prepared.truth_climate()[..., order], abs=1e-12)
    (one,), (other,) = prepared.scales.conserved.values(), turned.scales.conserved.values()
    assert other(turned.truth_climate()[0]) == pytest.approx(one(prepared.truth_climate()[0]), rel=1e-9)


def test_units_that_mix_the_components_are_undone() -> None:
    stream = np.random.default_rng(0)
    observed, turn = stream.normal(size=(4, 7, 3)), stream.normal(size=(3, 3))
    for units in (Units(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0]), mixing) for mixing in (None, turn)):
        assert units.back(units.of(observed)) == pytest.approx(observed, rel=1e-10)
        assert units.back(units.of(observed[0])) == pytest.approx(observed[0], rel=1e-10)


@pytest.mark.usefixtures("known_facts")
def test_hidden_components_leave_nothing_to_compute() -> None:
    spec = _task("henon_heiles", view=("x", "y", "p_x"))
    assert prepare(spec, Suite("own", 1, 0, ("nrmse",), (spec,))).scales.conserved == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in system_files() if system(name).integrals])
def test_every_declared_integral_stays_where_it_is_in_standardised_units(name: str) -> None:
    spec = TaskSpec(name, 400, 5, 1.0, 2, samples_per_period=None if system(name).discrete else 20.0, climate_runs=0)
    planned = plan(spec, Suite("own", 1, 0, ("nrmse",), (spec,)))
    states, _ = observe(planned, "training", 1, 1_000)
    mean, deviation = states.mean(axis=(0, 1)), states.std(axis=(0, 1))
    deviation[deviation == 0] = 1.0
    truth = (states[0] - mean) / deviation
    quantities = conserved(planned, Units(mean, deviation, None).back)
    assert set(quantities) == set(system(name).integrals or {})
    # Flows are integrated at 1e-9; fields and noise by steps of fixed size, whose drift in 1 000 samples was measured at up to 0.04.
    tolerance = 0.1 if system(name).space is not None or system(name).noise is not None else 1e-6
    assert _score(truth, truth, Scales(1.0, 1.0, 1.0, np.zeros(1), np.ones(truth.shape[1]), conserved=quantities)) < tolerance
