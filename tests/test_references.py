"""References: what they answer is known, and their scores are what theory says. Their records stand apart."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chaosbench import plans
from chaosbench.catalogue import load
from chaosbench.errors import CatalogueError, RecordError, TaskError
from chaosbench.evaluation import evaluate
from chaosbench.identity import sha256_of
from chaosbench.ranking import rank
from chaosbench.records import Record, read_record, write_record
from chaosbench.references.base import Reference
from chaosbench.site import page_data
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import Prepared, prepare

LORENZ = TaskSpec("lorenz63", 600, 5, 12.0, 60, samples_per_period=30.0, climate_runs=2, climate_samples=1200)
HENON = TaskSpec("henon", training_samples=400, context=5, horizon=4.0, windows=12, climate_runs=3, climate_samples=2000)
METRICS = ("valid_prediction_time", "attractor_divergence", "spectral_hellinger")


def ready(spec: TaskSpec) -> Prepared:
    return prepare(spec, Suite("toy", 1, 0, METRICS, (spec,)))


@pytest.fixture(scope="module")
def lorenz() -> Prepared:
    return ready(LORENZ)


def oracle(**options: float) -> Reference:
    reference: Reference = load("references", "oracle")(**options)
    return reference


def valid_times(prepared: Prepared, answer: np.ndarray, threshold: float = 0.4) -> np.ndarray:
    """Return in Lyapunov times the first lead whose root mean square error over components exceeds `threshold`, (W,)."""
    error = np.sqrt(np.mean((answer[:, 0] - prepared.truth_windows()) ** 2, axis=2))
    first = np.where((error > threshold).any(axis=1), np.argmax(error > threshold, axis=1), error.shape[1])
    return np.asarray(first * prepared.plan.dt / prepared.plan.lyapunov_time)


def test_an_undisturbed_oracle_is_the_truth(lorenz: Prepared) -> None:
    np.testing.assert_allclose(oracle(noise=0.0).windows(lorenz, 0)[:, 0, :200], lorenz.truth_windows()[:, :200], atol=1e-8)
    climate = oracle(noise=0.0).climate(lorenz, 0)[:, 0]
    assert np.abs(climate[:, lorenz.climate_dropped :][:, :20] - lorenz.truth_climate()[:, :20]).max() < 1e-3  # 300 samples on: e^8 times rounding


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-5])
def test_an_oracle_sees_as_far_as_its_noise_allows(lorenz: Prepared, noise: float) -> None:
    expected = np.log(0.4 / noise)  # in Lyapunov times: 3.7, 6.0, 10.6
    measured = float(np.median(valid_times(lorenz, oracle(noise=noise).windows(lorenz, 0))))
    # the disturbance is aligned with the fastest direction by transient growth, which makes it larger at first
    assert expected / 1.5 < measured < 1.1 * expected


def test_a_tenth_of_the_noise_gains_the_logarithm_of_ten(lorenz: Prepared) -> None:
    gain = valid_times(lorenz, oracle(noise=1e-4).windows(lorenz, 0)) - valid_times(lorenz, oracle(noise=1e-3).windows(lorenz, 0))
    assert abs(np.mean(gain) - np.log(10)) < 4 * np.std(gain) / np.sqrt(len(gain))


def test_digits_round_to_that_part_of_a_deviation(lorenz: Prepared) -> None:
    start = oracle(noise=0.0, digits=1).windows(lorenz, 0)[:, 0, 0]
    assert 0.001 < np.abs(start - lorenz.truth_windows()[:, 0]).max() < 0.3
    fine = valid_times(lorenz, oracle(noise=0.0, digits=6).windows(lorenz, 0))
    assert np.median(fine) > np.median(valid_times(lorenz, oracle(noise=0.0, digits=3).windows(lorenz, 0))) + 4


def test_single_precision_ends_between_five_and_eight_digits(lorenz: Prepared) -> None:
    single = load("references", "oracle_float32")()
    reached = np.median(valid_times(lorenz, single.windows(lorenz, 0)))
    assert np.median(valid_times(lorenz, oracle(noise=1e-5).windows(lorenz, 0))) < reached
    assert np.abs(single.windows(lorenz, 0)[:, 0, 0] - lorenz.truth_windows()[:, 0]).max() < 1e-5


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(TaskSpec("mackey_glass", 300, 20, 1.0, 4, samples_per_period=30.0, climate_runs=0), marks=pytest.mark.slow),
        TaskSpec("double_pendulum", 300, 20, 1.0, 4, samples_per_period=30.0, climate_runs=0),
        TaskSpec("lorenz63", 300, 20, 1.0, 4, samples_per_period=30.0, climate_runs=0, view=("x",)),
        TaskSpec("duffing", 300, 20, 1.0, 4, samples_per_period=30.0, climate_runs=0),
    ],
    ids=["delay", "angles", "view", "forcing"],
)
def test_the_hidden_state_is_that_of_the_truth_for_every_kind(spec: TaskSpec) -> None:
    prepared = prepare(spec, Suite("toy", 1, 0, ("valid_prediction_time",), (spec,)))
    np.testing.assert_allclose(oracle(noise=0.0).windows(prepared, 0)[:, 0], prepared.truth_windows(), atol=1e-6)
    disturbed = oracle(noise=1e-4).windows(prepared, 0)[:, 0]
    assert 0 < np.abs(disturbed[:, :5] - prepared.truth_windows()[:, :5]).max() < 0.05


def test_noise_driven_systems_are_refused_with_the_reason() -> None:
    definition = SimpleNamespace(noise=object(), kind="stochastic")
    prepared = SimpleNamespace(plan=SimpleNamespace(definition=definition, spec=SimpleNamespace(noise=0.0)))
    assert "noise drives the system" in str(oracle().unsupported(prepared))  # type: ignore[arg-type]
    definition.noise, definition.kind = None, "hybrid"
    assert "events decide" in str(oracle().unsupported(prepared))  # type: ignore[arg-type]
    assert oracle(noise=0.0).unsupported(prepared) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"noise": -1.0}, {"noise": float("nan")}, {"digits": 1.5}, {"digits": 99}])
def test_an_impossible_disturbance_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(TaskError, match="leave it out"):
        oracle(**options)


@pytest.fixture
def henon(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    return ready(HENON)


def test_shuffled_runs_are_true_runs_in_another_order(henon: Prepared) -> None:
    answer = load("references", "shuffled_truth")().climate(henon, 0)[:, 0]
    runs = henon.independent_runs(3)
    for shuffled, run in zip(answer, runs, strict=True):
        assert not np.array_equal(shuffled, run)
        np.testing.assert_array_equal(np.sort(shuffled[:, 0]), np.sort(run[:, 0]))
        # the map makes one sample's second component from the first one's: y' = 0.3 x, shuffled they are independent
        assert abs(np.corrcoef(shuffled[:-1, 0], shuffled[1:, 1])[0, 1]) < 4 / np.sqrt(len(run))
    assert not np.isin(runs[:, :, 0], henon.truth_climate()[:, :, 0]).any()


def test_a_shuffled_truth_has_the_right_states_and_the_wrong_spectrum(henon: Prepared) -> None:
    record = evaluate("shuffled_truth", Suite("toy", 1, 0, METRICS, (HENON,)))
    metrics = record.cells[0]["metrics"]
    low, middle, high = (metrics["attractor_divergence"]["floor"][place] for place in (1, 0, 2))
    assert metrics["attractor_divergence"]["value"] < high + 2 * (high - low)
    assert metrics["spectral_hellinger"]["value"] > 2 * metrics["spectral_hellinger"]["floor"][2]
    assert middle > 0


def test_a_loop_repeats_and_closes_where_the_truth_nearly_does(henon: Prepared) -> None:
    answer = load("references", "periodic_loop")().climate(henon, 0)[0, 0]
    lengths = [length for length in range(1, 16) if np.array_equal(answer[length:], answer[:-length])]
    assert lengths
    assert 10 <= lengths[0] <= 15
    run = henon.independent_runs(3)[0]
    assert np.isin(answer[:, 0], run[:, 0]).all()


def _henon(prepared: Prepared, point: np.ndarray) -> np.ndarray:
    x, y = point * prepared.units.deviation + prepared.units.mean
    return (np.array([1 - 1.4 * x * x + y, 0.3 * x]) - prepared.units.mean) / prepared.units.deviation


def test_a_loop_follows_the_map_but_for_one_jump_a_round(henon: Prepared) -> None:
    answer = load("references", "periodic_loop")().climate(henon, 0)[0, 0, :16]
    gaps = np.sort([float(np.linalg.norm(answer[place + 1] - _henon(henon, answer[place]))) for place in range(15)])
    assert (gaps[:-2] < 1e-9).all()
    assert gaps[-1] < 0.5


def test_a_loop_longer_than_the_free_runs_is_refused(henon: Prepared) -> None:
    assert "hold no loop" in str(load("references", "periodic_loop")(periods=1500.0).unsupported(henon))


def test_references_are_found_by_name_beside_the_forecasters() -> None:
    with pytest.raises(CatalogueError, match="did you mean 'oracle'"):
        evaluate("oracel", Suite("toy", 1, 0, METRICS, (HENON,)))


@pytest.fixture
def records(henon: Prepared) -> list[Record]:
    suite = Suite("toy", 1, 0, METRICS, (HENON,))
    return [evaluate(name, suite) for name in ("zeros", "oracle", "persistence")]


def test_the_mark_survives_the_disk_and_is_part_of_the_hash(records: list[Record], tmp_path: Path) -> None:
    kept = read_record(write_record(records[1], tmp_path))
    assert kept.reference
    assert kept.sha256 == records[1].sha256
    unmarked = {key: value for key, value in kept.identity.items() if key != "reference"}
    assert replace(kept, identity=unmarked).sha256 != kept.sha256
    assert not records[0].reference
    assert "reference" not in records[0].identity


def test_a_mark_that_is_not_true_is_refused(records: list[Record], tmp_path: Path) -> None:
    path = write_record(records[1], tmp_path)
    data = json.loads(path.read_text())
    data["identity"]["reference"] = False
    data["sha256"] = sha256_of({"identity": data["identity"], "cells": data["cells"]})
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match="can only be true"):
        read_record(path)


def test_rankings_show_references_last_and_without_a_rank(records: list[Record]) -> None:
    frame = rank(records, "valid_prediction_time")
    assert list(frame["reference"]) == [False, False, True]
    assert frame["forecaster"].iloc[2] == "oracle"
    assert frame["rank"].iloc[2] == 0
    assert set(frame["rank"].iloc[:2]) <= {1, 2}
    assert frame["value"].iloc[2] > frame["value"].iloc[:2].max()


def test_no_reference_is_called_the_best(records: list[Record]) -> None:
    data = page_data(records)
    assert data["forecasters"]["oracle"]["reference"]
    assert all(view["best"] in ("zeros", "persistence") for view in data["views"])
    assert "Only references" in page_data(records[1:2])["views"][0]["verdict"]
