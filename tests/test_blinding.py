"""Noisy and blind tasks: what a forecaster sees is disturbed or disguised, what it is scored by is not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chaosbench import blinding, plans
from chaosbench.blinding import ATTEMPTS, CHANGE, changed_system, mixed, mixing
from chaosbench.dynamics.reader import system
from chaosbench.errors import DatasetError, TaskError
from chaosbench.plans import plan
from chaosbench.references.oracle import Oracle
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import prepare

LORENZ = TaskSpec("lorenz63", training_samples=3000, context=20, horizon=2.0, windows=8, samples_per_period=30.0, climate_runs=2, climate_samples=200)
METRICS = ("valid_prediction_time", "nrmse@1")
SPECTRUM = (0.9056, 0.0, -14.5723)


def facts_of(definition: Any, progress: Any = None) -> Any:
    measured = SimpleNamespace(value=SPECTRUM, standard_error=(1e-3, 1e-3, 1e-3))
    return SimpleNamespace(period=0.75, lyapunov_spectrum=measured, regime="chaotic")


@pytest.fixture(autouse=True)
def known_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "facts_of", facts_of)
    monkeypatch.setattr(blinding, "facts_of", facts_of)


def suite(*specs: TaskSpec, seed: int = 0) -> Suite:
    return Suite("toy", 1, seed, METRICS, specs)


def test_noise_has_the_asked_size_on_inputs_and_none_on_the_truth() -> None:
    spec = replace(LORENZ, noise=0.2)
    clean, noisy = prepare(LORENZ, suite(LORENZ)), prepare(spec, suite(spec))
    # in the units of the noisy task: (clean observation - mean) / deviation, whose own deviation is 1 / sqrt(1 + 0.2^2) of the data's
    expected = noisy.units.of(clean.training.states[0] * clean.units.deviation + clean.units.mean)
    noise = noisy.training.states[0] - expected
    assert noise.std(axis=0) / expected.std(axis=0) == pytest.approx([0.2] * 3, rel=0.05)  # of 3000 samples: 1.3 % at one standard error
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.08  # white: 4 / sqrt(3000)
    assert noisy.scales.standard_deviation == pytest.approx([1 / np.sqrt(1.04)] * 3, rel=0.01)
    assert (noisy.contexts - noisy.clean_contexts("windows")).std() == pytest.approx(0.2 / np.sqrt(1.04), rel=0.15)
    assert (noisy.climate_contexts != noisy.clean_contexts("climate")).all()
    truth = clean.truth_windows() * clean.units.deviation + clean.units.mean
    assert noisy.truth_windows() == pytest.approx(noisy.units.of(truth), abs=1e-12)
    assert noisy.nearest == pytest.approx(clean.nearest, rel=0.2)  # distances are of the clean states, in nearly the same units


def test_noise_depends_on_seed_and_trajectory_alone() -> None:
    spec = replace(LORENZ, noise=0.1)
    fewer = replace(spec, windows=3)
    first, again, other, part = (prepare(one, suite(one, seed=seed)) for one, seed in ((spec, 0), (spec, 0), (spec, 1), (fewer, 0)))
    assert np.array_equal(first.contexts, again.contexts)
    assert not np.array_equal(first.contexts, other.contexts)
    assert np.array_equal(first.contexts[:3], part.contexts)


def test_the_oracle_starts_as_wrong_as_the_observations_are() -> None:
    for noise in (0.0, 0.2):
        prepared = prepare(replace(LORENZ, noise=noise), suite(LORENZ))
        error = Oracle(noise=1e-3).windows(prepared, 0)[:, 0, 0] - prepared.truth_windows()[:, 0]
        assert np.sqrt((error**2).mean()) == pytest.approx(max(noise, 1e-3), rel=0.5)  # 24 numbers, grown by one step


def test_a_blind_task_has_other_parameters_mixed_components_and_samples_as_time() -> None:
    spec = replace(LORENZ, blind=True)
    planned, prepared = plan(spec, suite(spec)), prepare(spec, suite(spec))
    before, after = system("lorenz63").scalars, planned.definition.scalars
    assert before.keys() == after.keys()
    assert all(CHANGE / 2 <= abs(after[name] / before[name] - 1) <= CHANGE for name in before)
    assert prepared.problem.dt == prepared.training.dt == prepared.scales.dt == 1.0
    assert prepared.scales.period == pytest.approx(30.0)
    assert prepared.scales.lyapunov_time == pytest.approx(1 / 0.9056 / 0.025)
    assert prepared.scales.spectrum == pytest.approx(np.array(SPECTRUM) * 0.025)
    assert prepared.problem.horizon == 89  # as without: 2 / 0.9056 / 0.025 = 88.3
    states = prepared.training.states[0]
    assert states.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert states.std(axis=0) == pytest.approx(1)
    # no component is one of the system's: each seen one is a mixture, here of at most 0.99 correlation with any
    plain = replace(prepared, units=replace(prepared.units, turn=None)).units.of
    raw = prepared.truth_climate()  # (R, T, D) in blind units
    matrix = prepared.units.turn
    assert matrix is not None
    unmixed = raw @ np.linalg.inv(matrix)
    correlation = np.corrcoef(np.concatenate([raw.reshape(-1, 3), unmixed.reshape(-1, 3)], axis=1).T)[:3, 3:]
    assert np.abs(correlation).max() < 0.999
    assert plain(prepared.units.mean) == pytest.approx(0)
    assert prepared.trust().max() <= prepared.problem.horizon  # in samples


def test_blind_truth_is_the_changed_system_seen_through_the_same_mixture() -> None:
    spec = replace(LORENZ, blind=True)
    prepared = prepare(spec, suite(spec))
    answer = Oracle(noise=0.0).windows(prepared, 0)[:, 0]  # it integrates the task's own system and sees it as a forecaster would
    assert answer == pytest.approx(prepared.truth_windows(), abs=1e-6)


def test_another_seed_gives_other_parameters_and_another_mixture() -> None:
    spec = replace(LORENZ, blind=True)
    one, other = (plan(spec, suite(spec, seed=seed)) for seed in (0, 1))
    assert one.definition.identity != other.definition.identity
    assert one.definition.identity == plan(spec, suite(spec, seed=0)).definition.identity
    assert not np.allclose(mixing(0, "a", 3), mixing(1, "a", 3))
    assert mixing(0, "a", 5) @ mixing(0, "a", 5).T == pytest.approx(np.eye(5), abs=1e-12)


def test_mixing_is_the_product_whatever_the_number_of_states() -> None:
    states = np.random.default_rng(0).standard_normal((7, 5, 4))
    matrix = mixing(3, "b", 4)
    assert mixed(states, matrix) == pytest.approx(states @ matrix, abs=1e-14)
    assert np.array_equal(mixed(states, matrix)[2:3, 1:2], mixed(states[2:3, 1:2], matrix))


def test_parameters_without_chaos_are_drawn_again_with_half_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def third_is_chaotic(definition: Any, progress: Any = None) -> Any:
        tried.append(max(abs(value / system("lorenz63").scalars[name] - 1) for name, value in definition.scalars.items()))
        if len(tried) == 1:
            raise DatasetError("it leaves")
        facts = facts_of(definition)
        facts.regime = "chaotic" if len(tried) > 2 else "periodic"
        return facts

    monkeypatch.setattr(blinding, "facts_of", third_is_chaotic)
    changed, facts = changed_system(system("lorenz63"), 0)
    assert len(tried) == 3
    assert all(change <= CHANGE * 0.5**attempt for attempt, change in enumerate(tried))
    assert facts.regime == "chaotic"
    assert changed.identity != system("lorenz63").identity


def test_no_chaos_anywhere_and_nothing_to_change_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskError, match=r"sprott_b.*no parameter to change, so it would be recognised"):
        changed_system(system("sprott_b"), 0)
    monkeypatch.setattr(
        blinding, "facts_of", lambda definition, progress=None: SimpleNamespace(**{**vars(facts_of(definition)), "regime": "periodic"})
    )
    with pytest.raises(TaskError, match=f"no chaos at {ATTEMPTS} choices of changed parameters"):
        changed_system(system("lorenz63"), 0)


def test_declared_chaotic_ranges_are_kept() -> None:
    definition = system("lorenz63")
    (rho,) = [parameter for parameter in definition.parameters if parameter.name == "rho"]
    assert rho.chaotic is not None
    for seed in range(20):
        changed, _ = changed_system(definition.with_parameters({"rho": rho.chaotic[0]}), seed)
        assert rho.chaotic[0] <= changed.scalars["rho"] <= rho.chaotic[1]
